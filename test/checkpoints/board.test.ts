import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { CheckpointBoard } from '../../daemon/checkpoints/board.ts'
import { encodeNotes } from '../../daemon/checkpoints/message.ts'
import { EvidenceExchange, evidenceTopic } from '../../daemon/evidence/exchange.ts'
import type { Network } from '../../daemon/ports.ts'
import type { SimContext, SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'
import { fakeRoot, rootAt, Town, Watcher } from './support.ts'

const numberOf = (peer: string): number => Number(peer.slice(1))
const liar = 4

interface Honest {
  readonly watcher: Watcher
  readonly exchange: EvidenceExchange
  readonly counts: Map<string, number>
}

describe('nodes that tell each other their checkpoints', function () {
  this.timeout(20_000)
  let town: Town
  let simulation: Simulation
  let honest: Map<number, SimNode<Honest>>
  /** What the liar has for each node alone, beside what it has for all. */
  const whispers = new Map<string, number>()
  let lying: Network

  before(() => {
    town = new Town()
  })
  after(() => town.remove())
  beforeEach(async () => {
    whispers.clear()
    simulation = new Simulation(7)
    honest = new Map([1, 2, 3, 5].map(n => [n, simulation.addNode(`n${n}`, context => start(context))]))
    const four = simulation.addNode('n4', ({ network }) => {
      lying = network
      return network
    })
    for (const node of [...honest.values(), four]) node.start()
    await simulation.runFor(3_000)
  })

  /** As a node is put together. In this network nobody passes on what another has said. */
  function start({ name, network, clock }: SimContext): Honest {
    const counts = new Map<string, number>()
    const count = (what: string, { code = '' }: Record<string, string>): void => {
      counts.set(`${what} ${code}`, (counts.get(`${what} ${code}`) ?? 0) + 1)
    }
    const heardByMe: Network = {
      ...{
        self: network.self,
        peers: () => network.peers(),
        publish: (topic, data) => network.publish(topic, data),
      },
      ...{ onPeer: () => {}, handle: () => {}, open: () => Promise.reject(new Error('unused')) },
      subscribe: (topic, maxBytes, listener) =>
        network.subscribe(topic, maxBytes, (from, data) => {
          const only = whispers.get(Buffer.from(data).toString('latin1'))
          return only === undefined || only === numberOf(name) ? listener(from, data) : 'drop'
        }),
    }
    const watcher = new Watcher(town, numberOf(name), () => clock.monotonicMs())
    const exchange = new EvidenceExchange({
      ...{ network: heardByMe, clock, numberOf, count },
      judge: text => town.judge.judge(text),
      files: { pathOf: id => id, keep: () => {}, drop: () => {}, look: () => [] },
      learnt: text => watcher.comparer.heardEvidence(text),
      log: () => {},
    })
    watcher.found = text => exchange.found(text)
    new CheckpointBoard({
      ...{ network: heardByMe, clock, comparer: watcher.comparer, numberOf, count },
      own: () => [...watcher.replicas.values()].map(({ published }) => published),
    })
    return { watcher, exchange, counts }
  }

  function grow(origin: string, size: number, which: readonly number[] = [1, 2, 3, 5]): void {
    for (const n of which) honest.get(n)!.program!.watcher.replicas.get(origin)?.grow(size)
  }

  /** Only this node hears it, and, where it passes that on under its own name, those whom it tells. */
  function whisper(to: number, origin: string, size: number, root: Uint8Array): void {
    const { bytes } = encodeNotes([town.sign(liar, origin, size, root)])
    whispers.set(Buffer.from(bytes).toString('latin1'), to)
    lying.publish('checkpoints', bytes)
  }

  function makeNoise(origin: string, seed: number): void {
    for (let i = 0; i < 5; i++) {
      const forged = town.sign(liar, origin, 40, fakeRoot(10 * seed + i)).replace(/.{6}=\n$/, 'AAAAAA=\n')
      lying.publish('checkpoints', encodeNotes([forged]).bytes)
      lying.publish('checkpoints', randomBytes(200))
      lying.publish(evidenceTopic, randomBytes(200))
    }
  }

  async function everybodyNamesTheLiar(): Promise<void> {
    for (const n of honest.keys()) {
      const list = honest.get(n)!.program!.exchange.list()
      assert.ok(
        list.some(({ accused }) => accused.includes(liar)),
        `node ${n}`,
      )
      for (const { accused, text } of list) {
        assert.ok(accused.every(node => node === liar))
        assert.ok((await town.verify(text)).ok)
      }
    }
  }

  it('accuse nobody while leaders come and go, and some members are behind', async () => {
    const [area, other] = town.origins as [string, string]
    for (let second = 1; second <= 20; second++) {
      for (const n of [1, 2, 3, 5]) {
        const size = 4 * (second - (second % n))
        if (size > 0) for (const origin of [area, other]) grow(origin, size, [n])
      }
      await simulation.runFor(1_000)
    }
    for (const n of honest.keys()) assert.deepEqual(honest.get(n)!.program!.exchange.list(), [])
  })

  for (const [what, origin, lied, told] of [
    ['to two members of the log', 0, 2, 3],
    ['to a node that does not hold the log, and to a member', 0, 5, 1],
    ['about the past', 1, 1, 5],
  ] as const) {
    it(`find within 5 s who shows two faces ${what}, whatever noise it makes`, async () => {
      const log = town.origins[origin]!
      grow(log, 20)
      await simulation.runFor(2_000)
      grow(log, 40)
      await simulation.runFor(2_000)
      const size = what === 'about the past' ? 20 : 40
      whisper(told, log, 40, await rootAt(40))
      whisper(lied, log, size, fakeRoot(1))
      // Both are seen; had the noise come before, nobody would have heard the liar at all.
      await simulation.runFor(100)
      for (let i = 0; i < 48; i++) {
        makeNoise(log, i)
        await simulation.runFor(100)
      }
      await everybodyNamesTheLiar()
      const { counts } = honest.get(told)!.program!
      const of = (code: string): number => counts.get(code) ?? 0
      assert.ok(of('checkpoints_refused malformed') + of('checkpoints_refused bad-signature') > 0)
      assert.ok(of('checkpoints_refused over-rate') > 100 && of('evidence_refused over-rate') > 100)
    })
  }
})
