import { encodeBatch, type LogRecord, recordKind, saltBytes } from '../../storage/log/record.ts'
import type { StoreOp } from '../../storage/store.ts'
import { Admission } from './admission.ts'
import { Answers } from './answers.ts'
import { appliedOp } from './applied.ts'
import type { InputBatch } from './batch.ts'
import { Changes } from './changes.ts'
import type { BatchWaiter, InputAnswer } from './intake.ts'
import { Jobs, plainTicks } from './jobs.ts'
import { BoundedQueue } from './queue.ts'
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
  type TickMaker,
} from './types.ts'

const noLeader = 0
/** Clocks of honest nodes differ by less. */
const futureSealMs = 60_000
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
  readonly outputs: BoundedQueue<FeedDelta>
  leader = noLeader
  readonly #ports: AuthorityPorts
  readonly #answers: Answers
  readonly #admission: Admission
  readonly #jobs: Jobs
  readonly #handover: (body: Uint8Array) => LogRecord
  readonly #changes = new Changes()
  #leading = false
  /** The leader has applied an entry of its own term, so its state holds all that was committed before. */
  #caughtUp = false
  #entriesInFlight = 0
  #nextTickAtMs = 0
  readonly #ticks: TickMaker
  readonly #sealPace: SealPace
  /** What is committed and not decided; undefined where nobody votes. */
  readonly #tail: UncertifiedTail | undefined
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
    this.#ticks = ports.ticks ?? plainTicks(identity)
    this.#sealPace = new SealPace(limits)
    this.#tail = ports.isVotedOn ? new UncertifiedTail(defaultTailLimits) : undefined
    const newRecord = (kind: number, body: Uint8Array): LogRecord => {
      return { kind, rulesVersion: identity.rulesVersion, salt: ports.random.bytes(saltBytes), body }
    }
    this.#handover = body => newRecord(recordKind.handover, body)
    this.#answers = new Answers(identity, replica, ports)
    this.#admission = new Admission(this.#answers, newRecord, ports, limits)
    this.#jobs = new Jobs(identity, replica, newRecord, limits, this.#ticks)
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
    this.#answers.decidedSize = Math.max(this.#answers.decidedSize, size)
    // By now whoever leads this view has proposed again what it had.
    if (++this.#decisions >= decisionsToForget) this.#admission.forgetFallen()
  }

  get term(): number {
    return this.#answers.term
  }

  /** Another authority's leader says something of an entity that changes owners. */
  heard(message: Uint8Array): void {
    if (this.serving) this.#ports.crossings?.receive(message)
  }

  /** As its leader: entities may come and go. */
  get handsOver(): boolean {
    return this.serving && this.#ports.crossings !== undefined
  }

  /** The seal of this height is final, and this proves it to other authorities. */
  final(height: number, final: Uint8Array): void {
    this.#ports.crossings?.final(height, final)
  }

  /** Gateways' batches that wait for the filter. */
  get inputs(): Admission['inputs'] {
    return this.#admission.inputs
  }

  /** What passed the filter and waits to be proposed. */
  get intents(): Admission['intents'] {
    return this.#admission.intents
  }

  /** The authority's own records that wait to be proposed. */
  get simulation(): Jobs['queue'] {
    return this.#jobs.queue
  }

  get inputsInFlight(): number {
    return this.#answers.inFlight.count
  }

  /** Raft's word on who leads in which term. */
  roleChanged(leading: boolean, term: number, leader: number): void {
    const goesOn = leading && term === this.term
    const wasLeading = this.#leading
    this.#answers.term = term
    this.leader = leader
    this.#leading = leading
    // What was proposed in an older term may never come, also when this node won the next one too.
    if (wasLeading && !goesOn) this.#resign()
  }

  #resign(): void {
    const answer: InputAnswer = { kind: 'not-leader', leader: this.leader }
    this.#caughtUp = false
    this.#entriesInFlight = 0
    this.#jobs.abandon()
    this.#ports.crossings?.resign(answer)
    this.intents.drain() // whoever waits for these is in flight
    this.#admission.turnAway(answer)
    this.#answers.abandon(answer)
  }

  /** A gateway's batch, its signature already checked. `waiter` is told of each body once, at once or later. */
  offer(batch: InputBatch, waiter: BatchWaiter): void {
    const refusal = this.#refusal(batch, waiter)
    if (refusal !== undefined) waiter(0, batch.bodies.length, refusal)
  }

  #refusal(batch: InputBatch, waiter: BatchWaiter): InputAnswer | undefined {
    if (!this.#leading) return { kind: 'not-leader', leader: this.leader }
    if (this.isTailFull || !this.#admission.offer(batch, waiter)) return busy
    return undefined
  }

  /** Every 10 ms or so: time for ticks and seals. */
  tick(nowMs: number, wallMs: number): void {
    this.#tail?.tick(nowMs)
    this.#ports.ahead.wallMs = wallMs
    if (!this.serving) return
    // Nobody can say when there will be a decision.
    if (this.isTailFull) this.#admission.turnAway(busy)
    if (this.#jobs.isEnding) return
    this.#ports.crossings?.tick()
    if (this.#ports.crossings?.wantsSeal === true) this.sealSoon()
    if (this.replica.log.size === 0) this.#jobs.plan('charter')
    const wantsTick = this.replica.rules.needsTick() || this.#ticks.isWanted()
    if (wantsTick && nowMs >= this.#nextTickAtMs && !this.isTailFull) {
      this.#nextTickAtMs = Math.max(nowMs, this.#nextTickAtMs + this.#ticks.everyMs)
      this.#jobs.plan('tick')
    }
    if (this.replica.pendingMark !== undefined) this.#jobs.plan('seal')
    else if (this.#sealPace.take(nowMs, this.#unsealed(wallMs))) this.#jobs.plan('mark')
    this.flush(wallMs)
  }

  /** Who shall decide from the next seal on, node numbers, ascending; undefined: whoever does so now. */
  setNextMembers(members: readonly number[] | undefined): void {
    this.#jobs.nextMembers = members
    if (this.#jobs.nextMembers !== undefined) this.sealSoon()
  }

  /** Somebody waits for all that was committed to become final: the next seal comes as soon as it may. */
  sealSoon(): void {
    this.#sealPace.ask()
  }

  /** Such a seal is yet to begin. */
  get isSealAsked(): boolean {
    return this.#sealPace.isAsked
  }

  /** Though nothing happened. */
  get #isSealWanted(): boolean {
    return this.#jobs.nextMembers !== undefined || this.#ports.crossings?.wantsSeal === true
  }

  #unsealed(wallMs: number): Unsealed {
    const last = this.replica.lastSeal?.seal
    return {
      news: this.replica.unsealedRecords > 0 || this.#isSealWanted,
      // Nodes start by the time that it names.
      correction: (last?.timeMs ?? 0) > wallMs + futureSealMs,
      isUndecided: () => (last?.height ?? 0) > (this.#ports.certifiedHeight() ?? Number.POSITIVE_INFINITY),
    }
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
        this.#answers.abandon(busy)
        this.#jobs.done(records)
        return
      }
      this.#entriesInFlight++
    }
  }

  #nextRecords(wallMs: number): LogRecord[] {
    if (this.#jobs.isEnding) return []
    const charter = this.#jobs.takeCharter()
    if (charter !== undefined) return [charter]
    // A charter is the first leaf: nothing goes before it.
    if (this.replica.log.size === 0) return []
    this.#admission.admit()
    const records: LogRecord[] = []
    const { crossings } = this.#ports
    const isWaiting = this.intents.length > 0 || crossings?.hasRecords === true
    if (isWaiting && this.#jobs.isBehind(wallMs)) records.push(this.#jobs.tickRecord(wallMs))
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
    if (crossings !== undefined) records.push(...crossings.takeRecords().map(this.#handover))
    records.push(...this.#jobs.take(wallMs))
    return records
  }

  /** Outcomes that have to be read from the log; the host reads each and calls `foundRecord`. */
  takeLookups(): Lookup[] {
    return this.#answers.takeLookups()
  }

  foundRecord(lookup: Lookup, record: LogRecord, leafHash: Uint8Array): void {
    this.#answers.foundRecord(lookup, record, leafHash)
  }

  /**
   * Applies committed entries, in order.
   * @throws DivergenceError
   */
  committed(entries: readonly { index: number; term: number; data: Uint8Array }[]): Delivery {
    const ops: StoreOp[] = []
    const applied: AppliedEntry[] = []
    for (const entry of entries) {
      const made = this.replica.apply(entry, ops)
      if (made.marked) this.#ports.crossings?.marked(this.replica.pendingMark!.height, this.replica.tree)
      const result = { ...made, faults: [...made.faults, ...this.#ports.ahead.faults(made)] }
      applied.push(result)
      this.#noteTail(entry.data.length, result.sealed)
      this.#answers.note(result, entry.data)
      this.#changes.note(result)
      this.#noteProgress(entry.term, result)
    }
    const last = entries[entries.length - 1]
    if (last !== undefined) ops.push(appliedOp(this.identity.group, { ...last, size: this.replica.log.size }))
    this.#answers.answer(applied)
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
    this.#ports.crossings?.lead()
    if (result.records.length === 0) return
    if (this.#entriesInFlight > 0) this.#entriesInFlight--
    this.#jobs.done(result.records)
    if (this.#ports.isAwaited?.(result) === true) this.sealSoon()
  }

  /**
   * What has changed since the last time goes to the output queue, from which the host feeds the gateways: now and then
   * and not with each delivery, since what changes often is told once. `followed`: there is somebody to tell.
   */
  publish(followed: boolean): void {
    if (!followed) return this.#changes.forget()
    const delta = this.#changes.take(this.replica)
    if (delta !== undefined && !this.outputs.push(delta)) this.#ports.count('authority_output_dropped', {})
  }
}
