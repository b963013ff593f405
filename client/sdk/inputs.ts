import type { Action, Outcome } from '../../world/codec.ts'
import type { Answer } from '../protocol/gateway.pb.js'
import { decodeReceipts, type ReceiptsVerdict, verifyReceipts } from '../protocol/receipts.ts'
import { Committed, outcomesOf } from './committed.ts'
import { ClientError } from './errors.ts'
import type { Final, Promised } from './finals.ts'
import { putSha256 } from './hash.ts'
import { Histogram } from './histogram.ts'
import type { Lifeline } from './lifeline.ts'
import type { Link } from './link.ts'
import type { Item, Pace } from './outbox.ts'
import { bodyOf, checkAction, renumber } from './session.ts'
import type { ClientSettings, ClientStats, Done, KeptReceipt } from './types.ts'

interface Waiting {
  readonly resolve: (done: Done) => void
  readonly reject: (error: ClientError) => void
  /** The last reason why it isn't done. */
  fault: string
}

/** The client whose inputs these are. */
export interface InputsHost {
  readonly lifeline: Lifeline
  /** Something may be due to be sent. */
  changed(): void
  /** There is no going on with the session. */
  over(code: string, text: string): void
  /** The log was proven to be so large. */
  proved(size: number): void
  /** @param area whose log it stands in */
  whenFinal(promised: Promised, area: string): Promise<Final>
}

const DUPLICATE_RETRY_MS = 100
const MAX_DUPLICATES = 20
/** So often a session's number is raised before it counts as lost to others that keep opening higher ones. */
const MAX_RENUMBERINGS = 8
/** The session is over for good: another one, here or elsewhere, took its place. */
export const SESSION_OVER = new Set(['session-replaced', 'session-closed', 'no-session', 'seq-taken'])
/** The opening's number will not do; the outcome's value is the one to be exceeded. */
const NUMBER_REFUSED = new Set(['session-closed', 'session-ahead'])
/** It was applied before, and what came of it isn't known any more. */
const APPLIED = new Set(['duplicate', 'outcome-forgotten'])
/** Takes the place of an input that was refused without being logged: there is nothing with this id, so it changes nothing. */
const FILLER: Action = { kind: 'gather', resource: '0'.repeat(32) }

/** What was asked for, and what comes of it: each receipt is checked, and what has no answer yet is asked for again. */
export class Inputs {
  /** Filled when `keepReceipts` was asked for. */
  readonly receipts: KeptReceipt[] = []
  private readonly settings: ClientSettings
  private readonly host: InputsHost
  private readonly waiting = new Map<number, Waiting>()
  /** By seq: the first gateway that said, without a signature, that there is no going on with it. */
  private readonly saidBy = new Map<number, string>()
  private readonly counts = { submitted: 0, committed: 0, rejected: 0, refused: 0, retried: 0, forged: 0 }
  private readonly latency = new Histogram()
  private renumberings = 0

  constructor(settings: ClientSettings, host: InputsHost) {
    this.settings = settings
    this.host = host
  }

  get stats(): Omit<ClientStats, 'links'> {
    return { ...this.counts, latency: this.latency }
  }

  private get outbox() {
    return this.settings.session.outbox
  }

  /** Throws for an action that can't be encoded. */
  add(action: Action): Promise<Done> {
    const body = this.bodyNow(this.outbox.nextSeq, action)
    if (body === undefined) checkAction(action)
    const item = this.outbox.add(action, this.settings.nowMs())
    this.counts.submitted++
    const done = new Promise<Done>((resolve, reject) => {
      this.waiting.set(item.seq, { resolve, reject, fault: '' })
    })
    if (body !== undefined) this.take(item, body)
    return done
  }

  linked(pace: Pace, nowMs: number): void {
    this.outbox.linked(pace, nowMs)
    this.prepareAll()
  }

  /** Bodies to send now; they count as sent. */
  due(nowMs: number): Uint8Array[] {
    const due = this.outbox.due(nowMs)
    for (const item of due) if (item.sends > 1) this.counts.retried++
    return due.map(item => item.body!)
  }

  /** Milliseconds until `due` may have something, or undefined when only an answer can bring that. */
  waitMs(nowMs: number): number | undefined {
    return this.outbox.waitMs(nowMs)
  }

  expire(nowMs: number, timeoutMs: number): void {
    for (const item of this.outbox.pending()) {
      if (nowMs - item.submittedMs < timeoutMs) break
      const fault = this.waiting.get(item.seq)?.fault ?? ''
      // It stays in the outbox: those after it need its seq.
      this.fail(item.seq, 'timeout', 'There was no answer in time; it may still be applied.', { fault })
    }
  }

  end(code: string, text: string): void {
    for (const { reject, fault } of this.waiting.values()) reject(new ClientError(code, text, { fault }))
    this.waiting.clear()
  }

  private prepareAll(): void {
    for (const item of this.outbox.pending()) if (item.body === undefined) this.prepare(item)
  }

  private prepare(item: Item): void {
    const body = this.bodyNow(item.seq, item.action)
    if (body !== undefined) this.take(item, body)
  }

  /** Undefined when it has to wait: for the first link, or for the opening, which may change the session's number. */
  private bodyNow(seq: number, action: Action): Uint8Array | Promise<Uint8Array> | undefined {
    const { lifeline } = this.host
    const area = lifeline.trust?.areas.get(lifeline.home)
    if (area === undefined || (seq > 1 && this.outbox.get(1) !== undefined)) return undefined
    return bodyOf({ seq, action }, this.settings.session, this.settings.player, area)
  }

  private take(item: Item, body: Uint8Array | Promise<Uint8Array>): void {
    if (body instanceof Uint8Array) {
      item.body = body
      this.host.changed()
      return
    }
    body.then(
      signed => {
        item.body = signed
        this.host.changed()
      },
      error => this.host.over('cannot-sign', `The player's key did not sign: ${(error as Error).message}`),
    )
  }

  answered(answer: Answer, link: Link): void {
    const { seq, expectedSeq = 0, retryAfterMs = 0, code = '' } = answer
    const item = this.outbox.get(seq)
    if (item === undefined) return // answered before
    const waiting = this.waiting.get(seq)
    const fault = expectedSeq > 0 ? 'gap' : code
    if (waiting !== undefined) waiting.fault = fault
    if (expectedSeq > 0) this.gap(seq, expectedSeq, link)
    else if (retryAfterMs > 0) this.outbox.postpone(seq, retryAfterMs, this.settings.nowMs())
    else if (code === 'other-log') this.elsewhere(item, link)
    else this.refused(item, code)
    this.host.changed()
  }

  /**
   * The owner has nothing of this session. What opens it is made anew for the area that the character has gone to before;
   * otherwise the gateway sends what was asked for to a wrong one.
   */
  private elsewhere(item: Item, link: Link): void {
    const { lifeline } = this.host
    if (item.seq !== 1 || item.fellOff || lifeline.home === lifeline.area)
      return lifeline.leaveUntrue(link, 'other-log')
    lifeline.home = lifeline.area
    item.body = undefined
    this.outbox.postpone(item.seq, 0, this.settings.nowMs())
    this.prepare(item)
  }

  /** Receipts count once they are verified, all of them together. */
  promised(bytes: Uint8Array, link: Link): void {
    const run = decodeReceipts(bytes)
    const outcomes = run && outcomesOf(run)
    if (run === undefined || outcomes === undefined) return this.forged([], 'malformed', link)
    const items = outcomes.flatMap(({ seq }) => this.outbox.get(seq) ?? [])
    const bodies = items.flatMap(({ body }) => body ?? [])
    if (items.length === 0) return // answered before
    if (bodies.length < outcomes.length) return this.askAgain(items)
    const { trust, area: name } = this.host.lifeline
    const area = trust?.areas.get(name)
    if (trust === undefined || area === undefined) return this.forged(items, 'unknown-area', link)
    const { genesisHash } = trust
    const { origin, logKeys } = area
    const { verify } = this.settings
    const verdict = verifyReceipts(run, {
      genesisHash,
      origin,
      bodies,
      logKeys,
      verify,
      putHash: putSha256,
    })
    if (verdict instanceof Promise) void verdict.then(late => this.judged(late, items, outcomes, name, link))
    else this.judged(verdict, items, outcomes, name, link)
  }

  private judged(
    verdict: ReceiptsVerdict,
    items: readonly Item[],
    outcomes: readonly Outcome[],
    area: string,
    link: Link,
  ): void {
    if (!verdict.ok) return this.forged(items, verdict.code, link)
    const nowMs = this.settings.nowMs()
    this.host.lifeline.provenArea = area
    const whenFinal = (promised: Promised): Promise<Final> => this.host.whenFinal(promised, area)
    items.forEach((item, i) => {
      // Another may be a second copy of the same answer.
      if (this.outbox.get(item.seq) === item)
        this.settle(item, new Committed(item, area, outcomes[i]!, nowMs, verdict.proven, i, whenFinal))
    })
    this.host.changed()
  }

  /** Some of these were answered before, and can't be checked together with the others any more. */
  private askAgain(items: readonly Item[]): void {
    for (const { seq } of items) this.outbox.postpone(seq, DUPLICATE_RETRY_MS, this.settings.nowMs())
    this.host.changed()
  }

  private settle(item: Item, done: Committed): void {
    const { seq, outcome, latencyMs } = done
    // Logged, but nothing came of it and the seq is still free.
    if (outcome.code === 'gap') return this.gap(seq, outcome.value ?? seq)
    if (outcome.code === 'duplicate') return this.duplicate(item)
    if (seq === 1 && NUMBER_REFUSED.has(outcome.code) && this.renumberings++ < MAX_RENUMBERINGS)
      return this.reopen(item, outcome.value! + 1)
    if (SESSION_OVER.has(outcome.code)) return this.host.over(outcome.code, 'The session is over.')
    this.removeAnswered(seq)
    // Its sender was told when it was committed for the first time.
    if (item.fellOff) return
    this.counts.committed++
    if (outcome.code !== 'ok') this.counts.rejected++
    this.latency.add(latencyMs)
    if (this.host.lifeline.area === this.host.lifeline.provenArea) this.host.proved(outcome.leaf + 1)
    if (this.settings.keepReceipts) this.receipts.push(done)
    this.waiting.get(seq)?.resolve(done)
    this.waiting.delete(seq)
    if (outcome.code === 'area-full') this.host.over('area-full', 'No more characters fit into this area.')
  }

  private removeAnswered(seq: number): void {
    this.outbox.settle(seq)
    this.saidBy.delete(seq)
    if (seq === 1) this.prepareAll()
  }

  /** This clock is behind that of an earlier session, or far ahead of the area's: the opening is asked for again. */
  private reopen(item: Item, number: number): void {
    renumber(this.settings.session, number)
    item.body = undefined
    this.outbox.postpone(item.seq, 0, this.settings.nowMs())
    this.prepare(item)
  }

  /** A gateway that hands out such receipts is left; the action is asked for again elsewhere. */
  private forged(items: readonly Item[], fault: string, link: Link): void {
    this.counts.forged++
    for (const { seq } of items) {
      const waiting = this.waiting.get(seq)
      if (waiting !== undefined) waiting.fault = `forged receipt: ${fault}`
    }
    this.host.lifeline.leaveUntrue(link, 'forged-receipt')
  }

  /** `link`: only its gateway says so, and nobody has signed it. */
  private gap(seq: number, expectedSeq: number, link?: Link): void {
    const verdict = this.outbox.gap(seq, expectedSeq, this.settings.nowMs())
    if (verdict === 'retry') return
    if (link !== undefined && !this.isSaidByTwo(seq, link))
      return this.host.lifeline.leave(link, 'untold-gap')
    if (verdict === 'applied') this.unknown(seq)
    else this.host.over('broken', `The owner waits for input ${expectedSeq}, which was answered.`)
  }

  /** One gateway's word that an input is lost, or all of the session, counts when another one says it too, if there is another. */
  private isSaidByTwo(seq: number, { url }: Link): boolean {
    const { gateways } = this.settings
    const first = this.saidBy.get(seq) ?? url
    this.saidBy.set(seq, first)
    return first !== url || gateways.every(each => each === url)
  }

  /** Two copies were logged, and this is the second one's answer: the first one's is asked for. */
  private duplicate(item: Item): void {
    if (++item.gaps > MAX_DUPLICATES) this.unknown(item.seq)
    else this.outbox.postpone(item.seq, DUPLICATE_RETRY_MS, this.settings.nowMs())
  }

  private unknown(seq: number): void {
    this.removeAnswered(seq)
    this.fail(seq, 'outcome-unknown', 'It was applied; its outcome is not kept any more.', { applied: true })
  }

  private refused(item: Item, code: string): void {
    this.counts.refused++
    if (APPLIED.has(code)) return this.unknown(item.seq)
    if (SESSION_OVER.has(code) || item.seq === 1 || item.action === FILLER)
      return this.host.over(code, `The session was refused: ${code}.`)
    this.fail(item.seq, 'refused', `The gateway refused it: ${code}.`, { reason: code })
    this.prepare(this.outbox.refill(item.seq, FILLER, this.settings.nowMs()))
  }

  private fail(seq: number, code: string, text: string, facts: Record<string, unknown>): void {
    this.waiting.get(seq)?.reject(new ClientError(code, text, { seq, ...facts }))
    this.waiting.delete(seq)
  }
}
