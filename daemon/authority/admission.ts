import { encodeAttestation } from '../../client/protocol/attestation.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import type { Answers } from './answers.ts'
import { bodyHash, type InputBatch } from './batch.ts'
import { type LoggedBatch, loggedBatches } from './fallen.ts'
import type { BatchWaiter, InputAnswer } from './intake.ts'
import { BoundedQueue } from './queue.ts'
import type { AuthorityLimits, AuthorityPorts, RecordMaker } from './types.ts'

interface QueuedBatch {
  readonly batch: InputBatch
  readonly waiter: BatchWaiter
}

/** An attestation and the inputs that follow it: they stay together. */
export interface Admitted {
  readonly records: readonly LogRecord[]
  readonly sizeBytes: number
}

/** So that one gateway's flood leaves room for the others. */
const gatewayShare = 0.25
/** What a queued body takes beside its bytes, roughly. */
const bodyOverheadBytes = 128

/** The way of gateways' batches from the input queue through the filter to the intent queue. */
export class Admission {
  readonly inputs: BoundedQueue<QueuedBatch>
  /** What passed the filter and waits to be proposed. */
  readonly intents: BoundedQueue<Admitted>
  readonly #answers: Answers
  readonly #newRecord: RecordMaker
  readonly #ports: AuthorityPorts
  readonly #queueBytes: number
  /** Of each gateway's batches in the input queue. */
  readonly #waitingBytes = new Map<number, number>()
  /** Inputs that fell off this replica's log, for it to propose again when it leads; the last one first. */
  #fallen: LoggedBatch[]

  constructor(answers: Answers, newRecord: RecordMaker, ports: AuthorityPorts, limits: AuthorityLimits) {
    this.#answers = answers
    this.#newRecord = newRecord
    this.#ports = ports
    this.#queueBytes = limits.queueBytes
    this.#fallen = loggedBatches(ports.fallen ?? []).reverse()
    this.inputs = new BoundedQueue('input', limits.inputBatches, {
      maxBytes: limits.queueBytes,
      sizeOf: queued => batchBytes(queued.batch),
    })
    // Twice as much, so that whatever passes the filter has room.
    this.intents = new BoundedQueue('intent', limits.intents, {
      maxBytes: 2 * limits.queueBytes,
      sizeOf: admitted => admitted.sizeBytes,
    })
  }

  /** False when there is no room for it. */
  offer(batch: InputBatch, waiter: BatchWaiter): boolean {
    const { gateway } = batch
    const queued = { batch, waiter }
    const waitingBytes = (this.#waitingBytes.get(gateway) ?? 0) + batchBytes(batch)
    if (waitingBytes > this.#queueBytes * gatewayShare || !this.inputs.push(queued)) return false
    this.#waitingBytes.set(gateway, waitingBytes)
    return true
  }

  /** Whoever waits in the input queue is told this. */
  turnAway(answer: InputAnswer): void {
    for (const { batch, waiter } of this.inputs.drain()) waiter(0, batch.bodies.length, answer)
    this.#waitingBytes.clear()
  }

  /** What fell off is not proposed again from here. */
  forgetFallen(): void {
    this.#fallen = []
  }

  /** The filter: what may be proposed goes on to the intent queue, all else is answered. */
  admit(): void {
    this.#admitFallen()
    while (this.intents.length < this.intents.limit && this.intents.sizeBytes < this.#queueBytes) {
      const queued = this.inputs.shift()
      if (queued === undefined) return
      const { gateway } = queued.batch
      this.#waitingBytes.set(gateway, (this.#waitingBytes.get(gateway) ?? 0) - batchBytes(queued.batch))
      const admitted = this.#admit(queued)
      if (admitted !== undefined) this.intents.push(admitted)
    }
  }

  /** First of all, so that what the same sessions ask for now comes after it. It is applied once, whoever proposes it again. */
  #admitFallen(): void {
    while (this.#fallen.length > 0 && this.intents.length < this.intents.limit) {
      const admitted = this.#admit({ batch: this.#fallen.pop()!, waiter: () => {} })
      if (admitted === undefined) continue
      this.#ports.count('authority_inputs_again', {})
      this.intents.push(admitted)
    }
  }

  #admit({ batch, waiter }: { batch: LoggedBatch; waiter: BatchWaiter }): Admitted | undefined {
    const slots: (Uint8Array | undefined)[] = []
    const accepted: Uint8Array[] = []
    let sizeBytes = 0
    batch.bodies.forEach((body, i) => {
      if (!(body instanceof Uint8Array)) slots.push(body.hash)
      else if (this.#answers.accept(body, { waiter, index: i, session: undefined, also: undefined })) {
        slots.push(undefined)
        accepted.push(body)
        sizeBytes += body.length
      } else slots.push(bodyHash(body))
    })
    if (accepted.length === 0) return undefined
    const attestation = encodeAttestation({ gateway: batch.gateway, slots, signature: batch.signature })
    const records = [this.#newRecord(recordKind.attestation, attestation)]
    for (const body of accepted) records.push(this.#newRecord(recordKind.input, body))
    return { records, sizeBytes: sizeBytes + attestation.length }
  }
}

function batchBytes(batch: InputBatch): number {
  let bytes = 0
  for (const body of batch.bodies) bytes += body.length + bodyOverheadBytes
  return bytes
}
