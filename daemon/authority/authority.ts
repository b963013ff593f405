import { encodeBatch, hashBytes, type LogRecord, recordKind, saltBytes } from '../../storage/log/record.ts'
import type { StoreOp } from '../../storage/store.ts'
import { encodeOutcome, encodeTick, isConsumed, type Outcome } from '../../world/codec.ts'
import { appliedOp } from './applied.ts'
import { bodyHash, type InputBatch, maxInputBytes } from './batch.ts'
import { encodeAttestation, encodeMark, encodeSeal } from './bodies.ts'
import { Changes } from './changes.ts'
import { type LoggedBatch, loggedBatches } from './fallen.ts'
import {
  type BatchWaiter,
  InFlightInputs,
  type InputAnswer,
  inputHead,
  inputHeadBytes,
  seqOf,
  sessionAt,
  tell,
  type Waiting,
} from './intake.ts'
import { BoundedQueue } from './queue.ts'
import { follows, makeReceipts, maxRange, type Receiptable, type ReceiptRange } from './receipts.ts'
import { RecentEntries } from './recent.ts'
import type { AppliedEntry, AppliedSeal, Replica } from './replica.ts'
import { SealPace, type Unsealed } from './seal-pace.ts'
import { defaultTailLimits, UncertifiedTail } from './tail.ts'
import {
  type AuthorityIdentity,
  type AuthorityLimits,
  type AuthorityPorts,
  type Delivery,
  defaultAuthorityLimits,
  type FeedDelta,
  type Lookup,
} from './types.ts'

interface QueuedBatch {
  readonly batch: InputBatch
  readonly waiter: BatchWaiter
}

/** A range of receipts, and to whom it goes. */
interface AnsweredRange extends ReceiptRange {
  readonly waiting: Waiting
}

/** An attestation and the inputs that follow it: they stay together. */
interface Admitted {
  readonly records: readonly LogRecord[]
  readonly sizeBytes: number
}

type SimulationJob = 'charter' | 'tick' | 'mark' | 'seal'
const jobOfKind: ReadonlyMap<number, SimulationJob> = new Map([
  [recordKind.charter, 'charter'],
  [recordKind.tick, 'tick'],
  [recordKind.mark, 'mark'],
  [recordKind.seal, 'seal'],
])

const noLeader = 0
/** Clocks of honest nodes differ by less. */
const futureSealMs = 60_000
/** So that one gateway's flood leaves room for the others. */
const gatewayShare = 0.25
/** What a queued body takes beside its bytes, roughly. */
const bodyOverheadBytes = 128
/** Of seals, the base of the view among them. */
const decisionsToForget = 3
const busy: InputAnswer = { kind: 'busy', retryAfterMs: 200 }

/**
 * One authority on one node: the replica that applies what was committed, and, while this node leads, the leader that
 * takes inputs in, proposes them at once, and answers with receipts. Pure: bytes and times come in, effects go out
 * through the ports and return values.
 */
export class Authority {
  readonly identity: AuthorityIdentity
  readonly replica: Replica
  readonly limits: AuthorityLimits
  readonly inputs: BoundedQueue<QueuedBatch>
  /** What passed the filter and waits to be proposed. */
  readonly intents: BoundedQueue<Admitted>
  readonly simulation: BoundedQueue<SimulationJob>
  readonly outputs: BoundedQueue<FeedDelta>
  term = 0
  leader = noLeader
  readonly #ports: AuthorityPorts
  readonly #recent = new RecentEntries()
  readonly #inFlight = new InFlightInputs()
  readonly #changes = new Changes()
  /** Of each gateway's batches in the input queue. */
  readonly #waitingBytes = new Map<number, number>()
  #leading = false
  /** The leader has applied an entry of its own term, so its state holds all that was committed before. */
  #caughtUp = false
  #entriesInFlight = 0
  #jobsInFlight = new Set<SimulationJob>()
  #lastProposedTick = 0
  #nextTickAtMs = 0
  readonly #sealPace: SealPace
  #lookups: Lookup[] = []
  /** What is committed and not decided; undefined where nobody votes. */
  readonly #tail: UncertifiedTail | undefined
  /** Inputs that fell off this replica's log, for it to propose again when it leads. */
  #fallen: readonly LoggedBatch[]
  #decisions = 0

  constructor(
    identity: AuthorityIdentity,
    replica: Replica,
    ports: AuthorityPorts,
    limits = defaultAuthorityLimits,
  ) {
    this.identity = identity
    this.replica = replica
    this.limits = limits
    this.#ports = ports
    this.#sealPace = new SealPace(limits)
    this.#tail = ports.isVotedOn ? new UncertifiedTail(defaultTailLimits) : undefined
    this.#fallen = loggedBatches(ports.fallen ?? [])
    this.inputs = new BoundedQueue('input', limits.inputBatches, {
      maxBytes: limits.queueBytes,
      sizeOf: queued => batchBytes(queued.batch),
    })
    // Twice as much, so that whatever passes the filter has room.
    this.intents = new BoundedQueue('intent', limits.intents, {
      maxBytes: 2 * limits.queueBytes,
      sizeOf: admitted => admitted.sizeBytes,
    })
    this.simulation = new BoundedQueue('simulation', limits.simulationJobs)
    this.outputs = new BoundedQueue('output', limits.outputs)
  }

  /** This node leads and knows all that was committed before. */
  get serving(): boolean {
    return this.#leading && this.#caughtUp
  }

  /** So much is committed and not decided that no more is taken. */
  get isTailFull(): boolean {
    return this.#tail?.isFull === true
  }

  /** The members have decided the log up to this size. */
  decided(size: number): void {
    this.#tail?.decided(size)
    // By now whoever leads this view has proposed again what it had.
    if (++this.#decisions >= decisionsToForget) this.#fallen = []
  }

  get inputsInFlight(): number {
    return this.#inFlight.count
  }

  /** Raft's word on who leads in which term. */
  roleChanged(leading: boolean, term: number, leader: number): void {
    const goesOn = leading && term === this.term
    const wasLeading = this.#leading
    this.term = term
    this.leader = leader
    this.#leading = leading
    // What was proposed in an older term may never come, also when this node won the next one too.
    if (wasLeading && !goesOn) this.#resign()
  }

  #resign(): void {
    const answer: InputAnswer = { kind: 'not-leader', leader: this.leader }
    this.#caughtUp = false
    this.#entriesInFlight = 0
    this.#jobsInFlight.clear()
    this.simulation.drain()
    this.intents.drain() // whoever waits for these is in `#inFlight`
    this.#waitingBytes.clear()
    for (const { batch, waiter } of this.inputs.drain()) waiter(0, batch.bodies.length, answer)
    this.#inFlight.abandon(answer)
  }

  /** A gateway's batch, its signature already checked. `waiter` is told of each body once, at once or later. */
  offer(batch: InputBatch, waiter: BatchWaiter): void {
    const refusal = this.#enqueue({ batch, waiter })
    if (refusal !== undefined) waiter(0, batch.bodies.length, refusal)
  }

  #enqueue(queued: QueuedBatch): InputAnswer | undefined {
    if (!this.#leading) return { kind: 'not-leader', leader: this.leader }
    if (this.isTailFull) return busy
    const { gateway } = queued.batch
    const waitingBytes = (this.#waitingBytes.get(gateway) ?? 0) + batchBytes(queued.batch)
    if (waitingBytes > this.limits.queueBytes * gatewayShare || !this.inputs.push(queued)) return busy
    this.#waitingBytes.set(gateway, waitingBytes)
    return undefined
  }

  /** Every 10 ms or so: time for ticks and seals. */
  tick(nowMs: number, wallMs: number): void {
    this.#tail?.tick(nowMs)
    if (!this.serving) return
    if (this.isTailFull) this.#turnAway()
    if (this.replica.log.size === 0) this.#plan('charter')
    if (this.replica.world.needsTick() && nowMs >= this.#nextTickAtMs && !this.isTailFull) {
      this.#nextTickAtMs = Math.max(nowMs, this.#nextTickAtMs + this.identity.tickMs)
      this.#plan('tick')
    }
    if (this.replica.pendingMark !== undefined) this.#plan('seal')
    else if (this.#sealPace.take(nowMs, this.#unsealed(wallMs))) this.#plan('mark')
    this.flush(wallMs)
  }

  /** Whoever waits is told so: nobody can say when there will be a decision. */
  #turnAway(): void {
    for (const { batch, waiter } of this.inputs.drain()) waiter(0, batch.bodies.length, busy)
    this.#waitingBytes.clear()
  }

  /** Somebody waits for all that was committed to become final: the next seal comes as soon as it may. */
  sealSoon(): void {
    this.#sealPace.ask()
  }

  #unsealed(wallMs: number): Unsealed {
    const last = this.replica.lastSeal?.seal
    return {
      news: this.replica.unsealedRecords > 0,
      // Nodes start by the time that it names.
      correction: (last?.timeMs ?? 0) > wallMs + futureSealMs,
      isUndecided: () => (last?.height ?? 0) > (this.#ports.certifiedHeight() ?? Number.POSITIVE_INFINITY),
    }
  }

  #plan(job: SimulationJob): void {
    if (this.#jobsInFlight.has(job)) return
    if (this.simulation.push(job)) this.#jobsInFlight.add(job)
  }

  /** Proposes what waits, as far as the pipeline has room. */
  flush(wallMs: number): void {
    if (!this.serving) return
    while (this.#entriesInFlight < this.limits.entriesInFlight) {
      const records = this.#nextRecords(wallMs)
      if (records.length === 0) return
      const result = this.#ports.propose(encodeBatch(records))
      if (!result.ok) {
        this.#ports.count('authority_proposal_refused', { code: result.code })
        this.#inFlight.abandon(busy)
        this.#jobsDone(records)
        return
      }
      this.#entriesInFlight++
    }
  }

  #nextRecords(wallMs: number): LogRecord[] {
    const records: LogRecord[] = []
    if (this.simulation.peek() === 'charter') {
      this.simulation.shift()
      return [this.#record(recordKind.charter, this.identity.charterBody)]
    }
    // A charter is the first leaf: nothing goes before it.
    if (this.replica.log.size === 0) return records
    this.#admitFallen()
    this.#admitInputs()
    // After a pause time stands where the last tick left it: an input must not begin in the past.
    if (this.intents.length > 0 && this.#tickNow(wallMs) > this.#newestTick + 1)
      records.push(this.#tickRecord(wallMs))
    let sizeBytes = 0
    for (
      let next = this.intents.peek();
      next && sizeBytes < this.limits.entryBytes;
      next = this.intents.peek()
    ) {
      this.intents.shift()
      records.push(...next.records)
      sizeBytes += next.sizeBytes
    }
    // Marks and seals end their entry: a snapshot is taken just after a mark, a checkpoint just after a seal.
    for (let job = this.simulation.shift(); job !== undefined; job = this.simulation.shift()) {
      records.push(this.#jobRecord(job, wallMs))
      if (job === 'mark' || job === 'seal') break
    }
    return records
  }

  #jobRecord(job: SimulationJob, wallMs: number): LogRecord {
    if (job === 'tick') return this.#tickRecord(wallMs)
    if (job === 'mark') return this.#record(recordKind.mark, encodeMark({ height: this.replica.nextHeight }))
    return this.#record(recordKind.seal, this.#sealBody(wallMs))
  }

  get #newestTick(): number {
    return Math.max(this.replica.world.tick, this.#lastProposedTick)
  }

  #tickNow(wallMs: number): number {
    return Math.floor((wallMs - this.identity.createdAtMs) / this.identity.tickMs)
  }

  #tickRecord(wallMs: number): LogRecord {
    const tick = Math.max(this.#tickNow(wallMs), this.#newestTick + 1)
    this.#lastProposedTick = tick
    return this.#record(recordKind.tick, encodeTick({ tick, timeMs: wallMs }))
  }

  #sealBody(wallMs: number): Uint8Array {
    const mark = this.replica.pendingMark!
    return encodeSeal({
      height: mark.height,
      epoch: this.identity.epoch,
      previous: this.replica.previousHash,
      stateRoot: mark.stateRoot,
      asOfSize: mark.size,
      tick: this.replica.world.tick,
      timeMs: wallMs,
      nextMembers: this.identity.members,
    })
  }

  #record(kind: number, body: Uint8Array): LogRecord {
    return { kind, rulesVersion: this.identity.rulesVersion, salt: this.#ports.random.bytes(saltBytes), body }
  }

  /** The filter: what may be proposed goes on to the intent queue, all else is answered. */
  #admitInputs(): void {
    while (this.intents.length < this.intents.limit && this.intents.sizeBytes < this.limits.queueBytes) {
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
      const [batch, ...rest] = this.#fallen
      this.#fallen = rest
      const admitted = this.#admit({ batch: batch!, waiter: () => {} })
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
      else if (this.#accept(body, { waiter, index: i, session: undefined, also: undefined })) {
        slots.push(undefined)
        accepted.push(body)
        sizeBytes += body.length
      } else slots.push(bodyHash(body))
    })
    if (accepted.length === 0) return undefined
    const attestation = encodeAttestation({ gateway: batch.gateway, slots, signature: batch.signature })
    const records = [this.#record(recordKind.attestation, attestation)]
    for (const body of accepted) records.push(this.#record(recordKind.input, body))
    return { records, sizeBytes: sizeBytes + attestation.length }
  }

  /** Whether the input is to be proposed; if not, it is answered, or waits with an earlier copy. */
  #accept(body: Uint8Array, waiting: Waiting): boolean {
    if (body.length > maxInputBytes || body.length < inputHeadBytes) return this.#refuse(waiting, 'malformed')
    if (this.#inFlight.join(body, waiting)) return false
    const head = { seq: seqOf(body) }
    const applied = this.replica.world.lastSeq(body, body, sessionAt)
    if (head.seq <= applied) {
      this.#answerAgain(body, waiting)
      return false
    }
    const refusal = this.replica.world.check(body)
    if (refusal !== undefined) return this.#refuse(waiting, refusal.code)
    const expectedSeq = (this.#inFlight.lastSeq(body) ?? applied) + 1
    if (head.seq !== expectedSeq) {
      tell(waiting, { kind: 'gap', expectedSeq })
      return false
    }
    this.#inFlight.add(body, waiting)
    return true
  }

  #refuse(waiting: Waiting, code: string): false {
    this.#ports.count('authority_input_refused', { code })
    tell(waiting, { kind: 'refused', code })
    return false
  }

  /** A retry of what was applied before: the same outcome, at the same leaf, under a fresh signature. */
  #answerAgain(body: Uint8Array, waiting: Waiting): void {
    const { playerKey, sessionId, seq } = inputHead(body)!
    const outcome = this.replica.world.outcomeOf(playerKey, sessionId, seq)
    if (outcome === undefined) {
      this.#refuse(waiting, 'outcome-forgotten')
      return
    }
    const lookup = { leaf: outcome.leaf, outcome: encodeOutcome(outcome), waiting }
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

  foundRecord({ leaf, outcome, waiting }: Lookup, record: LogRecord, leafHash: Uint8Array): void {
    const item = { leaf, record, hashes: leafHash, hashAt: 0, outcome }
    tell(waiting, { kind: 'committed', receipts: this.#receipts([item], [{ from: 0, to: 1 }])[0]! })
  }

  #receipts(items: readonly Receiptable[], ranges: readonly ReceiptRange[]): Uint8Array[] {
    const { genesisHash, origin, epoch, view } = this.identity
    return makeReceipts(
      { genesisHash, origin, epoch, view, term: this.term },
      items,
      ranges,
      this.#ports.signer,
    )
  }

  /**
   * Applies committed entries, in order.
   * @throws DivergenceError
   */
  committed(entries: readonly { index: number; term: number; data: Uint8Array }[]): Delivery {
    const ops: StoreOp[] = []
    const applied: AppliedEntry[] = []
    for (const entry of entries) {
      const result = this.replica.apply(entry, ops)
      applied.push(result)
      const { firstLeaf, leafHashes, records } = result
      this.#noteTail(entry.data.length, result.sealed)
      if (records.length > 0) this.#recent.add({ firstLeaf, data: entry.data, leafHashes })
      this.#changes.note(result)
      this.#noteProgress(entry.term, result)
    }
    const last = entries[entries.length - 1]
    if (last !== undefined) ops.push(appliedOp(this.identity.group, { ...last, size: this.replica.log.size }))
    this.#answer(applied)
    return { ops, entries: applied, seals: applied.flatMap(entry => entry.sealed ?? []) }
  }

  #noteTail(sizeBytes: number, sealed: AppliedSeal | undefined): void {
    this.#tail?.applied(sizeBytes)
    if (sealed === undefined) return
    this.#tail?.sealed(sealed.size)
    // Decided before it came here, as where a replica is behind its members: nobody will say so again.
    if (sealed.seal.height <= (this.#ports.certifiedHeight() ?? 0)) this.#tail?.decided(sealed.size)
  }

  #noteProgress(term: number, result: AppliedEntry): void {
    if (!this.#leading || term !== this.term) return
    this.#caughtUp = true
    if (result.records.length === 0) return
    if (this.#entriesInFlight > 0) this.#entriesInFlight--
    this.#jobsDone(result.records)
  }

  /** Applied, or not even proposed: each may be planned again. One that is on its way may not. */
  #jobsDone(records: readonly LogRecord[]): void {
    for (const { kind } of records) {
      if (kind === recordKind.input) continue
      const job = jobOfKind.get(kind)
      if (job !== undefined) this.#jobsInFlight.delete(job)
    }
  }

  /** Sends receipts to whoever waits here, as on a follower nobody does. One signature for all of them. */
  #answer(entries: readonly AppliedEntry[]): void {
    if (this.#inFlight.count === 0) return
    const items: Receiptable[] = []
    const ranges: AnsweredRange[] = []
    for (const { firstLeaf, records, leafHashes: hashes, applied } of entries) {
      for (let i = 0; i < records.length; i++) {
        const record = records[i]!
        const outcome = applied[i]?.outcome
        if (record.kind !== recordKind.input || outcome === undefined) continue
        const waiting = this.#inFlight.applied(record.body)
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
    for (let each: Waiting | undefined = first; each !== undefined; each = each.also) {
      if (outcome.code === 'duplicate') this.#answerAgain(body, each)
      else if (outcome.code === 'gap') tell(each, { kind: 'gap', expectedSeq: outcome.value ?? 1 })
      else this.#refuse(each, outcome.code)
    }
  }

  /**
   * What has changed since the last time goes to the output queue, from which the host feeds the gateways: now and then
   * and not with each delivery, since what changes often is told once. `followed`: there is somebody to tell.
   */
  publish(followed: boolean): void {
    if (!followed) return this.#changes.forget()
    const delta = this.#changes.take(this.replica.world, this.replica.log.size)
    if (delta !== undefined && !this.outputs.push(delta)) this.#ports.count('authority_output_dropped', {})
  }
}

function batchBytes(batch: InputBatch): number {
  let bytes = 0
  for (const body of batch.bodies) bytes += body.length + bodyOverheadBytes
  return bytes
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
