import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { GroupDriver } from '../../../consensus/groups/driver.ts'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { forgottenPromisesOp, recoverPromised } from '../../../consensus/groups/liveness/support-disk.ts'
import { lostDiskOps, recoverGroup } from '../../../consensus/groups/raft-disk.ts'
import { nextReplacementStep } from '../../../consensus/groups/replacement.ts'
import {
  type CommittedEntry,
  type ReadDone,
  type SnapshotOffer,
  TICK_MS,
} from '../../../consensus/groups/types.ts'
import type { Channel } from '../../../daemon/ports.ts'
import { authorityKey } from '../../../storage/keys.ts'
import type { SimContext } from '../../../testnet/simulation/node.ts'
import type { Cluster, GroupPlan } from './cluster.ts'

/** The state machine of the tests: a hash chain over all entries, so that one lost or moved entry changes all after it. */
export interface Chain {
  readonly index: number
  readonly value: string
}

interface AskedRead {
  readonly group: number
  readonly floor: number
  /** Once the leader has said it. */
  readonly index?: number
  readonly by?: string
}

const LANES = ['raft-urgent/1', 'raft-bulk/1']
const CHANNEL = { maxFrameBytes: 4 << 20, maxChannelsPerPeer: 4 }
export const START: Chain = { index: 0, value: '' }

export const nameOf = (number: number): string => `n${number}`
const numberOf = (name: string): number => Number(name.slice(1))

/** One node as a daemon would wire it: channels to the host, commits to the state machine, state to the disk. */
export class GroupNode {
  readonly number: number
  readonly host: GroupHost
  readonly driver: GroupDriver
  readonly failures: Error[] = []
  readonly #cluster: Cluster
  readonly #context: SimContext
  readonly #channels = new Map<string, Channel>()
  readonly #opening = new Set<string>()
  readonly #chains: Map<number, Chain>
  /** Proposals that wait for their commit: by group, `index/term`. */
  readonly #waiting = new Map<number, Set<string>>()
  #proposed = 0
  readonly #reads = new Map<number, AskedRead>()
  #read = 0

  constructor(cluster: Cluster, context: SimContext, chains: Map<number, Chain>, promisedMs: number) {
    this.#cluster = cluster
    this.#context = context
    this.#chains = chains
    this.number = numberOf(context.name)
    const random = (below: number): number => context.random.below(below)
    const nowMs = (): number => context.clock.monotonicMs()
    this.host = new GroupHost({ self: this.number, random, nowMs, promisedMs, ...cluster.options.host })
    this.driver = new GroupDriver({
      host: this.host,
      store: cluster.options.wrapStore?.(context.store) ?? context.store,
      send: (peer, lane, frame) => this.#channels.get(`${nameOf(peer)} ${LANES[lane]}`)?.send(frame) ?? false,
      schedule: run => context.clock.after(0, run),
      onCommitted: (group, entries) => this.#apply(group, entries),
      onRead: done => this.#readDone(done),
      onRole: change => {
        if (change.role === 'leader') cluster.sawLeader(this.number, change)
      },
      onMembers: change => cluster.sawMembers(this.number, change),
      onRemoved: ({ group }) => {
        if (cluster.sawRemoval(this.number, group)) this.#leave(group)
      },
      onSnapshotOffer: offer => this.#fetch(offer),
      onSnapshotInstalled: ({ group, index, meta }) => this.#install(group, index, meta),
      onGroupFault: fault => this.failures.push(new Error(fault.message)),
      onStoreFailure: error => this.failures.push(error),
    })
  }

  listen(): void {
    const { network, clock } = this.#context
    for (const name of LANES) {
      network.handle(name, CHANNEL, channel => {
        channel.onFrame(frame => this.driver.receive(numberOf(channel.peer), frame))
      })
    }
    network.onPeer((peer, connected) => {
      if (connected) this.#connect(peer)
      else this.driver.peerDown(numberOf(peer))
    })
    for (const peer of network.peers()) this.#connect(peer)
    const tick = (): void => {
      this.driver.tick()
      clock.after(TICK_MS, tick)
    }
    tick()
    const reorganise = (): void => {
      this.#reorganise()
      clock.after(50, reorganise)
    }
    reorganise()
  }

  /** Where it leads, it does the next step towards the members that the group shall have. */
  #reorganise(): void {
    for (const [group, goal] of this.#cluster.goals) {
      const status = this.host.status(group)
      if (status === undefined) continue
      const step = nextReplacementStep(goal, status)
      if (step.kind === 'change') this.host.changeMembers(group, step.members)
      else if (step.kind === 'transfer') this.host.transfer(group, step.to)
      else continue
      this.driver.wake()
    }
  }

  #leave(group: number): void {
    const departure = this.host.close(group)
    if (departure === undefined) return
    this.host.departed(departure)
    this.#cluster.left(this.number, departure)
  }

  /** A replica from what this node's disk has of it: the members at the group's beginning, who need not be those of now. */
  async open({ group, voters }: GroupPlan): Promise<void> {
    const instance = { group, epoch: 1, view: 0 }
    // What it wrote before it was closed must be found.
    await new Promise<void>(resolve => this.driver.sync(resolve))
    const stored = await this.#context.store.get(authorityKey(group, 'chain'))
    const chain = stored === undefined ? START : decodeChain(stored)
    const recovered = await recoverGroup(this.#context.store, instance)
    if (this.host.status(group) !== undefined || !this.#cluster.isHolder(group, this.number)) return
    this.#chains.set(group, chain)
    const introduced = this.#cluster.introduced(group)
    this.host.open({ ...instance, voters, learners: [], introduced, applied: chain.index }, recovered)
    this.#cluster.sawChain(this.number, group, chain)
    this.driver.wake()
  }

  /** One entry for every group that this node leads, of at least `minBytes`. */
  proposeAll(minBytes = 0): void {
    for (const group of this.host.groups()) this.propose(group, minBytes)
  }

  /** Nothing happens where this node does not lead. */
  propose(group: number, minBytes = 0): void {
    const text = `${this.number}.${this.#context.incarnation}.${this.#proposed++}`.padEnd(minBytes)
    const proposed = this.driver.propose(group, new Uint8Array(Buffer.from(text)))
    if (!proposed.ok) return
    const waiting = this.#waiting.get(group) ?? new Set()
    this.#waiting.set(group, waiting.add(`${proposed.index}/${proposed.term}`))
  }

  /** Asks for a read of every group of this node, as far as it takes one. */
  readAll(): void {
    for (const group of this.host.groups()) this.read(group)
  }

  read(group: number): void {
    const context = this.#read++
    const asked = this.driver.read(group, context)
    if (asked.ok) this.#reads.set(context, { group, floor: this.#cluster.newestTold(group) })
    else this.#cluster.countRead(asked.code)
  }

  /** Reads that are not answered. */
  get reading(): number {
    return this.#reads.size
  }

  #readDone(done: ReadDone): void {
    const asked = this.#reads.get(done.context)
    assert.ok(asked !== undefined, `node ${this.number} is told twice of read ${done.context}`)
    if (!done.ok) {
      this.#reads.delete(done.context)
      this.#cluster.countRead(done.code)
      return
    }
    this.#reads.set(done.context, { ...asked, index: done.index, by: done.by })
    this.#serveReads(done.group)
  }

  #serveReads(group: number): void {
    const applied = this.#chains.get(group)?.index ?? 0
    for (const [context, { group: of, floor, index, by }] of this.#reads) {
      if (of !== group || index === undefined || index > applied) continue
      this.#reads.delete(context)
      this.#cluster.sawRead(this.number, group, { floor, index: applied, by: by! })
    }
  }

  #connect(peer: string): void {
    for (const lane of LANES) this.#openLane(peer, lane)
  }

  /** One attempt at a time for each lane, again and again while the peer is connected. */
  #openLane(peer: string, lane: string): void {
    const { network, clock } = this.#context
    const key = `${peer} ${lane}`
    if (this.#channels.has(key) || this.#opening.has(key) || !network.peers().includes(peer)) return
    this.#opening.add(key)
    network.open(peer, lane).then(
      channel => {
        this.#opening.delete(key)
        this.#channels.set(key, channel)
        if (LANES.every(each => this.#channels.has(`${peer} ${each}`))) this.driver.peerUp(numberOf(peer))
        if (lane === LANES[1]) channel.onDrain(() => this.driver.peerDrained(numberOf(peer)))
        channel.onClose(() => {
          this.#channels.delete(key)
          this.driver.peerDown(numberOf(peer))
          this.#openLane(peer, lane)
        })
      },
      () => {
        this.#opening.delete(key)
        clock.after(50, () => this.#openLane(peer, lane))
      },
    )
  }

  #apply(group: number, entries: readonly CommittedEntry[]): void {
    const chain = this.#chains.get(group) ?? START
    let { index, value } = chain
    const waiting = this.#waiting.get(group)
    for (const entry of entries) {
      assert.equal(entry.index, index + 1, `group ${group} is not delivered in order on node ${this.number}`)
      index = entry.index
      value = hash('sha256', `${value} ${entry.term} ${Buffer.from(entry.data).toString()}`)
      this.#cluster.sawChain(this.number, group, { index, value })
      if (waiting?.delete(`${index}/${entry.term}`)) {
        const known = this.#cluster.acknowledged.get(group) ?? 0
        this.#cluster.acknowledged.set(group, Math.max(known, index))
      }
    }
    this.#keep(group, { index, value })
    this.#maybeCompact(group, { index, value })
  }

  #keep(group: number, chain: Chain): void {
    this.#chains.set(group, chain)
    this.#serveReads(group)
    this.driver.addOps([{ key: authorityKey(group, 'chain'), value: encodeChain(chain) }])
  }

  #maybeCompact(group: number, chain: Chain): void {
    const { compactAt } = this.#cluster.options
    const status = this.host.status(group)
    if (compactAt === undefined || status === undefined) return
    if (status.lastIndex - status.firstIndex < compactAt) return
    const result = this.host.compact(group, chain.index, encodeChain(chain))
    assert.deepEqual(result, { ok: true })
  }

  /** The state is in the meta itself here; getting it takes a while, and sometimes fails. */
  #fetch(offer: SnapshotOffer): void {
    this.#cluster.offers++
    const { clock, random } = this.#context
    clock.after(random.below(50), () => {
      if (random.below(4) === 0) this.host.snapshotFailed(offer.group, offer.index)
      else this.host.snapshotReady(offer.group, offer.index, [chainOp(offer.group, offer.meta)])
      this.driver.wake()
    })
  }

  #install(group: number, index: number, meta: Uint8Array): void {
    const chain = decodeChain(meta)
    assert.equal(chain.index, index)
    this.#cluster.sawChain(this.number, group, chain)
    this.#chains.set(group, chain)
  }
}

export async function startNode(cluster: Cluster, context: SimContext): Promise<GroupNode> {
  const plans = cluster.groupsOf(numberOf(context.name))
  await beginDisk(cluster, context, plans)
  const chains = new Map<number, Chain>()
  for (const { group } of plans) {
    const stored = await context.store.get(authorityKey(group, 'chain'))
    chains.set(group, stored === undefined ? START : decodeChain(stored))
  }
  const node = new GroupNode(cluster, context, chains, await recoverPromised(context.store))
  for (const { group, voters } of plans) {
    const instance = { group, epoch: 1, view: 0 }
    const recovered = await recoverGroup(context.store, instance)
    const { index } = chains.get(group)!
    const introduced = cluster.introduced(group)
    node.host.open({ ...instance, voters, learners: [], introduced, applied: index }, recovered)
    cluster.sawChain(node.number, group, chains.get(group)!)
  }
  for (const departure of cluster.leftBy(node.number)) node.host.departed(departure)
  node.listen()
  return node
}

/** A disk that is not the node's first says so, before anything else happens. */
async function beginDisk(
  { lost, options }: Cluster,
  { name, store }: SimContext,
  plans: readonly GroupPlan[],
): Promise<void> {
  if (!lost.has(numberOf(name)) || options.forgetsLosses === true) return
  const instances = plans.map(({ group }) => ({ group, epoch: 1, view: 0 }))
  const ops = [forgottenPromisesOp(), ...lostDiskOps(instances)]
  await new Promise<void>(resolve => store.write(ops, { sync: true }, () => resolve()))
  lost.delete(numberOf(name))
}

function chainOp(group: number, value: Uint8Array): { key: Uint8Array; value: Uint8Array } {
  return { key: authorityKey(group, 'chain'), value }
}

function encodeChain({ index, value }: Chain): Uint8Array {
  return new Uint8Array(Buffer.from(`${index} ${value}`))
}

function decodeChain(bytes: Uint8Array): Chain {
  const [index, value] = Buffer.from(bytes).toString().split(' ')
  return { index: Number(index), value: value! }
}
