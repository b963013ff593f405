import type { GroupDriver } from '../../consensus/groups/driver.ts'
import type { GroupHost } from '../../consensus/groups/host.ts'
import type { CommittedEntry, SnapshotOffer } from '../../consensus/groups/types.ts'
import { readU64 } from '../../storage/bytes.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { type AppliedPoint, appliedOp } from '../authority/applied.ts'
import type { PeerId } from '../ports.ts'
import type { AuthorityHost } from './authority-host.ts'
import { CatchUps, catchUp } from './catch-ups.ts'
import type { EngineOptions } from './engine-options.ts'
import { takeSnapshot } from './far-behind.ts'
import { Distrusted } from './snapshot-fetch.ts'

/** Replayed in some ten seconds. */
const maxRecordsReplayed = 200_000
const maxPeersAsked = 5

export interface BringingOnParts {
  readonly options: EngineOptions
  readonly store: Store
  readonly host: GroupHost
  readonly driver: GroupDriver
  /** Node numbers of those who may hold the group. */
  readonly members: (group: number) => readonly number[]
  /** Puts ops into the node's next batch; resolves when they can be read back. */
  readonly write: (ops: readonly StoreOp[]) => Promise<void>
  /** The replica that takes part now. */
  readonly replica: (group: number) => AuthorityHost | undefined
  /** The same from what the disk has, which takes no part yet. */
  readonly anew: (group: number) => Promise<AuthorityHost>
  /** It takes part from now on, in the place of the one before. */
  readonly replaced: (group: number, host: AuthorityHost) => void
  readonly halt: (group: number, error: Error) => void
}

/** Brings on the replicas of this node that missed what their leaders have no more in Raft's log. */
export class BringingOn {
  readonly #parts: BringingOnParts
  /** Members that sent false pieces of a state. */
  readonly distrusted = new Distrusted()
  /** Replicas that begin anew from a snapshot, with what Raft has committed meanwhile. */
  readonly #replacing = new Map<number, CommittedEntry[]>()
  readonly #catchUps = new CatchUps(offer => this.#catchUp(offer))

  constructor(parts: BringingOnParts) {
    this.#parts = parts
  }

  offered(offer: SnapshotOffer): void {
    this.#catchUps.add(offer)
  }

  /** Whether committed entries are kept here for a replica that begins anew; if not, the present one takes them. */
  keeps(group: number, entries: readonly CommittedEntry[]): boolean {
    const waiting = this.#replacing.get(group)
    if (waiting === undefined) return false
    waiting.push(...entries)
    return true
  }

  /** The replica and its Raft instance are over: what the next one commits is not for the one that was to begin anew. */
  ended(group: number): void {
    this.#replacing.delete(group)
  }

  async #catchUp(offer: SnapshotOffer): Promise<void> {
    const { options, host: groups, driver, replica } = this.#parts
    const { group, from, index } = offer
    const host = replica(group)
    const peer = options.peers.get(from)
    if (host === undefined || peer === undefined) return groups.snapshotFailed(group, index)
    const point = await this.#bringOn(offer, host, peer)
    if (point === undefined) groups.snapshotFailed(group, index)
    else groups.snapshotReady(group, index, [appliedOp(group, point)])
    driver.wake()
  }

  /** By replay; where that is too long, or not possible any more, by a snapshot first. */
  async #bringOn(offer: SnapshotOffer, host: AuthorityHost, peer: PeerId): Promise<AppliedPoint | undefined> {
    const { options } = this.#parts
    const { recordsReplayed = maxRecordsReplayed } = options
    const missed = offer.meta.length === 8 ? readU64(offer.meta, 0) - host.authority.replica.log.size : 0
    const taken = missed > recordsReplayed ? await this.#takeSnapshot(offer, host, peer) : undefined
    if (taken !== undefined) return taken
    const replayed = await catchUp({ ...options, peer, host }, offer)
    return replayed === 'dropped' ? await this.#takeSnapshot(offer, host, peer) : replayed
  }

  async #takeSnapshot(
    offer: SnapshotOffer,
    host: AuthorityHost,
    peer: PeerId,
  ): Promise<AppliedPoint | undefined> {
    const { group } = offer
    const { options, store, driver, members, write, halt } = this.#parts
    const { network, clock, count, log, final, peers } = options
    const others = members(group).flatMap(number => peers.get(number) ?? [])
    try {
      return await takeSnapshot(
        {
          ...{ network, clock, count, log, host, store, write, distrusted: this.distrusted },
          peers: [peer, ...others.filter(other => other !== peer)].slice(0, maxPeersAsked),
          final: final?.(group),
          membersIn: epoch => options.views?.membersIn(group, epoch),
          sync: () => new Promise(resolve => driver.sync(resolve)),
          replace: install => this.#replace(group, host, install),
        },
        offer,
      )
    } catch (error) {
      halt(group, error as Error)
      return undefined
    }
  }

  /** The group's Raft instance goes on meanwhile; what it commits waits for the new replica. */
  async #replace(
    group: number,
    host: AuthorityHost,
    install: () => Promise<void>,
  ): Promise<AuthorityHost | undefined> {
    const { host: groups, replica, anew, replaced } = this.#parts
    const committed: CommittedEntry[] = []
    this.#replacing.set(group, committed)
    host.retire()
    try {
      await install()
      // Finality may have ended the instance, or an order the replica: then the disk is all there is.
      if (replica(group) !== host) return undefined
      const next = await anew(group)
      if (replica(group) !== host) return undefined
      replaced(group, next)
      const status = groups.status(group)
      if (status !== undefined) next.roleChanged({ ...status, group })
      next.committed(committed)
      return next
    } finally {
      if (this.#replacing.get(group) === committed) this.#replacing.delete(group)
    }
  }
}
