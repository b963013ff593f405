import { GroupDriver } from '../../consensus/groups/driver.ts'
import { GroupHost } from '../../consensus/groups/host.ts'
import { recoverPromised } from '../../consensus/groups/liveness/support-disk.ts'
import { recoverGroup } from '../../consensus/groups/raft-disk.ts'
import {
  DEFAULT_LIMITS,
  type GroupStatus,
  type SnapshotOffer,
  TICK_MS,
} from '../../consensus/groups/types.ts'
import { readU64 } from '../../storage/bytes.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import type { AreaCharter } from '../../world/charter.ts'
import type { WorldHost } from '../../world/world.ts'
import { appliedOp } from '../authority/applied.ts'
import { Authority } from '../authority/authority.ts'
import type { AuthorityIdentity } from '../authority/types.ts'
import type { SigningKey } from '../identity/signing-key.ts'
import type { Cancel, Clock, Network, PeerId, Random } from '../ports.ts'
import { AuthorityHost } from './authority-host.ts'
import { CatchUps } from './catch-ups.ts'
import { checkpointSigner, PublishedLog } from './log-view.ts'
import { RaftLanes } from './raft-lanes.ts'
import { appliedInRaft, recoverAuthority } from './recover.ts'
import { SnapshotKeeper } from './snapshots.ts'
import { fetchBatches, serveSync } from './sync.ts'

export interface HostedAuthority {
  readonly name: string
  readonly identity: AuthorityIdentity
  readonly charter: AreaCharter
}

export interface EngineOptions {
  /** This node's number. */
  readonly self: number
  /** Every node of the genesis file but this one. */
  readonly peers: ReadonlyMap<number, PeerId>
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
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: 'role' | 'caught-up', facts: object) => void
  /** A replica of ours knows who leads. */
  readonly onLeader: (name: string, node: number) => void
  /** One authority stopped here for good: its state diverged or its records are damaged. */
  readonly onHalted: (name: string, error: Error) => void
  /** The disk failed: nothing more is acknowledged by this node. */
  readonly onStoreFailure: (error: Error) => void
}

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
  readonly #authorities = new Map<number, AuthorityHost>()
  readonly #catchUps = new CatchUps(offer => this.#catchUp(offer))
  #written: (() => void)[] = []
  /** When the write that the disk is busy with was handed to it. */
  #writingSinceMs: number | undefined
  #timer: Cancel | undefined
  #tickedAtMs: number

  /** Recovers every authority from the store and begins to take part. @throws what recovery throws */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options, await recoverPromised(options.store))
    for (const hosted of options.authorities) await engine.#open(hosted)
    engine.#begin()
    return engine
  }

  private constructor(options: EngineOptions, promisedMs: number) {
    this.#options = options
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
      store: this.#storeWithCallbacks(options.store),
      send: (peer, lane, frame) => this.#lanes.send(peer, lane, frame),
      schedule: options.schedule,
      onCommitted: (group, entries) => this.#authorities.get(group)?.committed(entries),
      onRole: change => {
        const authority = this.#authorities.get(change.group)
        authority?.roleChanged(change)
        options.log('role', { ...change, authority: authority?.name })
        if (authority !== undefined && change.leader !== 0) options.onLeader(authority.name, change.leader)
      },
      onRead: done => this.#authorities.get(done.group)?.readTold(done),
      onMembers: () => {},
      onRemoved: () => {},
      onSnapshotOffer: offer => this.#catchUps.add(offer),
      onSnapshotInstalled: ({ group, index }) => this.#authorities.get(group)?.caughtUp(index),
      onGroupFault: ({ group, message }) => this.#authorities.get(group)?.halt(new Error(message)),
      onStoreFailure: options.onStoreFailure,
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
        this.#authorities.get(group)?.authority.identity.members.includes(numbers.get(peer) ?? 0) === true,
      count,
    })
    this.#tickedAtMs = clock.monotonicMs()
  }

  authority(group: number): AuthorityHost | undefined {
    return this.#authorities.get(group)
  }

  authorities(): readonly AuthorityHost[] {
    return [...this.#authorities.values()]
  }

  /** An input waits for an answer from this authority. Nothing happens when no replica of it is here. */
  expectProgress(group: number): void {
    this.#host.expectProgress(group)
    this.driver.wake()
  }

  /** Until this node's votes count, after a restart; 0 from then on. */
  get mutedForMs(): number {
    return this.#host.mutedForMs
  }

  status(group: number): GroupStatus | undefined {
    return this.#host.status(group)
  }

  counters(): ReadonlyMap<string, number> {
    return this.#host.counters()
  }

  /** Hands leadership over where a follower is ready for it, and writes what is still unwritten. */
  async stop(): Promise<void> {
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

  async #open(hosted: HostedAuthority): Promise<void> {
    const { store, clock, schedule, random, self, logKey, count, sha256, verify, onHalted } = this.#options
    const { identity, charter, name } = hosted
    const { group, epoch, view, origin } = identity
    const world: WorldHost = { origin, sha256, verifySignature: verify }
    const { replica, applied, snapshot } = await recoverAuthority(store, identity, charter, world)
    const authority = new Authority(identity, replica, {
      propose: data => {
        const proposed = this.driver.propose(group, data)
        if (proposed.ok) return { ok: true }
        return {
          ok: false,
          code: proposed.code === 'busy' || proposed.code === 'not-leader' ? proposed.code : 'stopped',
        }
      },
      random,
      signer: { number: self, sign: message => logKey.sign(message) },
      count,
    })
    const reader = new LogReader(store, group)
    const write = (ops: readonly StoreOp[], written: () => void): void => {
      this.driver.addOps(ops)
      this.#written.push(written)
    }
    const snapshots = new SnapshotKeeper(
      group,
      snapshot,
      ops => this.driver.addOps(ops),
      (index, meta) => {
        this.#host.compact(group, index, meta)
      },
      this.#options.recordsBetweenSnapshots,
    )
    const published = new PublishedLog(
      origin,
      replica.log,
      reader,
      checkpointSigner(origin, logKey),
      identity.charterBody,
    )
    const host = new AuthorityHost({
      name,
      authority,
      published,
      reader,
      appliedIndex: applied.index,
      snapshots,
      clock,
      schedule,
      write,
      sync: done => this.driver.sync(done),
      askRead: context => this.driver.read(group, context),
      inputWaits: () => this.expectProgress(group),
      halted: onHalted,
    })
    this.#authorities.set(group, host)
    const recovered = await recoverGroup(store, { group, epoch, view })
    this.#host.open(
      {
        group,
        epoch,
        view,
        voters: identity.members,
        learners: [],
        applied: appliedInRaft(recovered, applied),
      },
      recovered,
    )
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
    const stalled = this.#writingSinceMs !== undefined && nowMs - this.#writingSinceMs > diskStallMs
    for (const [group, authority] of this.#authorities) {
      // A halted one's copy of Raft's log is as good as any, so it votes and stores on; but what it would answer is not.
      if (stalled || authority.halted) this.#handOver(group)
      if (!authority.halted) authority.tick(nowMs, wallMs)
    }
  }

  /** The same store, but whoever put ops into a batch is told when they can be read back. */
  #storeWithCallbacks(store: Store): Store {
    return {
      get: key => store.get(key),
      getMany: keys => store.getMany(keys),
      range: range => store.range(range),
      close: () => store.close(),
      write: (ops, options, done) => {
        const written = this.#written
        this.#written = []
        this.#writingSinceMs = this.#options.clock.monotonicMs()
        store.write(ops, options, error => {
          this.#writingSinceMs = undefined
          if (error === undefined) for (const tell of written) tell()
          done(error)
        })
      },
    }
  }

  /**
   * This replica is behind what the leader's Raft log still holds: it reads the missed batches and applies them. What it
   * has applied it never reads again, so an attempt that fails is taken up by the next one where it ended.
   */
  async #catchUp(offer: SnapshotOffer): Promise<void> {
    const { group, from, index, term } = offer
    const host = this.#authorities.get(group)
    const peer = this.#options.peers.get(from)
    if (host === undefined || peer === undefined || offer.meta.length !== 8) {
      this.#host.snapshotFailed(group, index)
      return
    }
    const to = readU64(offer.meta, 0)
    try {
      const request = { group, from: host.authority.replica.log.size, to }
      if (request.from < to)
        await fetchBatches(this.#options.network, this.#options.clock, peer, request, batch => {
          host.committed([{ index: batch.index, term: batch.term, data: batch.batch }])
        })
      if (host.halted || host.authority.replica.log.size !== to)
        throw new Error('The log came out at another size.')
      this.#host.snapshotReady(group, index, [appliedOp(group, { index, term, size: to })])
      this.#options.log('caught-up', { authority: host.name, from: request.from, to })
    } catch (error) {
      this.#options.count('catch_up_failed', {})
      this.#options.log('caught-up', { authority: host.name, error: (error as Error).message })
      this.#host.snapshotFailed(group, index)
    }
    this.driver.wake()
  }
}
