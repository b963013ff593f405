import { RaftFault } from '../fault.ts'
import { Inflights } from './inflights.ts'

/**
 * probe: one append at a time until we know where the logs agree. replicate: appends are pipelined.
 * snapshot: nothing is sent until the follower has the snapshot.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot'

/** What the leader knows of one member. Invariant: match < next. */
export class Progress {
  readonly id: number
  /** Entries up to here are known to be on the follower's disk. */
  match = 0
  /** The next entry to send. */
  next: number
  state: ProgressState = 'probe'
  /** Index of the snapshot that is on its way, in state `snapshot`. */
  pendingSnapshot = 0
  /** We heard of it since the last quorum check. */
  recentActive = false
  /** No more appends for now: a probe is out, or the inflights are full. A heartbeat's answer lifts it. */
  appendsPaused = false
  isLearner: boolean
  inflights: Inflights
  /** The highest commit index that an append or heartbeat told the follower (it may have been lost). */
  #sentCommit = 0

  constructor(id: number, next: number, isLearner: boolean, inflights: Inflights) {
    this.id = id
    this.next = next
    this.isLearner = isLearner
    this.inflights = inflights
  }

  /** For a configuration change that may still fail: shares the inflights, which the change does not touch. */
  clone(): Progress {
    const copy = new Progress(this.id, this.next, this.isLearner, this.inflights)
    copy.match = this.match
    copy.state = this.state
    copy.pendingSnapshot = this.pendingSnapshot
    copy.recentActive = this.recentActive
    copy.appendsPaused = this.appendsPaused
    copy.#sentCommit = this.#sentCommit
    return copy
  }

  /** A new term begins: forget what the last one knew, except who it is. */
  resetForTerm(lastIndex: number, maxInflightMessages: number, maxInflightBytes: number): void {
    this.match = 0
    this.next = lastIndex + 1
    this.state = 'probe'
    this.pendingSnapshot = 0
    this.recentActive = false
    this.appendsPaused = false
    this.inflights = new Inflights(maxInflightMessages, maxInflightBytes)
    this.#sentCommit = 0
  }

  becomeProbe(): void {
    // After a snapshot, probe behind it even if its ack has not come yet.
    const snapshot = this.state === 'snapshot' ? this.pendingSnapshot : 0
    this.#enter('probe')
    this.next = Math.max(this.match, snapshot) + 1
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1)
  }

  becomeReplicate(): void {
    this.#enter('replicate')
    this.next = this.match + 1
  }

  becomeSnapshot(index: number): void {
    this.#enter('snapshot')
    this.pendingSnapshot = index
    this.next = index + 1
    this.#sentCommit = index
  }

  /** An append with `count` entries of `sizeBytes` payload was sent. */
  sentEntries(count: number, sizeBytes: number): void {
    if (this.state === 'replicate') {
      if (count > 0) {
        this.next += count
        this.inflights.add(this.next - 1, sizeBytes)
      }
      // An empty append while the inflights are full is one probe per heartbeat, no more.
      this.appendsPaused = this.inflights.full
      return
    }
    if (this.state === 'snapshot') throw new RaftFault('append-during-snapshot', { id: this.id })
    if (count > 0) this.appendsPaused = true
  }

  sentCommit(commit: number): void {
    this.#sentCommit = commit
  }

  /** Whether an append now would teach the follower that more of its log is committed. */
  canBumpCommit(commit: number): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1
  }

  /** An ack for everything up to `index`. False when it is old news. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.appendsPaused = false
    return true
  }

  /** The follower rejected an append after `rejected`; `hint` is where the logs may agree. False when it is stale. */
  maybeDecrease(rejected: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false
      this.next = this.match + 1
    } else {
      if (this.next - 1 !== rejected) return false
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
      this.appendsPaused = false
    }
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1)
    return true
  }

  get paused(): boolean {
    return this.state === 'snapshot' || this.appendsPaused
  }

  #enter(state: ProgressState): void {
    this.appendsPaused = false
    this.pendingSnapshot = 0
    this.state = state
    this.inflights.reset()
  }
}
