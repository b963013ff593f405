import assert from 'node:assert/strict'
import { decodeReceipts } from '../../client/protocol/receipts.ts'
import { sessionIdOf } from '../../client/protocol/session.ts'
import type { InputResult, ReadResult } from '../../daemon/gateway/router.ts'
import type { HistoryEvent } from '../../testnet/history/event.ts'
import { seededKey, sha256 } from '../../testnet/simulation/authorities/realm.ts'
import type { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { importUnder } from '../../testnet/simulation/bugs/plant.ts'
import { simulate } from '../../testnet/simulation/replay.ts'
import { type Action, decodeEntity, encodeCourse, encodeInput, hexOf, logTagOf } from '../../world/codec.ts'
import { checkHistory, type HistoryReport } from './check.ts'
import { pairOperations } from './operation.ts'

const TITLE = 'reads of a leader that was deposed'
const GROUP = 1
const WRITER = 0
const SEED = 'player of the history'

/** Everything that two clients of a simulated network asked for, and were told. */
class Scribe {
  readonly events: HistoryEvent[] = []
  readonly #realm: SimRealm
  readonly #key
  readonly #session
  #seq = 0
  #readers = WRITER + 1

  constructor(realm: SimRealm) {
    this.#realm = realm
    this.#key = seededKey(realm.simulation.seed, SEED)
    this.#session = sessionIdOf(this.#key.publicKey, 1, sha256)
  }

  /** At the gateway of a node, by the player; returns once it was answered. */
  async act(node: number, action: Action): Promise<void> {
    const { name, origin } = this.#realm.realm.areas[GROUP - 1]!
    const seq = ++this.#seq
    const log = logTagOf(origin, sha256)
    const body = encodeInput({ player: this.#key.publicKey, session: this.#session, seq, log, action })
    const asked = action.kind === 'move' ? encodeCourse(action) : null
    const f = { f: 'write' as const, key: action.kind === 'move' ? 'player/course' : 'player/spawned' }
    this.#write({ process: WRITER, type: 'invoke', ...f, value: asked, seq })
    let result: InputResult | undefined
    this.#realm.node(node).program!.router.submit(name, [body], {
      answered: (_, given) => {
        result = given
      },
    })
    assert.ok(await this.#realm.simulation.runUntil(() => result !== undefined, 5_000))
    assert.ok(result?.kind === 'committed', JSON.stringify(result))
    const { leaf } = decodeReceipts(result.receipts)!
    this.#write({ process: WRITER, type: 'ok', ...f, value: asked, seq, log: origin, leaf })
  }

  /** A client of its own reads at the gateway of a node; what is never answered ends as `info`. */
  read(node: number): void {
    const { name, origin } = this.#realm.realm.areas[GROUP - 1]!
    const read = { process: this.#readers++, f: 'read' as const, key: 'player/course' }
    this.#write({ ...read, type: 'invoke', value: null })
    this.#realm.node(node).program!.router.read(name, this.#key.publicKey, (result: ReadResult) => {
      if (result.kind !== 'state')
        return this.#write({ ...read, type: 'info', value: null, code: result.kind })
      const { entity, size, tick } = result.state
      const motion = entity && decodeEntity(entity)?.motion
      const value = motion && tick < motion.untilTick ? encodeCourse(motion) : 0
      this.#write({ ...read, type: 'ok', value, log: origin, size })
    })
  }

  check(): HistoryReport {
    return checkHistory(pairOperations(this.events))
  }

  #write(event: Omit<HistoryEvent, 'session' | 'timeNs'>): void {
    const session = hexOf(this.#session, 0, this.#session.length)
    this.events.push({ ...event, session, timeNs: this.#realm.simulation.nowUs * 1000 })
  }
}

/** The leader is cut off, another one takes over and commits, and both are asked all the while. */
async function cutOff(seed: number, bug?: string): Promise<HistoryReport> {
  type Module = typeof import('../../testnet/simulation/authorities/sim-realm.ts')
  const url = import.meta.resolve('../../testnet/simulation/authorities/sim-realm.ts')
  const { SimRealm } = await importUnder<Module>(bug, url)
  let report!: HistoryReport
  await simulate(seed, TITLE, async simulation => {
    const realm = new SimRealm(simulation, { seed, nodes: 3, groups: 1, replicas: 3 })
    await simulation.runFor(2_000)
    const old = realm.leaderOf(GROUP)!
    const others = [1, 2, 3].filter(node => node !== old)
    const scribe = new Scribe(realm)
    await scribe.act(others[0]!, { kind: 'spawn', name: 'ada' })
    await scribe.act(others[0]!, { kind: 'move', vxMmPerTick: 1, vyMmPerTick: 0 })
    for (const node of [1, 2, 3]) scribe.read(node)
    await simulation.runFor(100)
    const reading = (): void => {
      for (const node of [1, 2, 3]) scribe.read(node)
      simulation.schedule(undefined, 20, '', reading)
    }
    reading()
    simulation.network.links.partition(
      [`n${old}`],
      others.map(node => `n${node}`),
    )
    await scribe.act(others[0]!, { kind: 'move', vxMmPerTick: 2, vyMmPerTick: 0 })
    await scribe.act(others[0]!, { kind: 'move', vxMmPerTick: 3, vyMmPerTick: 0 })
    await simulation.runFor(1_000)
    simulation.network.links.heal()
    await simulation.runFor(1_000)
    report = scribe.check()
  })
  return report
}

describe(TITLE, function () {
  this.timeout(20_000)

  it('wait, or show the past to nobody: by quorum, and by lease', async () => {
    for (const seed of [2, 3]) {
      const { findings, ok } = await cutOff(seed)
      assert.deepEqual(findings, [])
      assert.ok(ok > 50, `${ok} answered`)
    }
  })

  it('would be rejected, had it served them without a lease and without asking a quorum', async () => {
    const { findings } = await cutOff(2, 'reads-without-quorum')
    assert.ok(findings.some(it => /^not linearizable: no order explains process \d+'s read/.test(it)))
    assert.ok(
      findings.some(it => /^process \d+'s read of player\/course shows \d+ leaves, and was asked/.test(it)),
    )
  })
})
