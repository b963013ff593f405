import type { Clock } from '../ports.ts'
import type { Sent } from './node-channels.ts'
import { Pulse } from './pulse.ts'

/** What a lane says itself when nobody has answered in time. */
export interface Unavailable {
  readonly kind: 'unavailable'
  readonly retryAfterMs: number
}

export interface AskLaneOptions<Question, Answer> {
  /** Node numbers of those who may be asked. */
  readonly members: readonly number[]
  /** How a batch reaches a node; the answers come back one by one. */
  readonly send: (node: number, batch: number, questions: readonly Question[]) => Sent
  /** Questions in one batch. */
  readonly maxBatch: number
  /** Whether the answer is none, and who is to be asked again. Who lies is not asked for a while. */
  readonly again: (answer: Answer, question: Question, from: number) => Again | undefined
  readonly clock: Clock
  /** Runs a function at the end of this turn, so that questions that arrive together travel together. */
  readonly schedule: (run: () => void) => void
  /** Numbers a batch; unique on this node. */
  readonly nextBatch: () => number
  readonly count: (name: string, labels: Record<string, string>) => void
  /** What was sent has waited for an answer for a while: if this node has a replica, it may look after the leader. */
  readonly waits: () => void
}

type Again = 'here' | 'elsewhere' | 'lie'

interface Pending<Question, Answer> {
  readonly question: Question
  readonly answer: (result: Answer | Unavailable | Full) => void
  readonly deadlineMs: number
}

interface Full {
  readonly kind: 'busy'
  readonly retryAfterMs: number
}

interface Batch<Question, Answer> {
  readonly member: number
  readonly sentAtMs: number
  /** By their index in the batch; undefined once answered. */
  readonly waiting: (Pending<Question, Answer> | undefined)[]
}

const maxPending = 20_000
const deadlineAfterMs = 15_000
/** A member that is silent for so long is taken for lost. */
const silenceMs = 1_000
const waitsMs = 100
const distrustMs = 60_000
const retryEveryMs = 25

/**
 * The way of this node's questions to one authority: to its leader, as far as it is known, and from a member that can't
 * answer to the next one. Questions change nothing and have no order: what is unanswered is simply asked for again.
 */
export class AskLane<Question, Answer> {
  readonly #options: AskLaneOptions<Question, Answer>
  readonly #pulse: Pulse
  #members: readonly number[]
  #queue: Pending<Question, Answer>[] = []
  readonly #batches = new Map<number, Batch<Question, Answer>>()
  #member: number
  /** Who lied, and until when nobody believes them. */
  readonly #distrusted = new Map<number, number>()
  #pausedUntilMs = 0

  constructor(options: AskLaneOptions<Question, Answer>) {
    this.#options = options
    this.#pulse = new Pulse(options.clock, options.schedule, retryEveryMs, () => this.#flush())
    this.#members = options.members
    this.#member = options.members[0]!
  }

  /** Others may be asked from now on. */
  membersAre(members: readonly number[]): void {
    this.#members = members
    if (!members.includes(this.#member)) this.#member = members[0]!
  }

  get pending(): number {
    let inFlight = 0
    for (const { waiting } of this.#batches.values())
      inFlight += waiting.filter(each => each !== undefined).length
    return this.#queue.length + inFlight
  }

  ask(question: Question, answer: (result: Answer | Unavailable | Full) => void): void {
    if (this.#queue.length >= maxPending) return answer({ kind: 'busy', retryAfterMs: 250 })
    const deadlineMs = this.#options.clock.monotonicMs() + deadlineAfterMs
    this.#queue.push({ question, answer, deadlineMs })
    this.#pulse.soon()
  }

  /** Somebody who knows says who leads. What was asked of others is answered there. */
  leaderIs(node: number): void {
    if (this.#members.includes(node) && this.#trusts(node)) this.#member = node
  }

  /** The node can't be reached any more. */
  nodeLost(node: number): void {
    for (const [number, batch] of this.#batches) {
      if (batch.member !== node) continue
      this.#batches.delete(number)
      this.#queue.push(...batch.waiting.filter(each => each !== undefined))
    }
    this.#turnFrom(node)
    this.#pulse.soon()
  }

  answered(number: number, from: number, answers: readonly { index: number; answer: Answer }[]): void {
    const batch = this.#batches.get(number)
    if (batch === undefined || batch.member !== from) return
    for (const { index, answer } of answers) {
      const asked = batch.waiting[index]
      if (asked === undefined) continue
      batch.waiting[index] = undefined
      const again = this.#options.again(answer, asked.question, from)
      if (again === undefined) {
        asked.answer(answer)
        continue
      }
      this.#options.count('routing_asked_again', { where: again })
      this.#queue.push(asked)
      if (again === 'lie') return this.#distrust(from)
      if (again === 'elsewhere') this.#turnFrom(from)
      else this.#pause()
    }
    if (batch.waiting.every(each => each === undefined)) this.#batches.delete(number)
    this.#pulse.soon()
  }

  /** What else it was asked is asked of others. */
  #distrust(member: number): void {
    this.#distrusted.set(member, this.#options.clock.monotonicMs() + distrustMs)
    this.nodeLost(member)
  }

  #trusts(member: number): boolean {
    return (this.#distrusted.get(member) ?? 0) <= this.#options.clock.monotonicMs()
  }

  /** The next member is asked from now on, a little later: it may be that nobody can answer yet. */
  #turnFrom(member: number): void {
    if (member !== this.#member) return
    const at = this.#members.indexOf(member) + 1
    const inTurn = [...this.#members.slice(at), ...this.#members.slice(0, at)]
    const trusted = inTurn.find(each => this.#trusts(each))
    this.#member = trusted ?? inTurn[0]!
    this.#pause(trusted === undefined ? silenceMs : retryEveryMs)
  }

  #pause(forMs = retryEveryMs): void {
    this.#pausedUntilMs = this.#options.clock.monotonicMs() + forMs
  }

  #flush(): void {
    const nowMs = this.#options.clock.monotonicMs()
    this.#expire(nowMs)
    while (this.#queue.length > 0 && nowMs >= this.#pausedUntilMs) {
      const sent = this.#sendBatch(nowMs)
      if (sent === 'unreachable') this.#turnFrom(this.#member)
      else if (sent === 'opening') this.#pausedUntilMs = nowMs + retryEveryMs
    }
    if (this.#queue.length > 0 || this.#batches.size > 0) this.#pulse.later()
  }

  #sendBatch(nowMs: number): Sent {
    const batch = this.#options.nextBatch()
    const some = this.#queue.splice(0, this.#options.maxBatch)
    this.#batches.set(batch, { member: this.#member, sentAtMs: nowMs, waiting: [...some] })
    const sent = this.#options.send(
      this.#member,
      batch,
      some.map(({ question }) => question),
    )
    if (sent === 'sent') return sent
    this.#batches.delete(batch)
    this.#queue = [...some, ...this.#queue]
    return sent
  }

  #expire(nowMs: number): void {
    const expired = this.#queue.filter(({ deadlineMs }) => deadlineMs <= nowMs)
    if (expired.length > 0) this.#queue = this.#queue.filter(({ deadlineMs }) => deadlineMs > nowMs)
    for (const { answer } of expired) answer({ kind: 'unavailable', retryAfterMs: 1000 })
    for (const { sentAtMs, member } of this.#batches.values()) {
      if (nowMs - sentAtMs >= waitsMs) this.#options.waits()
      if (nowMs - sentAtMs < silenceMs) return
      this.#options.count('routing_silent_leader', {})
      this.nodeLost(member)
    }
  }
}
