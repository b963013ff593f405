import type { FinalityHost } from '../../../consensus/finality/host.ts'
import type { Seal } from '../../../consensus/finality/seal.ts'
import type { Freeze, MemberStatus, Restart } from '../../../consensus/finality/types.ts'
import { lostDiskOps } from '../../../consensus/groups/raft-disk.ts'
import { type RaftInstance, raftInstanceRange } from '../../../storage/keys.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import type { Clock, PeerId } from '../../ports.ts'
import type { Beginning } from '../opening.ts'
import { readStanding, type Standing, standingOp } from '../standing.ts'
import { Carried } from './carried.ts'
import { olderInstanceOps } from './going-back.ts'
import { type Place, type Restored, type Restoring, restore } from './restoring.ts'

const againMs = 500
const maxDistrust = 2
/** Members that are there and have nothing to put behind this replica's log: it may have ended elsewhere than theirs. */
const missesBelieved = 4

export type ViewEvent = 'view-frozen' | 'view-entered' | 'view-restoring'

/** What a change of views asks of those who run the replicas. */
export interface ReplicaDoor {
  /** The replica and its Raft instance end here; what they wrote stays on the disk. */
  freeze(group: number): void
  /** A replica begins from what the disk has. */
  enter(group: number, begin: Beginning): Promise<void>
  /** Undefined when this node is to hold no replica. */
  restoring(group: number): Restoring | undefined
  /** It can't go on: its disk is damaged. */
  halt(group: number, error: Error): void
}

export interface ViewsOptions {
  readonly host: FinalityHost
  readonly store: Store
  readonly clock: Clock
  readonly door: () => ReplicaDoor | undefined
  /** Members other than this node that can be reached now. */
  readonly peers: (group: number) => readonly PeerId[]
  /** The replica stands at the base of its view. The ops belong to the batch that says so. */
  readonly stoodAt: (group: number, base: Seal | undefined) => readonly StoreOp[]
  /** After that: the base is to be voted on. */
  readonly entered: (group: number, base: Seal | undefined) => void
  /** For how long this view's Raft instance follows the view's leader only. */
  readonly holdMs: (restart: Restart) => number
  readonly log: (event: ViewEvent, facts: object) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/**
 * Takes this node's replicas from one view of finality to the next: the Raft instance of the old one stops for good, the
 * replica goes to the new one's base, and a fresh instance begins there. Where a replica stands is on its disk; wherever
 * a crash leaves it, the next start sees that this is not where its view begins, and brings it there.
 */
export class Views {
  readonly #options: ViewsOptions
  /** Replicas that take part, or may begin to, in the view that finality is in. */
  readonly #standing = new Map<number, Standing>()
  /** Replicas that are to be brought to the base of their view, the newest word on each. */
  readonly #wanted = new Map<number, Restart>()
  readonly #running = new Set<number>()
  /** Ends what a replica is being brought by, when there is a newer word on it. */
  readonly #ending = new Map<number, AbortController>()
  readonly #carried = new Carried()
  /** A replica that was away for long has these, where it lacks all that are newer. */
  readonly #decidedAtStart = new Map<number, readonly Seal[]>()
  /** The instance that each authority was founded with: a disk that says nothing else stands there. */
  readonly #founded = new Map<number, { readonly epoch: number; readonly view: number }>()
  #stopped = false

  constructor(options: ViewsOptions) {
    this.#options = options
  }

  /** Of an authority that finality has just opened. @throws RaftDiskError */
  async load(group: number, first: { readonly epoch: number; readonly view: number }): Promise<void> {
    const { host, store } = this.#options
    this.#decidedAtStart.set(group, host.status(group)!.certifiedSeals)
    this.#founded.set(group, first)
    const standing = await readStanding(store, { group, ...first })
    // The members may have gone on meanwhile: what is brought on stands nowhere until it is there.
    if (this.#wanted.has(group) || this.#running.has(group)) return
    const status = host.status(group)!
    if (isOpen(status) && isOf(status, standing)) this.#standing.set(group, standing)
  }

  /** Brings those on that a crash has caught on their way. */
  begin(groups: Iterable<number>): void {
    for (const group of groups) {
      const status = this.#options.host.status(group)
      if (status === undefined || this.#standing.has(group) || this.#running.has(group)) continue
      if (!isOpen(status)) continue
      // It led this view for a moment before a crash, and told nobody of it: the next view is coming.
      if (status.baseSeal === undefined && status.base.height > 0) continue
      const { epoch, view, leader, baseSeal: base } = status
      this.restart({ group, epoch, view, leader, base })
    }
  }

  stop(): void {
    this.#stopped = true
  }

  /** The Raft instance that this node's replica takes part in; undefined while it is frozen or on its way. */
  standing(group: number): Standing | undefined {
    return this.#standing.get(group)
  }

  /** A change of views brings the replica on, and lets it in where it comes to stand. */
  bringsOn(group: number): boolean {
    return this.#running.has(group)
  }

  /** The members have decided this seal: what fell off before its view stands in it again, if it can. */
  decided(group: number, height: number): void {
    this.#carried.decided(group, height)
  }

  freeze({ group, epoch, view }: Freeze): void {
    this.#standing.delete(group)
    this.#options.door()?.freeze(group)
    this.#options.log('view-frozen', { group, epoch, view })
    this.#options.count('finality_views_frozen', {})
  }

  restart(restart: Restart): void {
    this.#standing.delete(restart.group)
    const before = this.#wanted.get(restart.group)
    this.#wanted.set(restart.group, restart)
    if (before !== undefined && !isOf(before, restart)) this.#ending.get(restart.group)?.abort()
    void this.#run(restart.group)
  }

  async #run(group: number): Promise<void> {
    if (this.#running.has(group)) return
    this.#running.add(group)
    let distrust = 0
    let misses = 0
    let last: Restart | undefined
    for (let tries = 0; !this.#stopped; tries++) {
      const restart = this.#wanted.get(group)
      if (restart === undefined) break
      if (restart !== last) [distrust, misses] = [0, 0]
      last = restart
      this.#ending.set(group, new AbortController())
      const done = await this.#attempt(restart, distrust, tries).catch((error: Error) => {
        this.#options.log('view-restoring', { group, error: error.message })
        if (distrust >= maxDistrust) this.#options.door()?.halt(group, error)
        return 'damaged' as const
      })
      if (done === 'done' && this.#wanted.get(group) === restart) this.#wanted.delete(group)
      if (done === 'missing' && this.#options.peers(group).length > 0) misses++
      if (misses >= missesBelieved) distrust = Math.max(distrust, 1)
      if (done === 'damaged') distrust = Math.min(distrust + 1, maxDistrust)
      // That was said by others: what is decided, and stands here with its root, is not given up for it.
      else if (done === 'contradicted') distrust = Math.max(distrust, 1)
      if (done !== 'done') await new Promise<void>(resolve => this.#options.clock.after(againMs, resolve))
    }
    this.#ending.delete(group)
    this.#running.delete(group)
  }

  async #attempt(
    restart: Restart,
    distrust: number,
    tries: number,
  ): Promise<'done' | 'not-yet' | Exclude<Restored['kind'], 'there'>> {
    const { group, epoch, view, leader, base } = restart
    const door = this.#options.door()
    const isCurrent = (): boolean => {
      const status = this.#options.host.status(group)
      return status !== undefined && isOpen(status) && isOf(status, restart)
    }
    if (door === undefined) return 'not-yet'
    if (!isCurrent()) return 'done'
    door.freeze(group)
    const parts = door.restoring(group)
    if (parts === undefined) return 'done'
    const fallen = await this.#bring(restart, parts, distrust, tries)
    if (typeof fallen === 'string') return fallen
    if (!isCurrent()) return 'done'
    const standing = { epoch, view, baseSize: base?.size ?? 0 }
    this.#standing.set(group, standing)
    this.#options.entered(group, base)
    try {
      const again = this.#carried.add(group, base?.height ?? 0, fallen)
      const holdMs = this.#options.holdMs(restart)
      await door.enter(group, { firstLeader: leader, holdMs, fallen: again })
    } catch (error) {
      this.#standing.delete(group)
      throw error
    }
    this.#options.log('view-entered', {
      group,
      epoch,
      view,
      leader,
      size: standing.baseSize,
      fallen: fallen.length,
    })
    this.#options.count('finality_views_entered', {})
    return 'done'
  }

  /** Returns what fell off, once the disk says that the replica stands at the base. */
  async #bring(
    { group, epoch, view, base }: Restart,
    parts: Restoring,
    distrust: number,
    tries: number,
  ): Promise<readonly LogRecord[] | Exclude<Restored['kind'], 'there'>> {
    const { host, store } = this.#options
    const { certifiedSeals, hasForgotten } = host.status(group)!
    const decided = [...certifiedSeals, ...(this.#decidedAtStart.get(group) ?? [])]
    await parts.synced()
    const first = { group, ...this.#founded.get(group)! }
    if (distrust === 0 && isOf(await readStanding(store, first), { epoch, view })) return []
    const to: Place = base ?? { size: 0, root: new Uint8Array(0) }
    const peers = (): readonly PeerId[] => rotated(this.#options.peers(group), tries)
    const ended = this.#ending.get(group)!.signal
    const restored = await restore({ ...parts, peers, ended }, { to, decided, distrust })
    if (restored.kind !== 'there') return restored.kind
    const instance = { group, epoch, view }
    const ops = [
      standingOp(group, { epoch, view, baseSize: to.size }),
      ...(await olderInstanceOps(store, instance)),
      ...this.#options.stoodAt(group, base),
      ...(hasForgotten || distrust > 0 ? await forgetOps(store, instance) : []),
    ]
    parts.addOps(ops)
    await parts.synced()
    return restored.fallen
  }
}

/** What was promised in this very instance nobody here knows any more: its Raft log was lost, or does not lead to this state. */
async function forgetOps(store: Store, instance: RaftInstance): Promise<StoreOp[]> {
  const ops: StoreOp[] = []
  for await (const { key } of store.range(raftInstanceRange(instance))) ops.push({ key, value: undefined })
  return [...ops, ...lostDiskOps([instance])]
}

const isOpen = ({ view, frozenTo }: MemberStatus): boolean => frozenTo === view

const isOf = (a: { epoch: number; view: number }, b: { epoch: number; view: number }): boolean =>
  a.epoch === b.epoch && a.view === b.view

function rotated<T>(all: readonly T[], by: number): readonly T[] {
  const at = all.length === 0 ? 0 : by % all.length
  return [...all.slice(at), ...all.slice(0, at)]
}
