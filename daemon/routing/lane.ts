import { inputBatchMessage } from '../../client/protocol/attestation.ts'
import { bodyHash, maxBatchInputs } from '../authority/batch.ts'
import type { InputResult, InputSource } from '../gateway/router.ts'
import type { Clock } from '../ports.ts'
import type { IndexedAnswer, Request } from './intent-codec.ts'
import type { Sent } from './node-channels.ts'
import { Pulse } from './pulse.ts'

/** How a request reaches a node; the answers come back one by one. */
export interface Carrier {
  send(node: number, request: Request): Sent
}

export interface LaneOptions {
  readonly group: number
  readonly origin: string
  /** Node numbers of those who may lead. */
  readonly members: readonly number[]
  /** This node's number: the gateway that vouches for its clients' inputs. */
  readonly gateway: number
  readonly sign: (message: Uint8Array) => Uint8Array
  readonly clock: Clock
  /** Runs a function at the end of this turn, so that inputs that arrive together travel together. */
  readonly schedule: (run: () => void) => void
  /** Numbers a batch; unique on this node. */
  readonly nextBatch: () => number
  readonly count: (name: string, labels: Record<string, string>) => void
  /** What was sent has waited for an answer for a while: if this node has a replica, it may look after the leader. */
  readonly waits: () => void
}

interface Pending {
  readonly ticket: number
  readonly body: Uint8Array
  readonly source: InputSource
  readonly deadlineMs: number
}

interface Batch {
  readonly target: number
  readonly sentAtMs: number
  /** By their index in the batch; undefined once answered. */
  readonly waiting: (Pending | undefined)[]
  left: number
}

const maxPending = 20_000
const maxBatchesInFlight = 8
const maxBatchBytes = 256 * 1024
const deadlineAfterMs = 15_000
/** A leader that is silent for so long is taken for lost. Retries are harmless: an input is applied once. */
const silenceMs = 1_000
/** Answers take less than this where all is well and near. */
const waitsMs = 100
const retryEveryMs = 25
const openingMs = 5
const busyAnswer: InputResult = { kind: 'busy', retryAfterMs: 250 }

/**
 * The way of this node's inputs to one authority: batches to its leader, several in flight; when the leader is lost or
 * another one leads, everything unanswered goes to the next in the old order.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #pulse: Pulse
  readonly #carrier: Carrier
  #members: readonly number[]
  #queue: Pending[] = []
  readonly #batches = new Map<number, Batch>()
  #target: number
  #tickets = 0
  #pausedUntilMs = 0

  constructor(options: LaneOptions, carrier: Carrier) {
    this.#options = options
    this.#pulse = new Pulse(options.clock, options.schedule, retryEveryMs, () => this.#flush())
    this.#carrier = carrier
    this.#members = options.members
    this.#target = options.members[0]!
  }

  /** Others may lead from now on. What those who may not have not answered goes to these. */
  membersAre(members: readonly number[]): void {
    this.#members = members
    if (!members.includes(this.#target)) this.#target = members[0]!
    this.#retryElsewhere(batch => !members.includes(batch.target))
  }

  get pending(): number {
    let inFlight = 0
    for (const batch of this.#batches.values()) inFlight += batch.left
    return this.#queue.length + inFlight
  }

  submit(bodies: readonly Uint8Array[], source: InputSource): void {
    if (this.#queue.length + bodies.length > maxPending) return source.answered(bodies, busyAnswer)
    const deadlineMs = this.#options.clock.monotonicMs() + deadlineAfterMs
    for (const body of bodies) this.#queue.push({ ticket: this.#tickets++, body, source, deadlineMs })
    this.#pulse.soon()
  }

  /** Somebody who knows says who leads. */
  leaderIs(node: number): void {
    if (node === this.#target || !this.#members.includes(node)) return
    this.#target = node
    this.#pausedUntilMs = 0
    this.#retryElsewhere(batch => batch.target !== node)
  }

  /** The node can't be reached any more. */
  nodeLost(node: number): void {
    if (node === this.#target) this.#rotate()
    this.#retryElsewhere(batch => batch.target === node)
  }

  answered(batchNumber: number, from: number, answers: readonly IndexedAnswer[]): void {
    const batch = this.#batches.get(batchNumber)
    if (batch === undefined || batch.target !== from) return
    for (const answered of answers) {
      const pending = takeAnswered(batch, answered)
      const { answer } = answered
      if (pending === undefined) continue
      if (answer.kind === 'not-leader') {
        this.#notLeader(from, answer.leader)
        return
      }
      for (let i = 0; i < pending.length; i++) batch.waiting[answered.index + i] = undefined
      batch.left -= pending.length
      tellSources(pending, answer)
    }
    if (batch.left === 0) this.#batches.delete(batchNumber)
    this.#pulse.soon()
  }

  #notLeader(from: number, leader: number): void {
    this.#options.count('routing_not_leader', {})
    if (leader !== 0 && leader !== from && this.#members.includes(leader)) this.#target = leader
    else if (this.#target === from) this.#rotate()
    this.#retryElsewhere(batch => batch.target === from)
  }

  #rotate(): void {
    const members = this.#members
    this.#target = members[(members.indexOf(this.#target) + 1) % members.length]!
    this.#pausedUntilMs = this.#options.clock.monotonicMs() + retryEveryMs
  }

  /** What those batches still wait for goes back to the queue, in the order in which it came. */
  #retryElsewhere(lost: (batch: Batch) => boolean): void {
    const returned: Pending[] = []
    for (const [number, batch] of this.#batches) {
      if (!lost(batch)) continue
      this.#batches.delete(number)
      returned.push(...batch.waiting.filter(pending => pending !== undefined))
    }
    if (returned.length > 0) {
      this.#options.count('routing_retried', {})
      this.#queue = [...returned, ...this.#queue].sort((a, b) => a.ticket - b.ticket)
    }
    this.#pulse.soon()
  }

  #flush(): void {
    const nowMs = this.#options.clock.monotonicMs()
    this.#expire(nowMs)
    while (
      this.#queue.length > 0 &&
      this.#batches.size < maxBatchesInFlight &&
      nowMs >= this.#pausedUntilMs
    ) {
      const sent = this.#sendBatch(nowMs)
      if (sent === 'unreachable') this.#rotate()
      else if (sent === 'opening') this.#pausedUntilMs = nowMs + openingMs
    }
    if (this.#queue.length > 0 || this.#batches.size > 0) this.#pulse.later()
  }

  #expire(nowMs: number): void {
    while (this.#queue.length > 0 && this.#queue[0]!.deadlineMs <= nowMs) {
      this.#options.count('routing_expired', {})
      tellSources([this.#queue.shift()!], { kind: 'unavailable', retryAfterMs: 1000 })
    }
    const [oldest] = this.#batches.values()
    if (oldest !== undefined && nowMs - oldest.sentAtMs >= waitsMs) this.#options.waits()
    for (const batch of this.#batches.values()) {
      if (nowMs - batch.sentAtMs < silenceMs) continue
      this.#options.count('routing_silent_leader', {})
      this.nodeLost(batch.target)
      return
    }
  }

  #sendBatch(nowMs: number): Sent {
    const { group, origin, gateway, sign, nextBatch } = this.#options
    const pending = this.#take()
    const bodies = pending.map(input => input.body)
    const signature = sign(inputBatchMessage(origin, gateway, bodies.map(bodyHash)))
    const batch = nextBatch()
    this.#batches.set(batch, {
      target: this.#target,
      sentAtMs: nowMs,
      waiting: [...pending],
      left: pending.length,
    })
    const sent = this.#carrier.send(this.#target, { group, batch, bodies, signature })
    if (sent === 'sent') return sent
    this.#batches.delete(batch)
    this.#queue = [...pending, ...this.#queue]
    return sent
  }

  #take(): Pending[] {
    let count = 0
    let sizeBytes = 0
    while (count < this.#queue.length && count < maxBatchInputs && sizeBytes < maxBatchBytes) {
      sizeBytes += this.#queue[count]!.body.length
      count++
    }
    return this.#queue.splice(0, count)
  }
}

/** Those that an answer is for; undefined when they aren't all waiting, or receipts are for more than one session's. */
function takeAnswered({ waiting }: Batch, { index, count, answer }: IndexedAnswer): Pending[] | undefined {
  const pending: Pending[] = []
  for (let i = index; i < index + count; i++) {
    const input = waiting[i]
    if (input === undefined) return undefined
    if (answer.kind === 'committed' && pending.length > 0 && input.source !== pending[0]!.source)
      return undefined
    pending.push(input)
  }
  return pending
}

function tellSources(pending: readonly Pending[], result: InputResult): void {
  for (let from = 0, to = 1; from < pending.length; to++) {
    const { source } = pending[from]!
    if (pending[to]?.source === source) continue
    source.answered(
      pending.slice(from, to).map(({ body }) => body),
      result,
    )
    from = to
  }
}
