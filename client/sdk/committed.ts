import { recordLeafHash } from '../../audit/verify/record.ts'
import { decodeOutcome, type Outcome } from '../../world/codec.ts'
import { type Receipt, SALT_BYTES } from '../protocol/receipt.ts'
import type { ProvenRun, ReceiptRun } from '../protocol/receipts.ts'
import type { Final, Promised } from './finals.ts'
import type { Item } from './outbox.ts'
import type { Done } from './types.ts'

/** Undefined unless they are what the run says of its leaves. */
export function outcomesOf(run: ReceiptRun): Outcome[] | undefined {
  const outcomes: Outcome[] = []
  for (const bytes of run.outcomes) {
    const outcome = decodeOutcome(bytes)
    if (outcome?.leaf !== run.leaf + outcomes.length) return undefined
    outcomes.push(outcome!)
  }
  return outcomes
}

/** The receipt is made when somebody wants it: most are never looked at again. */
export class Committed implements Done {
  readonly seq: number
  readonly area: string
  readonly body: Uint8Array
  readonly outcome: Outcome
  readonly latencyMs: number
  private readonly proven: ProvenRun
  private readonly at: number
  private readonly whenFinal: (promised: Promised) => Promise<Final>
  private asked: Promise<Final> | undefined

  constructor(
    item: Item,
    area: string,
    outcome: Outcome,
    nowMs: number,
    proven: ProvenRun,
    at: number,
    whenFinal: (promised: Promised) => Promise<Final>,
  ) {
    this.seq = item.seq
    this.area = area
    this.body = item.body!
    this.outcome = outcome
    this.latencyMs = nowMs - item.submittedMs
    this.proven = proven
    this.at = at
    this.whenFinal = whenFinal
  }

  get receipt(): Receipt {
    return this.proven.receipt(this.at)
  }

  get final(): Promise<Final> {
    if (this.asked !== undefined) return this.asked
    const { header, salts } = this.proven.run
    const salt = salts.subarray(SALT_BYTES * this.at, SALT_BYTES * (this.at + 1))
    const { seq, outcome, body } = this
    const asked = this.whenFinal({ seq, leaf: outcome.leaf, leafHash: recordLeafHash(header, salt, body) })
    this.asked = asked
    // Whoever looks again after a failure asks again.
    asked.catch(() => {
      this.asked = undefined
    })
    return asked
  }
}
