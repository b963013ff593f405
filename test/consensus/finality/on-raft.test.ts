import assert from 'node:assert/strict'
import { recoverMember } from '../../../consensus/finality/disk.ts'
import { FinalityDriver } from '../../../consensus/finality/driver.ts'
import { FinalityHost } from '../../../consensus/finality/host.ts'
import { decodeSeal, encodeSeal, genesisHash, type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import type { Effects } from '../../../consensus/finality/types.ts'
import { GroupDriver } from '../../../consensus/groups/driver.ts'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { recoverPromised } from '../../../consensus/groups/liveness/support-disk.ts'
import { recoverGroup } from '../../../consensus/groups/raft-disk.ts'
import { type CommittedEntry, TICK_MS } from '../../../consensus/groups/types.ts'
import type { Channel } from '../../../daemon/ports.ts'
import { equalBytes } from '../../../storage/bytes.ts'
import type { SimContext, SimNode } from '../../../testnet/simulation/node.ts'
import { seedOr, simulate } from '../../../testnet/simulation/replay.ts'
import type { Simulation } from '../../../testnet/simulation/simulation.ts'
import { authority, keys, members, seal } from './generate.ts'

const TITLE = 'finality on top of Raft'
const GROUP = 1
const MEMBERS = 4
const CHANNEL = { maxFrameBytes: 4 << 20, maxChannelsPerPeer: 4 }
const PROTOCOLS = ['raft-urgent/1', 'raft-bulk/1', 'finality/1']

/** A node whose only records are seals: both hosts, on one disk and one batch. */
class SealingNode {
  readonly number: number
  readonly finality: FinalityHost
  readonly votes: FinalityDriver
  readonly groups: GroupHost
  readonly raft: GroupDriver
  readonly finals: number[] = []
  readonly #context: SimContext
  readonly #channels = new Map<string, Channel>()
  #head: { height: number; hash: Uint8Array } = { height: 0, hash: genesisHash }

  constructor(context: SimContext, promisedMs: number) {
    this.#context = context
    this.number = Number(context.name.slice(1))
    const { clock, random, store } = context
    const common = {
      self: this.number,
      nowMs: () => clock.monotonicMs(),
      random: (below: number) => random.below(below),
    }
    this.groups = new GroupHost({ ...common, promisedMs })
    const nothing = (): void => {}
    this.raft = new GroupDriver({
      ...{ host: this.groups, store, schedule: run => clock.after(0, run) },
      send: (peer, lane, frame) => this.#channels.get(`n${peer} ${PROTOCOLS[lane]}`)?.send(frame) ?? false,
      onCommitted: (_group, entries) => this.#apply(entries),
      ...{ onRole: nothing, onRead: nothing, onMembers: nothing, onRemoved: nothing },
      ...{ onSnapshotOffer: nothing, onSnapshotInstalled: nothing },
      onGroupFault: ({ message }) => assert.fail(message),
      onStoreFailure: error => assert.fail(error),
    })
    this.finality = new FinalityHost({
      ...{ ...common, sign: keys.signer(this.number), verify: keys.verify },
      ...{ progressMs: failures => 1000 * 2 ** Math.min(failures, 3), resendMs: 300 },
    })
    this.votes = new FinalityDriver({
      host: this.finality,
      schedule: run => clock.after(0, run),
      send: (peer, frame) => this.#channels.get(`n${peer} finality/1`)?.send(frame) ?? false,
      write: (ops, done) => {
        this.raft.addOps(ops)
        if (done !== undefined) this.raft.sync(done)
      },
      carryOut: effects => this.#carryOut(effects),
    })
  }

  async open(): Promise<void> {
    const { store } = this.#context
    const stored = await recoverMember(store, GROUP)
    this.finality.open({
      group: GROUP,
      authority,
      epoch: 0,
      founders: members(MEMBERS),
      stored,
      forgetful: false,
    })
    const { view, frozenTo, base, baseSeal } = this.finality.status(GROUP)!
    if (frozenTo === view) await this.#enter(view, base, baseSeal)
    this.#listen()
  }

  async #enter(
    view: number,
    base: { height: number; hash: Uint8Array },
    seal: Seal | undefined,
  ): Promise<void> {
    this.#head = base
    const instance = { group: GROUP, epoch: 0, view }
    const recovered = await recoverGroup(this.#context.store, instance)
    this.groups.open(
      { ...instance, voters: members(MEMBERS).map(({ node }) => node), learners: [] },
      recovered,
    )
    if (seal !== undefined) this.finality.executed(GROUP, 0, view, seal)
    this.raft.wake()
    this.votes.wake()
  }

  #listen(): void {
    const { network, clock } = this.#context
    PROTOCOLS.forEach((protocol, lane) => {
      network.handle(protocol, CHANNEL, channel => {
        const peer = Number(channel.peer.slice(1))
        channel.onFrame(frame => (lane < 2 ? this.raft : this.votes).receive(peer, frame))
      })
    })
    network.onPeer((peer, connected) => {
      if (connected) for (const protocol of PROTOCOLS) this.#open(peer, protocol)
      else this.raft.peerDown(Number(peer.slice(1)))
    })
    for (const peer of network.peers()) for (const protocol of PROTOCOLS) this.#open(peer, protocol)
    const every = (ms: number, run: () => void): void => {
      clock.after(ms, () => {
        run()
        every(ms, run)
      })
    }
    every(TICK_MS, () => this.raft.tick())
    every(50, () => this.votes.tick())
    every(200, () => this.#propose())
    every(1000, () => this.finality.lease(clock.monotonicMs() + 3000))
    this.finality.lease(clock.monotonicMs() + 3000)
  }

  #open(peer: string, protocol: string): void {
    const { network, clock } = this.#context
    const key = `${peer} ${protocol}`
    if (this.#channels.has(key) || !network.peers().includes(peer)) return
    network.open(peer, protocol).then(
      channel => {
        this.#channels.set(key, channel)
        if (PROTOCOLS.every(one => this.#channels.has(`${peer} ${one}`)))
          this.raft.peerUp(Number(peer.slice(1)))
        channel.onClose(() => {
          this.#channels.delete(key)
          this.raft.peerDown(Number(peer.slice(1)))
          clock.after(50, () => this.#open(peer, protocol))
        })
      },
      () => clock.after(50, () => this.#open(peer, protocol)),
    )
  }

  /** Raft's leader seals what stands on the last certificate; one seal is in flight. */
  #propose(): void {
    const { certified, epoch } = this.finality.status(GROUP)!
    if (!equalBytes(certified.hash, this.#head.hash)) return
    const next = seal(certified.height + 1, certified.hash, {
      epoch,
      timeMs: Math.floor(this.#context.clock.wallMs()),
    })
    this.raft.propose(GROUP, encodeSeal(next))
  }

  #apply(entries: readonly CommittedEntry[]): void {
    const { view } = this.groups.status(GROUP) ?? { view: -1 }
    for (const { data } of entries) {
      const next = decodeSeal(data)
      // Two proposals of one height may both be committed: the second follows nothing.
      if (next === undefined || !equalBytes(next.previous, this.#head.hash)) continue
      this.#head = { height: next.height, hash: sealHash(next) }
      this.finality.executed(GROUP, 0, view, next)
    }
    this.votes.wake()
  }

  #carryOut({
    freeze,
    restart,
    certified,
    final,
    evidence,
    halted,
    diverged,
  }: Omit<Effects, 'write' | 'send'>): void {
    assert.deepEqual([evidence, halted, diverged], [[], [], []])
    for (const _ of freeze) this.groups.close(GROUP)
    for (const { view, base } of restart) {
      const head =
        base === undefined ? { height: 0, hash: genesisHash } : { height: base.height, hash: sealHash(base) }
      void this.#enter(view, head, base)
    }
    // Who anchors does so at once, until there is a directory.
    for (const { certificate } of certified) this.finality.anchored(GROUP, sealHash(certificate.seal))
    for (const { certificate } of final) this.finals.push(certificate.seal.height)
    if (certified.length > 0) this.votes.wake()
  }
}

async function startAll(simulation: Simulation): Promise<SimNode<SealingNode>[]> {
  const nodes: SimNode<SealingNode>[] = []
  for (let number = 1; number <= MEMBERS; number++) {
    const node = simulation.addNode(`n${number}`, async context => {
      const program = new SealingNode(context, await recoverPromised(context.store))
      await program.open()
      return program
    })
    nodes.push(node)
    node.start()
  }
  await simulation.runFor(5000)
  return nodes
}

const heights = (nodes: readonly SimNode<SealingNode>[]): number[] =>
  nodes.map(({ program }) => program!.finality.status(GROUP)!.finalHeight)
const views = (nodes: readonly SimNode<SealingNode>[]): number[] =>
  nodes.map(({ program }) => program!.finality.status(GROUP)!.view)

describe(TITLE, function () {
  this.timeout(20_000)

  it('decides what Raft commits, over crashes of one member and of all', async () => {
    await simulate(seedOr(1), TITLE, async simulation => {
      const nodes = await startAll(simulation)
      const before = Math.min(...heights(nodes))
      assert.ok(before > 5, `only ${heights(nodes)}`)
      nodes[0]!.crash()
      await simulation.runFor(3000)
      nodes[0]!.start()
      await simulation.runFor(3000)
      const between = Math.min(...heights(nodes))
      assert.ok(between > before + 5, `${heights(nodes)} after ${before}`)
      for (const node of nodes) node.restart()
      await simulation.runFor(5000)
      assert.ok(Math.min(...heights(nodes)) > between + 5, `${heights(nodes)} after ${between}`)
    })
  })

  it('goes on in a fresh Raft instance when the members give a view up, also after a crash there', async () => {
    await simulate(seedOr(2), TITLE, async simulation => {
      const nodes = await startAll(simulation)
      const before = Math.max(...heights(nodes))
      for (const { program } of nodes) {
        program!.finality.suspect(GROUP)
        program!.votes.wake()
      }
      await simulation.runFor(5000)
      assert.ok(Math.min(...views(nodes)) >= 1)
      const between = Math.min(...heights(nodes))
      assert.ok(between > before + 5, `${heights(nodes)} after ${before}`)
      for (const node of nodes) node.restart()
      await simulation.runFor(6000)
      assert.ok(Math.min(...heights(nodes)) > between + 5, `${heights(nodes)} after ${between}`)
    })
  })
})
