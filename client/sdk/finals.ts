import type { DecidedSeal } from '../../audit/verify/certificate.ts'
import { type DecidedLeaves, FinalVerifier, MAX_ASKED_LEAVES } from '../protocol/final.ts'
import type { FinalAnswer, FinalAsk } from '../protocol/gateway.pb.js'
import { equalBytes } from '../protocol/session.ts'
import { ClientError } from './errors.ts'
import type { Pace } from './outbox.ts'
import { Tokens } from './tokens.ts'
import type { AreaTrust } from './trust.ts'

/**
 * A record is final: a quorum of the members has decided the log that holds it, and that is anchored. It survives lying members
 * and the loss of nodes.
 */
export interface Final {
  readonly leaf: number
  /** What was decided: how far the log went, its root and the state's. */
  readonly seal: DecidedSeal
  /** The decision itself, for anybody who knows the genesis file (docs/finality.md). */
  readonly certificate: Uint8Array
  /** How the members came to be the members: the certificates that lead there from the founders, in order. */
  readonly activations: readonly Uint8Array[]
  /** The log's decided checkpoint, signed by a member (C2SP signed-note). */
  readonly checkpoint: string
  /** The leaf's inclusion path under the checkpoint (RFC 6962, section 2.1.1). */
  readonly path: readonly Uint8Array[]
  /** From asking for it until it was verified. */
  readonly latencyMs: number
}

/** Something committed, as this client knows it. */
export interface Promised {
  readonly seq: number
  readonly leaf: number
  readonly leafHash: Uint8Array
}

type Areas = ReadonlyMap<string, AreaTrust>

interface Wanted extends Promised {
  /** Whose log it stands in. */
  readonly area: string
  readonly resolve: (final: Final) => void
  readonly reject: (error: ClientError) => void
  readonly askedMs: number
}

interface Ask {
  readonly area: string
  readonly wanted: readonly Wanted[]
  readonly sentMs: number
}

/** Asks under way at once: while they are, what comes meanwhile makes the next one. */
const MAX_ASKS = 4
/** Forgetting to wait must not fill the memory. */
const MAX_WANTED = 100_000
/** A gateway answers or says that it can't within so long. */
const RESEND_MS = 20_000

/** What of this client's actions is to be known as final. It may be asked for at any gateway, as often as need be. */
export class Finals {
  private queue: Wanted[] = []
  private readonly asks = new Map<number, Ask>()
  private readonly tokens = new Tokens()
  private readonly verifier = new FinalVerifier()
  private readonly soon: boolean
  private last = 0
  private notBeforeMs = 0

  /** @param soon has the log sealed at once, instead of waiting for the next seal, about a second */
  constructor(soon: boolean) {
    this.soon = soon
  }

  get size(): number {
    let size = this.queue.length
    for (const { wanted } of this.asks.values()) size += wanted.length
    return size
  }

  want(promised: Promised, area: string, nowMs: number): Promise<Final> {
    if (this.size >= MAX_WANTED)
      return Promise.reject(new ClientError('busy', 'Too many actions wait to become final.'))
    return new Promise((resolve, reject) => {
      this.queue.push({ ...promised, area, resolve, reject, askedMs: nowMs })
    })
  }

  linked(pace: Pace, nowMs: number): void {
    this.tokens.linked(pace, nowMs)
    this.notBeforeMs = 0
    for (const number of this.asks.keys()) this.putBack(number)
  }

  /**
   * What to send now; it counts as sent.
   * @param numberOf how an area is named to the gateway, 0 for the session's own
   */
  due(areas: Areas | undefined, numberOf: (area: string) => number, nowMs: number): FinalAsk[] {
    if (areas === undefined) return []
    for (const [number, { sentMs }] of this.asks) if (nowMs - sentMs >= RESEND_MS) this.putBack(number)
    this.tokens.refill(nowMs)
    const due: FinalAsk[] = []
    while (this.mayAsk && nowMs >= this.notBeforeMs && !this.tokens.areOut) {
      this.tokens.take()
      const { area } = this.queue[0]!
      const wanted = this.takeOf(area)
      const trust = areas.get(area)
      if (trust === undefined) continue
      const number = ++this.last
      this.asks.set(number, { area, wanted, sentMs: nowMs })
      const epoch = this.verifier.epochOf(trust.founders)
      due.push({ number, leaves: leavesOf(wanted), soon: this.soon, epoch, area: numberOf(area) })
    }
    return due
  }

  /** The oldest of those that one ask may be for. */
  private takeOf(area: string): Wanted[] {
    const wanted = this.queue.filter(each => each.area === area).slice(0, MAX_ASKED_LEAVES)
    const taken = new Set(wanted)
    this.queue = this.queue.filter(each => !taken.has(each))
    return wanted
  }

  private get mayAsk(): boolean {
    return this.queue.length > 0 && this.asks.size < MAX_ASKS
  }

  /** Milliseconds until `due` may have something, or undefined when only an answer can bring that. */
  waitMs(nowMs: number): number | undefined {
    return this.mayAsk ? Math.max(1, this.notBeforeMs - nowMs, this.tokens.waitMs) : undefined
  }

  /** False: its gateway says what can't be, and should be left. */
  answered(answer: FinalAnswer, areas: Areas | undefined, nowMs: number): boolean {
    const ask = this.asks.get(answer.number)
    const area = ask && areas?.get(ask.area)
    if (ask === undefined || area === undefined) return true // answered before
    if (answer.final === undefined) {
      this.putBack(answer.number)
      this.notBeforeMs = nowMs + Math.max(1, answer.retryAfterMs ?? 1_000)
      return true
    }
    const { founders, logKeys } = area
    const verdict = this.verifier.verify(answer.final, { leaves: leavesOf(ask.wanted), founders, logKeys })
    if (!verdict.ok) {
      this.putBack(answer.number)
      return false
    }
    this.asks.delete(answer.number)
    for (const wanted of ask.wanted) settle(wanted, verdict.decided, nowMs)
    return true
  }

  expire(nowMs: number, timeoutMs: number): void {
    for (const [number, { wanted }] of this.asks)
      if (wanted.some(({ askedMs }) => nowMs - askedMs >= timeoutMs)) this.putBack(number)
    const late = this.queue.filter(({ askedMs }) => nowMs - askedMs >= timeoutMs)
    if (late.length === 0) return
    this.queue = this.queue.filter(({ askedMs }) => nowMs - askedMs < timeoutMs)
    for (const { reject, seq } of late)
      reject(new ClientError('timeout', 'It is committed, and was not final in time.', { seq }))
  }

  end(code: string, text: string): void {
    for (const number of this.asks.keys()) this.putBack(number)
    for (const { reject, seq } of this.queue.splice(0)) reject(new ClientError(code, text, { seq }))
  }

  private putBack(number: number): void {
    const ask = this.asks.get(number)
    this.asks.delete(number)
    if (ask !== undefined) this.queue = [...ask.wanted, ...this.queue]
  }
}

function leavesOf(wanted: readonly Wanted[]): number[] {
  return [...new Set(wanted.map(({ leaf }) => leaf))].sort((a, b) => a - b)
}

function settle(wanted: Wanted, decided: DecidedLeaves, nowMs: number): void {
  const { leaf, leafHash, seq, askedMs } = wanted
  if (!equalBytes(decided.hashOf(leaf), leafHash)) {
    const text =
      'It was committed and fell off: the members have decided a log with another record in its place.'
    return wanted.reject(new ClientError('fell-off', text, { seq, leaf }))
  }
  const { seal, certificate, activations, checkpoint } = decided
  wanted.resolve({
    ...{ leaf, seal, certificate, activations, checkpoint, latencyMs: nowMs - askedMs },
    get path() {
      return decided.pathOf(leaf)
    },
  })
}
