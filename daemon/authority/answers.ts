import { equalBytes } from '../../storage/bytes.ts'
import { hashBytes, type LogRecord, recordKind } from '../../storage/log/record.ts'
import { encodeOutcome, isConsumed, type Outcome } from '../../world/codec.ts'
import {
  InFlightInputs,
  type InputAnswer,
  inputHead,
  inputHeadBytes,
  seqOf,
  sessionAt,
  tell,
  type Waiting,
} from './intake.ts'
import { follows, makeReceipts, maxRange, type Receiptable, type ReceiptRange } from './receipts.ts'
import { RecentEntries } from './recent.ts'
import type { AppliedEntry, Replica } from './replica.ts'
import type { AuthorityIdentity, AuthorityPorts, Lookup } from './types.ts'

/** The view of a leader that lies is given up within a second or so. */
const falseSeqRetryMs = 1_000

/** A range of receipts, and to whom it goes. */
interface AnsweredRange extends ReceiptRange {
  readonly waiting: Waiting
}

/**
 * What a leader answers to inputs: to those that it does not propose at once, to the others when they are applied.
 */
export class Answers {
  readonly inFlight = new InFlightInputs()
  /** Of the leader that signs. */
  term = 0
  /** Leaves that the members have decided, as far as was told. */
  decidedSize = 0
  readonly #identity: AuthorityIdentity
  readonly #replica: Replica
  readonly #ports: AuthorityPorts
  readonly #recent = new RecentEntries()
  #lookups: Lookup[] = []

  constructor(identity: AuthorityIdentity, replica: Replica, ports: AuthorityPorts) {
    this.#identity = identity
    this.#replica = replica
    this.#ports = ports
  }

  /** Whether the input is to be proposed; if not, it is answered, or waits with an earlier copy. */
  accept(body: Uint8Array, waiting: Waiting): boolean {
    if (body.length > this.#replica.rules.maxInputBytes || body.length < inputHeadBytes)
      return this.#refuse(waiting, 'malformed')
    if (this.inFlight.join(body, waiting)) return false
    const head = { seq: seqOf(body) }
    const applied = this.#replica.rules.lastSeq(body, body, sessionAt)
    if (head.seq <= applied) {
      this.#answerAgain(body, waiting)
      return false
    }
    const refusal = this.#replica.rules.check(body)
    if (refusal !== undefined && this.#isAway(refusal.code)) {
      this.#ports.crossings!.away(body, waiting)
      return false
    }
    if (refusal !== undefined) return this.#refuse(waiting, refusal.code)
    const expectedSeq = (this.inFlight.lastSeq(body) ?? applied) + 1
    if (head.seq !== expectedSeq) {
      tell(waiting, { kind: 'gap', expectedSeq })
      return false
    }
    this.inFlight.add(body, waiting)
    return true
  }

  /** The character is on its way to another authority, or is there. */
  #isAway(code: string): boolean {
    return this.#ports.crossings !== undefined && (code === 'crossing' || code === 'moved')
  }

  #refuse(waiting: Waiting, code: string): false {
    this.#ports.count('authority_input_refused', { code })
    tell(waiting, { kind: 'refused', code })
    return false
  }

  /** A retry of what was applied before: the same outcome, at the same leaf, under a fresh signature. */
  #answerAgain(body: Uint8Array, waiting: Waiting): void {
    const { playerKey, sessionId, seq } = inputHead(body)!
    const outcome = this.#replica.rules.outcomeOf(playerKey, sessionId, seq)
    if (outcome === undefined) {
      this.#refuse(waiting, 'outcome-forgotten')
      return
    }
    const lookup = { leaf: outcome.leaf, outcome: encodeOutcome(outcome), body, waiting }
    const recent = this.#recent.find(outcome.leaf)
    if (recent === undefined) this.#lookups.push(lookup)
    else this.foundRecord(lookup, recent.record, recent.leafHash)
  }

  /** Outcomes that have to be read from the log; the host reads each and calls `foundRecord`. */
  takeLookups(): Lookup[] {
    const lookups = this.#lookups
    this.#lookups = []
    return lookups
  }

  foundRecord({ leaf, outcome, body, waiting }: Lookup, record: LogRecord, leafHash: Uint8Array): void {
    if (!equalBytes(record.body, body)) return this.#answerTaken(leaf, waiting)
    const item = { leaf, record, hashes: leafHash, hashAt: 0, outcome }
    tell(waiting, { kind: 'committed', receipts: this.#receipts([item], [{ from: 0, to: 1 }])[0]! })
  }

  /**
   * Another input has this seq. A lying leader may have made that up: then it falls off with its view, and this one is taken. What
   * the members have decided the session itself asked for.
   */
  #answerTaken(leaf: number, waiting: Waiting): void {
    const { lastSeal } = this.#replica
    const isSealed = lastSeal !== undefined && leaf < lastSeal.size
    const certifiedHeight = this.#ports.certifiedHeight() ?? Number.POSITIVE_INFINITY
    const isDecided = leaf < this.decidedSize || (isSealed && lastSeal.seal.height <= certifiedHeight)
    if (isDecided) this.#refuse(waiting, 'seq-taken')
    else tell(waiting, { kind: 'busy', retryAfterMs: falseSeqRetryMs })
  }

  #receipts(items: readonly Receiptable[], ranges: readonly ReceiptRange[]): Uint8Array[] {
    const { genesisHash, origin, epoch, view } = this.#identity
    return makeReceipts(
      { genesisHash, origin, epoch, view, term: this.term },
      items,
      ranges,
      this.#ports.signer,
    )
  }

  /** Retries of what was applied lately are answered from here. */
  note({ firstLeaf, records, leafHashes }: AppliedEntry, data: Uint8Array): void {
    if (records.length > 0) this.#recent.add({ firstLeaf, data, leafHashes })
  }

  /** Sends receipts to whoever waits here, as on a follower nobody does. One signature for all of them. */
  answer(entries: readonly AppliedEntry[]): void {
    if (this.inFlight.count === 0) return
    const items: Receiptable[] = []
    const ranges: AnsweredRange[] = []
    for (const { firstLeaf, records, leafHashes: hashes, applied } of entries) {
      for (let i = 0; i < records.length; i++) {
        const record = records[i]!
        const outcome = applied[i]?.outcome
        if (record.kind !== recordKind.input || outcome === undefined) continue
        const waiting = this.inFlight.applied(record.body)
        if (waiting === undefined) continue
        if (!isConsumed(outcome.code)) {
          this.#answerUnconsumed(record.body, outcome, waiting)
          continue
        }
        items.push({
          leaf: firstLeaf + i,
          record,
          hashes,
          hashAt: i * hashBytes,
          outcome: encodeOutcome(outcome),
        })
        noteRange(ranges, items, waiting)
      }
    }
    if (items.length === 0) return
    this.#receipts(items, ranges).forEach((receipts, i) => {
      const { from, to, waiting } = ranges[i]!
      waiting.waiter(waiting.index, to - from, { kind: 'committed', receipts })
    })
  }

  /** The record turned out to be a copy of an applied input, or out of order: it changed nothing. */
  #answerUnconsumed(body: Uint8Array, outcome: Outcome, first: Waiting): void {
    if (this.#isAway(outcome.code)) return this.#ports.crossings!.away(body, first)
    for (let each: Waiting | undefined = first; each !== undefined; each = each.also) {
      if (outcome.code === 'duplicate') this.#answerAgain(body, each)
      else if (outcome.code === 'gap') tell(each, { kind: 'gap', expectedSeq: outcome.value ?? 1 })
      else this.#refuse(each, outcome.code)
    }
  }

  /** Whoever waits is told this instead of a receipt. */
  abandon(answer: InputAnswer): void {
    this.inFlight.abandon(answer)
  }
}

/** The newest item goes to whoever waits for it: with the one before, where that is its neighbour for the same waiter. */
function noteRange(ranges: AnsweredRange[], items: readonly Receiptable[], waiting: Waiting): void {
  const at = items.length - 1
  const last = ranges.at(-1)
  const goesOn =
    last !== undefined &&
    last.to === at &&
    last.waiting.session === waiting.session &&
    last.waiting.waiter === waiting.waiter &&
    last.waiting.index + (at - last.from) === waiting.index &&
    at - last.from < maxRange &&
    follows(items[at]!, items[at - 1]!)
  if (goesOn) last.to++
  else ranges.push({ from: at, to: at + 1, waiting })
  for (let retry = waiting.also; retry !== undefined; retry = retry.also)
    ranges.push({ from: at, to: at + 1, waiting: retry })
}
