import { NONE } from '../raft/types.ts'
import { hasQuorum, isBound } from './cover.ts'
import { waitsForFirst } from './holding.ts'
import type { HostedGroup } from './hosted-group.ts'
import type { Liveness } from './liveness/liveness.ts'

/** Elections of this node that run at once: the next one begins when one is decided, so the load sets the pace. */
const MAX_STANDING = 200
const MAX_STARTED_PER_TICK = 50

/** Those who wait are looked through this often; at once when something changed. */
const SCAN_TICKS = 5

/** A member waits so much longer than the one that is before it in the order, and twice the round trip. */
const RANK_DELAY_MS = 60

/** Whoever has given its vote away leaves the candidate so much time, disks included, before it stands itself. */
const VOTED_DELAY_MS = 250

export interface OrphansOptions {
  readonly self: number
  readonly liveness: Liveness
  readonly nowMs: () => number
  /** From the start: leaders that are alive will be heard of by then. */
  readonly settleMs: number
  readonly stand: (hosted: HostedGroup) => void
}

/**
 * Groups without a leader, until an election can be won. They have no timers. In a node's loss thousands of groups lose
 * their leader at one moment: each member asks only when it has heard that a quorum is free to vote, the members of a
 * group stand one after another, and only so many elections run at once, groups with traffic first.
 */
export class Orphans {
  readonly #options: OrphansOptions
  readonly #waiting = new Map<HostedGroup, number>()
  readonly #standing = new Set<HostedGroup>()
  readonly #settledMs: number
  #scanAtTick = 0
  #ticks = 0
  diskIsStalled = false

  constructor(options: OrphansOptions) {
    this.#options = options
    this.#settledMs = options.nowMs() + options.settleMs
  }

  /** In the order in which they shall have leaders again. `lost`: by a node's loss, and so for its other members too. */
  add(hosted: HostedGroup, lost: boolean): void {
    this.#standing.delete(hosted)
    const { vote, id } = hosted.node.raft
    const delayMs = vote !== NONE && vote !== id ? VOTED_DELAY_MS : RANK_DELAY_MS
    this.#waiting.set(hosted, this.#options.nowMs() + (lost ? 0 : delayMs))
    this.scanSoon()
  }

  /** This node has just been asked for its vote, and could give it. */
  leaveTo(hosted: HostedGroup, candidate: number): void {
    const sinceMs = this.#waiting.get(hosted)
    if (sinceMs === undefined) return
    const delayMs = hosted.node.raft.vote === candidate ? VOTED_DELAY_MS : RANK_DELAY_MS
    this.#waiting.set(hosted, Math.max(sinceMs, this.#options.nowMs() + delayMs))
  }

  /** It has a leader, or is closed. */
  remove(hosted: HostedGroup): void {
    if (this.#standing.delete(hosted)) this.scanSoon()
    this.#waiting.delete(hosted)
  }

  waiting(): HostedGroup[] {
    return [...this.#waiting.keys()]
  }

  has(hosted: HostedGroup): boolean {
    return this.#waiting.has(hosted)
  }

  /** Somebody waits for this one. */
  hurry(hosted: HostedGroup): void {
    const sinceMs = this.#waiting.get(hosted)
    if (sinceMs === undefined) return
    const others = [...this.#waiting]
    this.#waiting.clear()
    this.#waiting.set(hosted, sinceMs)
    for (const [other, otherSinceMs] of others) this.#waiting.set(other, otherSinceMs)
    this.scanSoon()
  }

  scanSoon(): void {
    this.#scanAtTick = this.#ticks
  }

  tick(): void {
    this.#ticks++
    this.scan()
  }

  /** Stands for election where it is this node's turn. */
  scan(): void {
    if (this.#waiting.size === 0 || this.#ticks < this.#scanAtTick || this.diskIsStalled) return
    this.#scanAtTick = this.#ticks + SCAN_TICKS
    const nowMs = this.#options.nowMs()
    let started = 0
    for (const [hosted, sinceMs] of this.#waiting) {
      if (!this.#isTurn(hosted, sinceMs, nowMs)) continue
      if (this.#standing.size >= MAX_STANDING || started >= MAX_STARTED_PER_TICK) {
        this.#scanAtTick = this.#ticks + 1
        return
      }
      started++
      this.#start(hosted)
    }
  }

  /** A member with a longer log than a candidate's need not wait for its turn: the candidate can't win. */
  standNow(hosted: HostedGroup): void {
    if (!this.#waiting.has(hosted) || this.diskIsStalled || waitsForFirst(hosted)) return
    if (!isBound(hosted, this.#options.liveness, this.#options.nowMs())) this.#start(hosted)
  }

  /** Whether a quorum is there and, as far as they have said, does not support the leader that was lost. */
  isElectable(hosted: HostedGroup): boolean {
    const { liveness, self } = this.#options
    const { lostLeader, node, wasRemoved } = hosted
    if (this.diskIsStalled || wasRemoved || !node.raft.promotable || waitsForFirst(hosted)) return false
    return hasQuorum(
      node.raft.tracker.config,
      voter => voter === self || (voter !== lostLeader && liveness.isFreeOf(voter, lostLeader)),
    )
  }

  #isTurn(hosted: HostedGroup, sinceMs: number, nowMs: number): boolean {
    if (isBound(hosted, this.#options.liveness, nowMs) || !this.isElectable(hosted)) return false
    if (hosted.node.raft.tracker.isSingleton) return true
    if (nowMs < this.#settledMs) return false
    const rank = this.#rank(hosted)
    return nowMs >= Math.max(sinceMs, this.#settledMs) + rank * this.#rankDelayMs(hosted)
  }

  /** Live voters in order, rotated by the group's number so that a lost node's groups are spread over the others. */
  #rank({ node, instance, lostLeader, firstLeader }: HostedGroup): number {
    const { self, liveness } = this.#options
    if (firstLeader === self) return 0
    let live = 0
    let before = 0
    let after = 0
    for (const voter of node.raft.tracker.voters()) {
      if (voter !== self && (voter === lostLeader || !liveness.isUp(voter) || !liveness.supports(voter)))
        continue
      live++
      if (voter < self) before++
      if (voter === firstLeader) after = 1
    }
    return after + ((before + live - ((instance.group - 1) % live)) % live)
  }

  #rankDelayMs({ node }: HostedGroup): number {
    let farthestMs = 0
    for (const voter of node.raft.tracker.voters()) {
      if (voter !== this.#options.self)
        farthestMs = Math.max(farthestMs, this.#options.liveness.roundTripMs(voter))
    }
    return RANK_DELAY_MS + 2 * farthestMs
  }

  #start(hosted: HostedGroup): void {
    this.#waiting.delete(hosted)
    if (hosted.node.lead !== NONE) return
    this.#standing.add(hosted)
    this.#options.stand(hosted)
  }
}
