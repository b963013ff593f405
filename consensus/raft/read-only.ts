import { jointCommittedIndex } from './quorum/joint.ts'
import type { AckedIndex } from './quorum/majority.ts'
import type { ConfState, Message } from './types.ts'

const CONTEXT_BYTES = 8

/** A read, and the commit index of the leader when it was asked. */
export interface PendingRead {
  readonly request: Message
  readonly index: number
}

/**
 * Linearizable reads (Raft thesis 6.4): a read is confirmed when a quorum has answered a heartbeat that was sent after
 * the read came. Reads are numbered; a heartbeat carries the number of the newest, and its answer confirms it and
 * all before it, so that one round serves many reads.
 */
export class ReadOnly implements AckedIndex {
  #acks = new Map<number, number>()
  #waiting: PendingRead[] = []
  #confirmed = 0

  get waitingCount(): number {
    return this.#waiting.length
  }

  add(request: Message, commit: number): void {
    this.#waiting.push({ request, index: commit })
  }

  /** Number of the newest read. */
  get newest(): number {
    return this.#confirmed + this.#waiting.length
  }

  ackedIndex(id: number): number {
    return this.#acks.get(id) ?? -1
  }

  acknowledge(id: number, number: number): void {
    this.#acks.set(id, Math.max(this.#acks.get(id) ?? 0, number))
  }

  /** Reads that a quorum has confirmed since the last call. */
  takeConfirmed(config: ConfState): readonly PendingRead[] {
    const confirmed = jointCommittedIndex(config.voters, config.votersOutgoing, this)
    if (confirmed <= this.#confirmed || this.#waiting.length === 0) return []
    const taken = this.#waiting.splice(0, confirmed - this.#confirmed)
    this.#confirmed += taken.length
    return taken
  }

  /** What the next heartbeat carries; nothing when no read waits. */
  heartbeatContext(): Uint8Array | undefined {
    if (this.#waiting.length === 0) return undefined
    const context = new Uint8Array(CONTEXT_BYTES)
    new DataView(context.buffer).setBigUint64(0, BigInt(this.newest))
    return context
  }
}

/** The read's number in a heartbeat's answer; −1 when it is none. */
export function readNumberOf(context: Uint8Array): number {
  if (context.length !== CONTEXT_BYTES) return -1
  const view = new DataView(context.buffer, context.byteOffset, CONTEXT_BYTES)
  const number = Number(view.getBigUint64(0))
  return Number.isSafeInteger(number) ? number : -1
}
