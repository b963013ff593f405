import type { RaftInstance } from '../../storage/keys.ts'
import type { StoreOp } from '../../storage/store.ts'
import type { Message } from '../raft/types.ts'
import type { HostedGroup, PersistStep } from './hosted-group.ts'
import { promisedOp } from './liveness/support-disk.ts'
import { entryOp, hardStateOp, removeEntryOp, snapshotOp } from './raft-disk.ts'
import type { WriteEffect } from './types.ts'

/** A batch, and who waits for it to be durable. */
export interface InFlight {
  readonly cycle: number
  readonly steps: readonly PersistStep[]
  /** The longest promise of support that it remembers, 0 for none. */
  readonly promisedMs: number
}

/** A compaction drops many entries at once; spread over batches they hold nobody up. */
const MAX_REMOVALS_PER_BATCH = 1000

/** Entries that a snapshot covers: nobody reads or writes them again. */
interface Covered {
  readonly instance: RaftInstance
  next: number
  readonly last: number
}

/** What all groups want written. One batch is in flight; what comes meanwhile makes the next one. */
export class WriteQueue {
  #ops: StoreOp[] = []
  #steps: PersistStep[] = []
  #sync = false
  #inFlight: InFlight | undefined
  #cycle = 0
  #promisedMs = 0
  readonly #covered: Covered[] = []
  /** Groups whose hard state is to go into the next batch. A commit index alone makes no batch of its own. */
  readonly #hardStates = new Set<HostedGroup>()

  /**
   * Takes a StorageAppend of the core. False when it has nothing that must be durable and nothing before it waits:
   * its answers may leave at once.
   */
  add(group: HostedGroup, append: Message): boolean {
    const needsSync = this.#needsSync(group, append)
    this.#takeHardState(group, append)
    if (!needsSync) {
      if (group.lastStep === undefined) return false
      group.lastStep.later.push(...append.responses)
      return true
    }
    if (append.snapshot !== undefined) this.#replaceLog(group, append)
    this.#addEntries(group, append)
    const step: PersistStep = { group, append, later: [], answers: [] }
    group.lastStep = step
    this.#steps.push(step)
    this.#sync = true
    return true
  }

  /** Ops that need no sync and may come with any batch; in order with the group's own. */
  addOps(ops: readonly StoreOp[]): void {
    for (const op of ops) this.#ops.push(op)
  }

  /** Remembers the longest promise of support that may be given (liveness/support-disk.ts). */
  remember(promisedMs: number): void {
    this.#ops.push(promisedOp(promisedMs))
    this.#promisedMs = promisedMs
    this.#sync = true
  }

  get isWaiting(): boolean {
    return this.#ops.length > 0 || this.#steps.length > 0
  }

  /** Removes the entries from `first` to `last`, which a snapshot covers, by and by. */
  removeCovered(instance: RaftInstance, first: number, last: number): void {
    if (first <= last) this.#covered.push({ instance, next: first, last })
  }

  /**
   * Undefined while a batch is in flight, or when there is nothing to write. `flush`: a batch even of nothing, since
   * the caller has something to add. `lazy`: what can wait is enough.
   */
  take(flush: boolean, lazy: boolean): WriteEffect | undefined {
    if (this.#inFlight !== undefined) return undefined
    const canWait = this.#hardStates.size > 0 || this.#covered.length > 0
    const due = flush || this.#steps.length > 0 || this.#ops.length > 0 || (lazy && canWait)
    if (!due) return undefined
    const ops = this.#ops
    this.#addRemovals()
    for (const group of this.#hardStates) ops.push(hardStateOp(group.instance, group.hardState))
    this.#hardStates.clear()
    this.#cycle++
    this.#inFlight = { cycle: this.#cycle, steps: this.#steps, promisedMs: this.#promisedMs }
    const write: WriteEffect = { cycle: this.#cycle, ops, sync: this.#sync }
    this.#ops = []
    this.#steps = []
    this.#promisedMs = 0
    this.#sync = false
    return write
  }

  /** The batch that is durable now; undefined when it is not the one in flight. */
  persisted(cycle: number): InFlight | undefined {
    const inFlight = this.#inFlight
    if (inFlight === undefined || inFlight.cycle !== cycle) return undefined
    this.#inFlight = undefined
    for (const step of inFlight.steps) if (step.group.lastStep === step) step.group.lastStep = undefined
    return inFlight
  }

  /** It is closed, and hands over nothing more. What waits is written whole: an entry never without its term. */
  forget(group: HostedGroup): void {
    if (this.#hardStates.delete(group)) this.#ops.push(hardStateOp(group.instance, group.hardState))
  }

  #needsSync(group: HostedGroup, append: Message): boolean {
    if (append.entries.length > 0 || append.snapshot !== undefined) return true
    const { term, vote } = append
    if (term === 0) return false
    return term !== group.hardState.term || vote !== group.hardState.vote
  }

  #takeHardState(group: HostedGroup, append: Message): void {
    const { term, vote, commit } = append
    if (term === 0 && vote === 0 && commit === 0) return
    group.hardState = { term, vote, commit }
    this.#hardStates.add(group)
  }

  #addEntries(group: HostedGroup, append: Message): void {
    const { entries } = append
    if (entries.length === 0) return
    for (const entry of entries) this.#ops.push(entryOp(group.instance, entry))
    const last = entries[entries.length - 1]!.index
    // A new leader's shorter log replaces ours: what lies behind it must not come back at a restart.
    for (let index = last + 1; index <= group.lastStored; index++) {
      this.#ops.push(removeEntryOp(group.instance, index))
    }
    group.lastStored = last
  }

  #replaceLog(group: HostedGroup, append: Message): void {
    const snapshot = append.snapshot!
    this.removeCovered(group.instance, group.firstStored, Math.min(group.lastStored, snapshot.index))
    for (let index = snapshot.index + 1; index <= group.lastStored; index++) {
      this.#ops.push(removeEntryOp(group.instance, index))
    }
    this.#ops.push(snapshotOp(group.instance, snapshot), ...group.offerOps)
    group.offerOps = []
    group.firstStored = snapshot.index + 1
    group.lastStored = snapshot.index
  }

  #addRemovals(): void {
    for (let room = MAX_REMOVALS_PER_BATCH; room > 0 && this.#covered.length > 0; room--) {
      const covered = this.#covered[0]!
      this.#ops.push(removeEntryOp(covered.instance, covered.next))
      if (covered.next++ === covered.last) this.#covered.shift()
    }
  }
}
