import type { Departure } from '../../consensus/groups/departures.ts'
import { GroupDriver } from '../../consensus/groups/driver.ts'
import { GroupHost } from '../../consensus/groups/host.ts'
import { recoverPromised } from '../../consensus/groups/liveness/support-disk.ts'
import {
  type CommittedEntry,
  DEFAULT_LIMITS,
  type GroupStatus,
  type SnapshotOffer,
  TICK_MS,
} from '../../consensus/groups/types.ts'
import { readU64 } from '../../storage/bytes.ts'
import type { LogRecord } from '../../storage/log/record.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { type AppliedPoint, appliedOp } from '../authority/applied.ts'
import type { AppliedSeal } from '../authority/replica.ts'
import type { SigningKey } from '../identity/signing-key.ts'
import type { Cancel, Clock, Network, PeerId, Random } from '../ports.ts'
import type { AuthorityHost } from './authority-host.ts'
import { CatchUps, catchUp } from './catch-ups.ts'
import type { DecidedPoint } from './decided.ts'
import { takeSnapshot } from './far-behind.ts'
import type { Signs } from './finality/progress.ts'
import type { Restoring } from './finality/restoring.ts'
import type { LogCosigning } from './log-view.ts'
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
import type { KeepBodies } from './retention.ts'
import { Distrusted } from './snapshot-fetch.ts'
import { serveSnapshots } from './snapshot-server.ts'
import { serveSync } from './sync.ts'
import { Upkeep } from './upkeep.ts'

export interface EngineOptions {
  /** This node's number. */
  readonly self: number
  /** Every node of the genesis file but this one. */
  readonly peers: ReadonlyMap<number, PeerId>
  /** All of the network: this node keeps replicas of those that it is a member of. */
  readonly authorities: readonly HostedAuthority[]
  readonly logKey: SigningKey
  readonly store: Store
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly schedule: (run: () => void) => void
  readonly sha256: (bytes: Uint8Array) => Uint8Array
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  readonly heartbeatMs: number
  readonly electionMs: number
  /** Reads rest on the clock where they can (consensus/groups). */
  readonly leaseReads: boolean
  /** Raft keeps one to two times as many in its log; a follower that missed more of them catches up. */
  readonly recordsBetweenSnapshots?: number
  /** A replica that missed more than these takes over a snapshot. */
  readonly recordsReplayed?: number
  /** Which records' bodies are kept here; all when nothing is said. */
  readonly keepBodies?: KeepBodies
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: 'role' | 'caught-up' | 'bad-chunk', facts: object) => void
  /** The members vote on what is committed, and change views. Default: they don't. */
  readonly views?: ViewsOfMembers
  /** A replica of ours has executed a seal. What is returned goes into the same batch. */
  readonly onSeal?: (group: number, seal: AppliedSeal) => readonly StoreOp[]
  /** The height of the highest seal that the members of an authority have decided. */
  readonly certifiedHeight?: (group: number) => number | undefined
  /** Up to where they have decided, and the directory has it. */
  readonly final?: (group: number) => DecidedPoint | undefined
  /** How the checkpoints of an authority's log are cosigned by its members. */
  readonly cosigning?: (group: number) => LogCosigning
  /** A replica of ours knows who leads. */
  readonly onLeader: (name: string, node: number) => void
  /** Node numbers of those who may lead an authority from now on: its members are being changed. */
  readonly onMembers: (name: string, members: readonly number[]) => void
  /** One authority stopped here for good: its state diverged or its records are damaged. */
  readonly onHalted: (name: string, error: Error) => void
  /** The disk failed: nothing more is acknowledged by this node. */
  readonly onStoreFailure: (error: Error) => void
}

/** What finality knows of replicas; see finality/views.ts. */
export interface ViewsOfMembers {
  /** This node votes on what the replica executes: until that is decided, it may fall off. */
  votesOn(group: number): boolean
  /** The replica's Raft instance is over, and the next one has not begun: it is not to be opened now. */
  isHeldBack(group: number): boolean
  /** An input for this authority has waited for a while on this node. */
  waits(group: number): void
}

/** Replayed in some ten seconds. */
const maxRecordsReplayed = 200_000
const maxPeersAsked = 5
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
  readonly #store: NotingStore
  readonly #known: ReadonlyMap<number, HostedAuthority>
  readonly #orders: Orders
  readonly #membership: Membership
  readonly #authorities = new Map<number, AuthorityHost>()
  /** Groups in which this node's replica is no member, as far as it has applied, or has not got back what its disk lost. */
  readonly #apart = new Set<number>()
  readonly #upkeep: Upkeep
  readonly #distrusted = new Distrusted()
  /** Replicas that begin anew from a snapshot, with what Raft has committed meanwhile. */
  readonly #replacing = new Map<number, CommittedEntry[]>()
  readonly #catchUps = new CatchUps(offer => this.#catchUp(offer))
  #timer: Cancel | undefined
  #tickedAtMs: number

  /** Recovers every authority from the store and begins to take part. @throws what recovery throws */
  static async start(options: EngineOptions): Promise<Engine> {
    const { store, authorities, self } = options
    const orders = await Orders.load(store, authorities)
    const engine = new Engine(options, await recoverPromised(store), orders)
    for (const hosted of authorities) {
      if (orders.hosts(hosted, self)) await engine.#open(hosted)
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
      schedule: options.schedule,
      onCommitted: (group, entries) => {
        const waiting = this.#replacing.get(group)
        if (waiting === undefined) this.#authorities.get(group)?.committed(entries)
        else waiting.push(...entries)
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
      onSnapshotOffer: offer => this.#catchUps.add(offer),
      onSnapshotInstalled: ({ group, index }) => this.#authorities.get(group)?.caughtUp(index),
      onGroupFault: ({ group, message }) => this.#authorities.get(group)?.halt(new Error(message)),
      onStoreFailure: options.onStoreFailure,
    })
    this.#membership = new Membership({
      self,
      known: this.#known,
      orders,
      host: this.#host,
      driver: this.driver,
      isNode: number => number === self || peers.has(number),
      open: hosted => this.#open(hosted),
      close: group => this.#close(group),
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
    const numbers = new Map([...peers].map(([number, peer]) => [peer, number]))
    serveSync({
      network,
      store: options.store,
      serves: (group, peer) =>
        this.#authorities.has(group) && this.#membership.isKnown(group, numbers.get(peer) ?? 0),
      damaged: (group, error) => this.#authorities.get(group)?.halt(error),
      count,
    })
    serveSnapshots({
      network,
      store: options.store,
      replicaFor: (group, peer) =>
        this.#membership.isKnown(group, numbers.get(peer) ?? 0)
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
    this.#host.expectProgress(group)
    this.#options.views?.waits(group)
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

  /** Node numbers of those who may lead it, as far as this node has been told. */
  mayServe(group: number): readonly number[] {
    return this.#orders.mayServe(this.#known.get(group)!)
  }

  /** Of finality's views: the replica and its Raft instance end here. */
  freeze(group: number): void {
    this.#close(group)
    this.driver.wake()
  }

  /** Of finality's views: the replica begins from what the disk has, in the instance that stands there. */
  async enter(group: number, firstLeader: number, fallen: readonly LogRecord[]): Promise<void> {
    await this.#open(this.#known.get(group)!, { firstLeader, fallen })
  }

  /** What it takes to bring a replica's disk elsewhere, while it is not open; undefined when none is to be here. */
  restoring(group: number): Restoring | undefined {
    const hosted = this.#known.get(group)
    if (hosted === undefined || !this.#orders.hosts(hosted, this.#options.self)) return undefined
    const { network, clock, sha256, verify } = this.#options
    return {
      ...{ hosted, network, clock, store: this.#store },
      world: { origin: hosted.identity.origin, sha256, verifySignature: verify },
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

  /** The members have decided the log up to this size. */
  decided(group: number, size: number): void {
    this.#authorities.get(group)?.authority.decided(size)
  }

  async #open(hosted: HostedAuthority, begin: Beginning = plainBeginning): Promise<void> {
    const { group } = hosted.identity
    const isHeldBack = (): boolean => this.#options.views?.isHeldBack(group) === true
    if (this.#authorities.has(group) || isHeldBack()) return
    const opened = await this.#opened(hosted, begin)
    if (!this.#orders.hosts(hosted, this.#options.self) || isHeldBack()) return
    this.#authorities.set(group, opened.host)
    opened.join(this.#orders.get(group)?.known ?? [])
    void this.#upkeep.opened(group)
    this.#setApart(group)
    this.driver.wake()
  }

  #opened(hosted: HostedAuthority, begin: Beginning): Promise<OpenedAuthority> {
    const { driver } = this
    const expectProgress = (waiting: number): void => this.expectProgress(waiting)
    const parts = { options: this.#options, store: this.#store, host: this.#host, driver, expectProgress }
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
    this.#apart.delete(group)
    return this.#host.close(group)
  }

  #begin(): void {
    this.driver.wake()
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

  /** By replay; where that is too long, or not possible any more, by a snapshot first. */
  async #bringOn(offer: SnapshotOffer, host: AuthorityHost, peer: PeerId): Promise<AppliedPoint | undefined> {
    const { recordsReplayed = maxRecordsReplayed } = this.#options
    const missed = offer.meta.length === 8 ? readU64(offer.meta, 0) - host.authority.replica.log.size : 0
    const taken = missed > recordsReplayed ? await this.#takeSnapshot(offer, host, peer) : undefined
    if (taken !== undefined) return taken
    const replayed = await catchUp({ ...this.#options, peer, host }, offer)
    return replayed === 'dropped' ? await this.#takeSnapshot(offer, host, peer) : replayed
  }

  async #takeSnapshot(
    offer: SnapshotOffer,
    host: AuthorityHost,
    peer: PeerId,
  ): Promise<AppliedPoint | undefined> {
    const { group } = offer
    const { network, clock, count, log, final } = this.#options
    const members = this.mayServe(group).flatMap(number => this.#options.peers.get(number) ?? [])
    try {
      return await takeSnapshot(
        {
          ...{ network, clock, count, log, host, store: this.#store, distrusted: this.#distrusted },
          peers: [peer, ...members.filter(member => member !== peer)].slice(0, maxPeersAsked),
          final: final?.(group),
          write: ops => this.#write(ops),
          sync: () => new Promise(resolve => this.driver.sync(resolve)),
          replace: install => this.#replace(group, host, install),
        },
        offer,
      )
    } catch (error) {
      this.halt(group, error as Error)
      return undefined
    }
  }

  /** Resolves when the ops can be read back. */
  #write(ops: readonly StoreOp[]): Promise<void> {
    this.driver.addOps(ops)
    return new Promise(resolve => this.#store.onWritten(resolve))
  }

  /** The group's Raft instance goes on meanwhile; what it commits waits for the new replica. */
  async #replace(
    group: number,
    host: AuthorityHost,
    install: () => Promise<void>,
  ): Promise<AuthorityHost | undefined> {
    const committed: CommittedEntry[] = []
    this.#replacing.set(group, committed)
    host.retire()
    try {
      await install()
      // Finality may have ended the instance, or an order the replica: then the disk is all there is.
      if (this.#authorities.get(group) !== host) return undefined
      const opened = await this.#opened(this.#known.get(group)!, plainBeginning)
      if (this.#authorities.get(group) !== host) return undefined
      this.#authorities.set(group, opened.host)
      const status = this.#host.status(group)
      if (status !== undefined) opened.host.roleChanged({ ...status, group })
      opened.host.committed(committed)
      void this.#upkeep.opened(group)
      return opened.host
    } finally {
      this.#replacing.delete(group)
    }
  }

  async #catchUp(offer: SnapshotOffer): Promise<void> {
    const { group, from, index } = offer
    const host = this.#authorities.get(group)
    const peer = this.#options.peers.get(from)
    if (host === undefined || peer === undefined) return this.#host.snapshotFailed(group, index)
    const point = await this.#bringOn(offer, host, peer)
    if (point === undefined) this.#host.snapshotFailed(group, index)
    else this.#host.snapshotReady(group, index, [appliedOp(group, point)])
    this.driver.wake()
  }
}
