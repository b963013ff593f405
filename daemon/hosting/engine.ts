import type { Departure } from '../../consensus/groups/departures.ts'
import { GroupDriver } from '../../consensus/groups/driver.ts'
import { GroupHost } from '../../consensus/groups/host.ts'
import { recoverPromised } from '../../consensus/groups/liveness/support-disk.ts'
import { DEFAULT_LIMITS, type GroupStatus, TICK_MS } from '../../consensus/groups/types.ts'
import { authorityOf } from '../../consensus/handover/id.ts'
import type { StoreOp } from '../../storage/store.ts'
import { Borders } from '../handover/borders.ts'
import { HandoverLanes, type HandoverReplica } from '../handover/lanes.ts'
import type { Cancel } from '../ports.ts'
import type { AuthorityHost } from './authority-host.ts'
import { BringingOn } from './bringing-on.ts'
import type { EngineOptions } from './engine-options.ts'
import type { Signs } from './finality/progress.ts'
import type { Restoring } from './finality/restoring.ts'
import { Membership } from './membership.ts'
import { NotingStore } from './noting-store.ts'
import {
  type Beginning,
  type HostedAuthority,
  type OpenedAuthority,
  openAuthority,
  plainBeginning,
} from './opening.ts'
import { type MemberOrder, type OrderRefusal, Orders } from './orders.ts'
import { RaftLanes } from './raft-lanes.ts'
import { rulesHost } from './rules-host.ts'
import { serveSnapshots } from './snapshot-server.ts'
import { serveSync } from './sync.ts'
import { Upkeep } from './upkeep.ts'

/** Ticks made up after a pause: more would only start elections that the pause itself caused. */
const maxTicksAtOnce = 3
/** A leader whose disk is silent for so long hands over: it can apply nothing, though its followers can. */
const diskStallMs = 1_000

/** All authorities of one node, on one group host, one store and one pair of lanes to each peer. */
export class Engine {
  readonly driver: GroupDriver
  readonly #options: EngineOptions
  readonly #host: GroupHost
  readonly #lanes: RaftLanes
  readonly #borders: Borders
  readonly #handovers: HandoverLanes
  readonly #store: NotingStore
  readonly #known: ReadonlyMap<number, HostedAuthority>
  readonly #orders: Orders
  readonly #membership: Membership
  readonly #authorities = new Map<number, AuthorityHost>()
  /** Groups in which this node's replica is no member, as far as it has applied, or has not got back what its disk lost. */
  readonly #apart = new Set<number>()
  readonly #upkeep: Upkeep
  readonly #bringingOn: BringingOn
  /** What the groups have to do: until all of them are open, nothing leaves this node and nothing is written. */
  #firstTurn: (() => void) | undefined
  #begun = false
  #timer: Cancel | undefined
  #tickedAtMs: number

  /** Recovers every authority from the store and begins to take part. @throws what recovery throws */
  static async start(options: EngineOptions): Promise<Engine> {
    const { store, authorities, self } = options
    const orders = await Orders.load(store, authorities)
    const engine = new Engine(options, await recoverPromised(store), orders)
    for (const hosted of authorities) {
      const { group } = hosted.identity
      if (!orders.knows(hosted, self)) continue
      await options.views?.follow(group)
      if (engine.holds(group)) await engine.#open(hosted)
    }
    engine.#membership.endRemoved()
    engine.#begin()
    return engine
  }

  private constructor(options: EngineOptions, promisedMs: number, orders: Orders) {
    this.#options = options
    this.#orders = orders
    this.#store = new NotingStore(options.store, options.clock)
    this.#known = new Map(options.authorities.map(hosted => [hosted.identity.group, hosted]))
    const { self, random, heartbeatMs, electionMs, leaseReads, network, clock, peers, count } = options
    this.#host = new GroupHost({
      self,
      random: below => random.below(below),
      nowMs: () => clock.monotonicMs(),
      promisedMs,
      heartbeatMs,
      electionMs,
      leaseReads,
    })
    this.driver = new GroupDriver({
      host: this.#host,
      store: this.#store,
      send: (peer, lane, frame) => this.#lanes.send(peer, lane, frame),
      schedule: run => {
        if (this.#begun) options.schedule(run)
        else this.#firstTurn = run
      },
      onCommitted: (group, entries) => {
        if (!this.#bringingOn.keeps(group, entries)) this.#authorities.get(group)?.committed(entries)
      },
      onRole: change => {
        const authority = this.#authorities.get(change.group)
        authority?.roleChanged(change)
        options.log('role', { ...change, authority: authority?.name })
        if (change.role === 'leader') this.#membership.leads(change.group)
        if (authority !== undefined && change.leader !== 0) options.onLeader(authority.name, change.leader)
      },
      onRead: done => this.#authorities.get(done.group)?.readTold(done),
      onMembers: ({ group }) => this.#setApart(group),
      onRemoved: ({ group }) => this.#membership.removed(group),
      onSnapshotOffer: offer => this.#bringingOn.offered(offer),
      onSnapshotInstalled: ({ group, index }) => this.#authorities.get(group)?.caughtUp(index),
      onGroupFault: ({ group, message }) => this.#authorities.get(group)?.halt(new Error(message)),
      onStoreFailure: options.onStoreFailure,
    })
    this.#bringingOn = new BringingOn({
      ...{ options, store: this.#store, host: this.#host, driver: this.driver },
      members: group => this.mayServe(group),
      write: ops => this.#write(ops),
      replica: group => this.#authorities.get(group),
      anew: async group => (await this.#opened(this.#known.get(group)!, plainBeginning)).host,
      replaced: (group, host) => {
        this.#authorities.set(group, host)
        options.views?.opened(group, host.authority.replica)
        void this.#upkeep.opened(group)
      },
      halt: (group, error) => this.halt(group, error),
    })
    this.#membership = new Membership({
      self,
      known: this.#known,
      orders,
      views: options.views,
      host: this.#host,
      driver: this.driver,
      isNode: number => number === self || peers.has(number),
      open: hosted => this.#open(hosted),
      close: group => this.#close(group),
      propose: (group, members) => this.#authorities.get(group)?.authority.setNextMembers(members),
      onMembers: options.onMembers,
      onHalted: options.onHalted,
    })
    this.#lanes = new RaftLanes({
      self,
      peers,
      network,
      clock,
      maxFrameBytes: DEFAULT_LIMITS.maxFrameBytes,
      receive: (peer, frame) => this.driver.receive(peer, frame),
      up: peer => this.driver.peerUp(peer),
      down: peer => this.driver.peerDown(peer),
      drained: peer => this.driver.peerDrained(peer),
      count,
    })
    this.#borders = new Borders(options.authorities, authorityOf)
    this.#handovers = new HandoverLanes({
      ...{ self, network, clock, count },
      peerOf: node => peers.get(node),
      isNode: peer => peers.numberOf(peer) !== undefined,
      groupOf: authority => this.#borders.groupOf(authority),
      membersOf: group => this.mayServe(group),
      local: group => handoverReplica(this.#authorities.get(group)),
    })
    serveSync({
      network,
      store: options.store,
      serves: (group, peer) =>
        (this.#authorities.has(group) || this.#hasLeft(group)) &&
        this.#membership.mayHave(group, peers.numberOf(peer) ?? 0),
      damaged: (group, error) => this.#authorities.get(group)?.halt(error),
      count,
    })
    serveSnapshots({
      network,
      clock,
      store: options.store,
      replicaFor: (group, peer) =>
        this.#membership.mayHave(group, peers.numberOf(peer) ?? 0)
          ? this.#authorities.get(group)?.authority.replica
          : undefined,
      count,
    })
    this.#upkeep = new Upkeep({
      keep: options.keepBodies ?? { kind: 'all' },
      store: this.#store,
      clock,
      network,
      peers: group => this.mayServe(group).flatMap(number => peers.get(number) ?? []),
      authorities: () => this.authorities(),
      diskBusyMs: () => this.#store.busyMs,
      write: (ops, written) => {
        this.driver.addOps(ops)
        this.#store.onWritten(written)
      },
      count,
    })
    this.#tickedAtMs = clock.monotonicMs()
  }

  authority(group: number): AuthorityHost | undefined {
    return this.#authorities.get(group)
  }

  /** For those who are to be served: nothing from a replica that is no member, or lost its disk, and may be far behind. */
  member(group: number): AuthorityHost | undefined {
    return this.#apart.has(group) ? undefined : this.#authorities.get(group)
  }

  authorities(): readonly AuthorityHost[] {
    return [...this.#authorities.values()]
  }

  /** An input waits for an answer from this authority. Nothing happens when no replica of it is here. */
  expectProgress(group: number): void {
    this.#options.views?.waits(group)
    this.#awaken(group)
  }

  /** A group that sleeps looks whether its leader is still there. */
  #awaken(group: number): void {
    this.#host.expectProgress(group)
    this.driver.wake()
  }

  /** Until this node's votes count, after a restart; 0 from then on. */
  get mutedForMs(): number {
    return this.#host.mutedForMs
  }

  /** Whether nobody, at this moment, can lead this group in a later term: docs/consensus.md says what that rests on. */
  holdsLease(group: number): boolean {
    return this.#host.holdsLease(group)
  }

  status(group: number): GroupStatus | undefined {
    return this.#host.status(group)
  }

  counters(): ReadonlyMap<string, number> {
    return this.#host.counters()
  }

  /** Hands leadership over where a follower is ready for it, and writes what is still unwritten. */
  async stop(): Promise<void> {
    this.#upkeep.stop()
    for (const group of this.#authorities.keys()) this.#handOver(group)
    await new Promise<void>(resolve => {
      const cancel = this.#options.clock.after(500, resolve)
      this.driver.sync(() => {
        cancel()
        resolve()
      })
    })
    this.#timer?.()
    this.#lanes.stop()
  }

  #handOver(group: number): void {
    const status = this.#host.status(group)
    if (status?.role !== 'leader') return
    const heir = status.peers
      .filter(peer => peer.active && !peer.learner && peer.peer !== this.#options.self)
      .sort((a, b) => b.match - a.match)[0]
    if (heir === undefined) return
    this.#host.transfer(group, heir.peer)
    this.driver.wake()
  }

  /** Who shall belong to an authority: every node is told (membership.ts). An order that is not newer is refused. */
  changeMembers(group: number, order: MemberOrder): { ok: true } | { ok: false; code: OrderRefusal } {
    return this.#membership.change(group, order)
  }

  /** Why `changeMembers` would not take an order, if it would not. */
  orderRefusal(group: number, order: MemberOrder): OrderRefusal | undefined {
    return this.#membership.refusalOf(group, order)
  }

  /** Node numbers of those who may lead it, as far as this node has been told. */
  mayServe(group: number): readonly number[] {
    return this.#membership.mayServe(group)
  }

  /** Whether what the node signs of the log counts, as far as this one knows. */
  maySign(group: number, node: number): boolean {
    return this.#membership.maySign(group, node)
  }

  /** Whether a node is a member, as far as this one knows, or is to come. */
  isPresent(group: number, node: number): boolean {
    return this.#membership.isPresent(group, node)
  }

  /** Whether this node is to hold a replica. */
  holds(group: number): boolean {
    return this.#membership.holds(group)
  }

  /** Of finality: whether somebody who may has ordered that exactly these be the members, ascending. */
  isOrdered(group: number, members: readonly number[]): boolean {
    return this.#membership.isOrdered(group, members)
  }

  /** Of finality: the members have decided who comes after them. */
  activated(group: number): void {
    this.#membership.activated(group)
  }

  /** It has taken part, and keeps what it had then, which those who came may lack. */
  #hasLeft(group: number): boolean {
    return this.#options.views?.votesOn(group) === true && !this.holds(group)
  }

  /** Of finality's views: the replica and its Raft instance end here. */
  freeze(group: number): void {
    this.#close(group)
    this.driver.wake()
  }

  /** Of finality's views: the replica begins from what the disk has, in the instance that stands there. */
  async enter(group: number, begin: Beginning): Promise<void> {
    await this.#open(this.#known.get(group)!, begin)
  }

  /** What it takes to bring a replica's disk elsewhere, while it is not open; undefined when none is to be here. */
  restoring(group: number): Restoring | undefined {
    const hosted = this.#known.get(group)
    if (hosted === undefined || !this.holds(group)) return undefined
    const { network, clock, count, log, sha256, verify, handovers } = this.#options
    return {
      ...{ hosted, network, clock, store: this.#store, count, log, distrusted: this.#bringingOn.distrusted },
      membersIn: epoch => this.#options.views?.membersIn(group, epoch),
      rules: rulesHost(hosted.identity.origin, sha256, verify, handovers),
      addOps: ops => this.driver.addOps(ops),
      synced: () => new Promise(resolve => this.driver.sync(resolve)),
    }
  }

  halt(group: number, error: Error): void {
    const authority = this.#authorities.get(group)
    if (authority !== undefined) authority.halt(error)
    else this.#options.onHalted(this.#known.get(group)!.name, error)
  }

  signs(group: number): Signs | undefined {
    const replica = this.#authorities.get(group)?.authority.replica
    if (replica === undefined) return undefined
    const { lastSeal, actions, unsealedRecords } = replica
    return { sealHeight: lastSeal?.seal.height ?? 0, actions, isUnsealed: unsealedRecords > 0 }
  }

  leader(group: number): number {
    return this.#authorities.get(group)?.authority.leader ?? 0
  }

  /** The members have decided the log up to this size. */
  decided(group: number, size: number): void {
    this.#authorities.get(group)?.authority.decided(size)
  }

  async #open(hosted: HostedAuthority, begin: Beginning = plainBeginning): Promise<void> {
    const { group } = hosted.identity
    const { views } = this.#options
    await views?.follow(group)
    const isLeft = (): boolean =>
      this.#authorities.has(group) || (begin === plainBeginning && views?.bringsOn(group) === true)
    if (isLeft() || views?.isHeldBack(group)) return
    const opened = await this.#opened(hosted, begin)
    // Somebody else may have opened it, or ended it, meanwhile.
    if (isLeft() || views?.isHeldBack(group, opened.host.authority.identity)) return
    if (!this.holds(group)) return
    this.#authorities.set(group, opened.host)
    this.#options.views?.opened(group, opened.host.authority.replica)
    opened.join(this.#orders.get(group)?.known ?? [])
    void this.#upkeep.opened(group)
    this.#setApart(group)
    this.driver.wake()
  }

  #opened(hosted: HostedAuthority, begin: Beginning): Promise<OpenedAuthority> {
    const { driver } = this
    const expectProgress = (group: number, knowsLeader: boolean): void =>
      knowsLeader ? this.#awaken(group) : this.expectProgress(group)
    const parts = {
      ...{ options: this.#options, store: this.#store, host: this.#host, driver, expectProgress },
      borders: this.#borders,
      handOver: (to: string, message: Uint8Array) => this.#handovers.send(to, message),
    }
    return openAuthority(parts, hosted, begin)
  }

  #setApart(group: number): void {
    const status = this.#host.status(group)
    const mayServe = status?.isMember === true && status.rejoining === undefined
    this.#apart[mayServe ? 'delete' : 'add'](group)
  }

  #close(group: number): Departure | undefined {
    this.#authorities.get(group)?.retire()
    this.#authorities.delete(group)
    this.#bringingOn.ended(group)
    this.#apart.delete(group)
    return this.#host.close(group)
  }

  #begin(): void {
    this.driver.wake()
    this.#begun = true
    this.#options.schedule(this.#firstTurn!)
    const run = (): void => {
      this.#timer = this.#options.clock.after(TICK_MS, run)
      this.#tick()
    }
    run()
  }

  #tick(): void {
    const nowMs = this.#options.clock.monotonicMs()
    const wallMs = this.#options.clock.wallMs()
    const due = Math.floor((nowMs - this.#tickedAtMs) / TICK_MS)
    this.#tickedAtMs += due * TICK_MS
    for (let i = 0; i < Math.min(due, maxTicksAtOnce); i++) this.driver.tick()
    this.#membership.follow()
    for (const group of this.#apart) this.#setApart(group)
    const stalled = this.#store.busyMs > diskStallMs
    for (const [group, authority] of this.#authorities) {
      // A halted one's copy of Raft's log is as good as any, so it votes and stores on; but what it would answer is not.
      if (stalled || authority.halted) this.#handOver(group)
      // One that can apply nothing has nothing to tell: its feeds fall silent, and who follows them looks elsewhere.
      if (!stalled && !authority.halted) authority.tick(nowMs, wallMs)
    }
  }

  /** Resolves when the ops can be read back. */
  #write(ops: readonly StoreOp[]): Promise<void> {
    this.driver.addOps(ops)
    return new Promise(resolve => this.#store.onWritten(resolve))
  }
}

function handoverReplica(host: AuthorityHost | undefined): HandoverReplica | undefined {
  if (host === undefined) return undefined
  const { serving, leader } = host.authority
  return { leads: serving, leader, receive: message => host.heard(message) }
}
