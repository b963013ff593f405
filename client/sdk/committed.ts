import { decodeOutcome, type Outcome } from '../../world/codec.ts'
import type { Receipt } from '../protocol/receipt.ts'
import type { ProvenRun, ReceiptRun } from '../protocol/receipts.ts'
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
  readonly body: Uint8Array
  readonly outcome: Outcome
  readonly latencyMs: number
  private readonly proven: ProvenRun
  private readonly at: number

  constructor(item: Item, outcome: Outcome, nowMs: number, proven: ProvenRun, at: number) {
    this.seq = item.seq
    this.body = item.body!
    this.outcome = outcome
    this.latencyMs = nowMs - item.submittedMs
    this.proven = proven
    this.at = at
  }

  get receipt(): Receipt {
    return this.proven.receipt(this.at)
  }
}
