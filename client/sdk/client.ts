import { type Action, OUTCOMES_KEPT, type Outcome } from '../../world/codec.ts'
import type { Answer, ServerMessage } from '../protocol/gateway.pb.js'
import { decodeReceipts, type ReceiptsVerdict, verifyReceipts } from '../protocol/receipts.ts'
import { Committed, outcomesOf } from './committed.ts'
import { ClientError } from './errors.ts'
import { Finals, type Promised } from './finals.ts'
import { putSha256 } from './hash.ts'
import { Histogram } from './histogram.ts'
import { Lifeline } from './lifeline.ts'
import type { Link } from './link.ts'
import type { Item } from './outbox.ts'
import { type EntityRead, Reads, targetOf } from './reads.ts'
import { bodyOf, checkAction, type ExportedSession, exportSession, renumber } from './session.ts'
import { trustOfWelcome } from './trust.ts'
import type { ClientSettings, ClientState, ClientStats, Done, KeptReceipt, Place } from './types.ts'
import { View } from './view.ts'

interface Waiting {
  readonly resolve: (done: Done) => void
  readonly reject: (error: ClientError) => void
  /** The last reason why it isn't done. */
  fault: string
}

type Look = { place: false; radiusMm: number; limit: number } | ({ place: true; limit: number } & Place)

const CHECK_MS = 250
const NEVER_MS = Number.POSITIVE_INFINITY
const DUPLICATE_RETRY_MS = 100
const MAX_DUPLICATES = 20
/** So often a session's number is raised before it counts as lost to others that keep opening higher ones. */
const MAX_RENUMBERINGS = 8
/** The session is over for good: another one, here or elsewhere, took its place. */
const SESSION_OVER = new Set(['session-replaced', 'session-closed', 'no-session'])
/** The opening's number will not do; the outcome's value is the one to be exceeded. */
const NUMBER_REFUSED = new Set(['session-closed', 'session-ahead'])
/** It was applied before, and what came of it isn't known any more. */
const APPLIED = new Set(['duplicate', 'outcome-forgotten'])
/** Takes the place of an input that was refused without being logged: there is nothing with this id, so it changes nothing. */
const FILLER: Action = { kind: 'gather', resource: '0'.repeat(32) }

/**
 * A player in the world: acts, sees, and checks every receipt by itself. Made by `connect`. Goes on at another gateway
 * when its own is lost; what was unanswered is sent again and, thanks to its seq, applied once.
 */
export class Client {
  readonly view: View
  /** Filled when `keepReceipts` was asked for. */
  readonly receipts: KeptReceipt[] = []
  private readonly settings: ClientSettings
  private readonly waiting = new Map<number, Waiting>()
  /** By seq: the first gateway that said, without a signature, that there is no going on with it. */
  private readonly saidBy = new Map<number, string>()
  private readonly stateListeners = new Set<(state: ClientState, reason: string) => void>()
  private readonly counts = { submitted: 0, committed: 0, rejected: 0, refused: 0, retried: 0, forged: 0 }
  private readonly latency = new Histogram()
  private readonly reads = new Reads()
  private readonly finals: Finals
  private readonly lifeline: Lifeline
  private currentState: ClientState = 'connecting'
  private renumberings = 0
  private look: Look | undefined
  private pumpDue = false
  private pumpTimer: ReturnType<typeof setTimeout> | undefined
  private checkTimer: ReturnType<typeof setInterval> | undefined

  constructor(settings: ClientSettings) {
    this.settings = settings
    this.finals = new Finals(settings.sealSoon)
    this.lifeline = new Lifeline(settings, {
      linked: link => this.linked(link),
      lost: code => this.lost(code),
      message: message => this.received(message),
    })
    this.view = new View(settings.player.publicKey, settings.nowMs)
  }

  get state(): ClientState {
    return this.currentState
  }

  /** The name of the area that actions go to. */
  get area(): string {
    return this.lifeline.area
  }

  /** Address of the gateway in use, or '' while there is none. */
  get gateway(): string {
    return this.lifeline.link?.url ?? ''
  }

  get playerKey(): Uint8Array {
    return this.settings.player.publicKey
  }

  /** 16 bytes. */
  get sessionId(): Uint8Array {
    return this.settings.session.id
  }

  /** The seq that the next action will have. */
  get nextSeq(): number {
    return this.outbox.nextSeq
  }

  get stats(): ClientStats {
    return { ...this.counts, links: this.lifeline.links, latency: this.latency }
  }

  /** Connects for the first time. Rejects when no gateway takes the session within `connectTimeoutMs`. */
  async start(): Promise<void> {
    try {
      await this.lifeline.start()
    } catch (error) {
      this.close()
      throw error
    }
    if (this.currentState === 'closed') return
    this.checkTimer = setInterval(() => this.check(), CHECK_MS)
  }

  /** Enters the world: a session's first action. */
  spawn(name: string): Promise<Done> {
    return this.act({ kind: 'spawn', name })
  }

  /**
   * Asks for one action; many may be under way. Resolves when it is committed and its receipt verified, also when the
   * rules refused it (see `outcome.code`). Rejects with a `ClientError`: `timeout` (it may still be applied), `closed`,
   * `refused` … Throws for an action that can't be encoded.
   */
  act(action: Action): Promise<Done> {
    if (this.currentState === 'closed')
      return Promise.reject(new ClientError('closed', 'This client is closed.'))
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

  /**
   * Asks the owner what an entity of the area is like now, or the own character. Nothing is logged. The answer holds all
   * that anybody was told to be committed before; it is the gateway's word, without a receipt (`look` has one). Rejects
   * as `act` does.
   */
  read(entity?: string): Promise<EntityRead> {
    const target = entity === undefined ? this.playerKey : targetOf(entity)
    if (this.currentState === 'closed')
      return Promise.reject(new ClientError('closed', 'This client is closed.'))
    const read = this.reads.ask(target, this.settings.nowMs())
    this.pumpSoon()
    return read
  }

  /** Looks at a fixed place instead of around the own character, as a map does. Radius in millimetres. */
  watchPlace(place: Place, limit = 0): void {
    this.look = { ...place, place: true, limit }
    this.sendLook()
  }

  /** Looks around the own character; 0 takes what the gateway allows. */
  watchOwn(radiusMm = 0, limit = 0): void {
    this.look = { place: false, radiusMm, limit }
    this.sendLook()
  }

  onState(listener: (state: ClientState, reason: string) => void): () => void {
    this.stateListeners.add(listener)
    return () => this.stateListeners.delete(listener)
  }

  /** The session to go on with later: `connect({session})`. Close this client first, or both will fight for it. */
  exportSession(): ExportedSession {
    return exportSession(this.settings.session, this.area)
  }

  /** Ends the connection. The character stays in the world; actions still waiting are rejected with `closed`. */
  close(): void {
    this.end('closed', 'This client is closed.')
  }

  private get outbox() {
    return this.settings.session.outbox
  }

  private setState(state: ClientState, reason: string): void {
    this.currentState = state
    for (const listener of this.stateListeners) listener(state, reason)
  }

  private end(code: string, text: string): void {
    if (this.currentState === 'closed') return
    this.setState('closed', code)
    clearTimeout(this.pumpTimer)
    clearInterval(this.checkTimer)
    this.lifeline.stop()
    for (const waiting of this.waiting.values())
      waiting.reject(new ClientError(code, text, { fault: waiting.fault }))
    this.waiting.clear()
    this.reads.end(code, text)
    this.finals.end(code, text)
  }

  private linked(link: Link): void {
    const { welcome } = link
    this.lifeline.trust ??= trustOfWelcome(link.genesisHash, welcome)
    this.lifeline.area = welcome.area
    this.view.forget()
    const pace = {
      perSecond: welcome.inputsPerSecond,
      burst: welcome.inputBurst,
      // The owner keeps so many outcomes: of more, a lost answer could not be had again.
      inFlight: Math.min(welcome.inputsInFlight, OUTCOMES_KEPT),
    }
    this.outbox.linked(pace, this.settings.nowMs())
    this.reads.linked(pace, this.settings.nowMs())
    this.finals.linked(pace, this.settings.nowMs())
    this.setState('open', link.url)
    this.sendLook()
    this.prepareAll()
    this.pump()
  }

  private lost(code: string): void {
    if (SESSION_OVER.has(code)) this.end(code, 'The session went on elsewhere, or is over.')
    else this.setState('reconnecting', code)
  }

  private sendLook(): void {
    const { look } = this
    if (look === undefined) return
    const place = look.place ? look : { area: '', xMm: 0, yMm: 0 }
    const { area, xMm, yMm } = place
    this.lifeline.link?.send({
      watch: {
        place: look.place,
        area,
        xMm: Math.round(xMm),
        yMm: Math.round(yMm),
        radiusMm: Math.round(look.radiusMm),
        limit: look.limit,
      },
    })
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
    const area = this.lifeline.trust?.areas.get(this.area)
    if (area === undefined || (seq > 1 && this.outbox.get(1) !== undefined)) return undefined
    return bodyOf({ seq, action }, this.settings.session, this.settings.player, area)
  }

  private take(item: Item, body: Uint8Array | Promise<Uint8Array>): void {
    if (body instanceof Uint8Array) {
      item.body = body
      this.pumpSoon()
      return
    }
    body.then(
      signed => {
        item.body = signed
        this.pumpSoon()
      },
      error => this.end('cannot-sign', `The player's key did not sign: ${(error as Error).message}`),
    )
  }

  /** What is asked for in one turn leaves in one message. */
  private pumpSoon(): void {
    if (this.pumpDue) return
    this.pumpDue = true
    queueMicrotask(() => this.pump())
  }

  /** Sends what is due and sees that it is called again when more will be. */
  private pump(): void {
    this.pumpDue = false
    const { link } = this.lifeline
    if (link === undefined) return
    const nowMs = this.settings.nowMs()
    const due = this.outbox.due(nowMs)
    for (const item of due) if (item.sends > 1) this.counts.retried++
    const atOnce = link.welcome.inputsInFlight
    for (let from = 0; from < due.length; from += atOnce)
      link.send({ inputs: { bodies: due.slice(from, from + atOnce).map(item => item.body!) } })
    for (const read of this.reads.due(nowMs)) link.send({ read })
    for (const finalAsk of this.finals.due(nowMs)) link.send({ finalAsk })
    clearTimeout(this.pumpTimer)
    this.pumpTimer = undefined
    const waitsMs = [this.outbox, this.reads, this.finals].map(each => each.waitMs(nowMs) ?? NEVER_MS)
    const waitMs = Math.min(...waitsMs)
    if (waitMs < NEVER_MS) this.pumpTimer = setTimeout(() => this.pump(), waitMs)
  }

  private check(): void {
    this.lifeline.check()
    const nowMs = this.settings.nowMs()
    this.reads.expire(nowMs, this.settings.actionTimeoutMs)
    this.finals.expire(nowMs, this.settings.finalTimeoutMs)
    for (const item of this.outbox.pending()) {
      if (nowMs - item.submittedMs < this.settings.actionTimeoutMs) break
      const fault = this.waiting.get(item.seq)?.fault ?? ''
      // It stays in the outbox: those after it need its seq.
      this.fail(item.seq, 'timeout', 'There was no answer in time; it may still be applied.', { fault })
    }
    this.pump()
  }

  private received(message: ServerMessage): void {
    const { link } = this.lifeline
    if (link === undefined) return
    if (message.kind === 'view') {
      this.view.take(message.view!, link.welcome.areas, link.welcome.tickMs)
    } else if (message.kind === 'receipts') {
      this.promised(message.receipts!, link)
    } else if (message.kind === 'answer') {
      this.answered(message.answer!, link)
    } else if (message.kind === 'readAnswer') {
      const isTrue = this.reads.answered(message.readAnswer!, this.settings.nowMs())
      if (isTrue) this.pumpSoon()
      else this.lifeline.leave(link, 'untrue-read')
    } else if (message.kind === 'finalAnswer') {
      const area = this.lifeline.trust?.areas.get(this.area)
      const isTrue = this.finals.answered(message.finalAnswer!, area, this.settings.nowMs())
      if (isTrue) this.pumpSoon()
      else this.lifeline.leave(link, 'forged-final')
    }
  }

  private answered(answer: Answer, link: Link): void {
    const { seq, expectedSeq = 0, retryAfterMs = 0, code = '' } = answer
    const item = this.outbox.get(seq)
    if (item === undefined) return // answered before
    const waiting = this.waiting.get(seq)
    const fault = expectedSeq > 0 ? 'gap' : code
    if (waiting !== undefined) waiting.fault = fault
    if (expectedSeq > 0) this.gap(seq, expectedSeq, link)
    else if (retryAfterMs > 0) this.outbox.postpone(seq, retryAfterMs, this.settings.nowMs())
    else if (code === 'other-log') this.lifeline.leave(link, code)
    else this.refused(item, code)
    this.pumpSoon()
  }

  /** Receipts count once they are verified, all of them together. */
  private promised(bytes: Uint8Array, link: Link): void {
    const run = decodeReceipts(bytes)
    const outcomes = run && outcomesOf(run)
    if (run === undefined || outcomes === undefined) return this.forged([], 'malformed', link)
    const items = outcomes.flatMap(({ seq }) => this.outbox.get(seq) ?? [])
    const bodies = items.flatMap(({ body }) => body ?? [])
    if (items.length === 0) return // answered before
    if (bodies.length < outcomes.length) return this.askAgain(items)
    const { trust } = this.lifeline
    const area = trust?.areas.get(this.area)
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
    if (verdict instanceof Promise) void verdict.then(late => this.judged(late, items, outcomes, link))
    else this.judged(verdict, items, outcomes, link)
  }

  private judged(
    verdict: ReceiptsVerdict,
    items: readonly Item[],
    outcomes: readonly Outcome[],
    link: Link,
  ): void {
    if (!verdict.ok) return this.forged(items, verdict.code, link)
    const nowMs = this.settings.nowMs()
    items.forEach((item, i) => {
      // Another may be a second copy of the same answer.
      if (this.outbox.get(item.seq) === item)
        this.settle(item, new Committed(item, outcomes[i]!, nowMs, verdict.proven, i, this.whenFinal))
    })
    this.pumpSoon()
  }

  private readonly whenFinal = (promised: Promised) => {
    if (this.currentState === 'closed')
      return Promise.reject(new ClientError('closed', 'This client is closed.'))
    const final = this.finals.want(promised, this.settings.nowMs())
    this.pumpSoon()
    return final
  }

  /** Some of these were answered before, and can't be checked together with the others any more. */
  private askAgain(items: readonly Item[]): void {
    for (const { seq } of items) this.outbox.postpone(seq, DUPLICATE_RETRY_MS, this.settings.nowMs())
    this.pumpSoon()
  }

  private settle(item: Item, done: Committed): void {
    const { seq, outcome, latencyMs } = done
    // Logged, but nothing came of it and the seq is still free.
    if (outcome.code === 'gap') return this.gap(seq, outcome.value ?? seq)
    if (outcome.code === 'duplicate') return this.duplicate(item)
    if (seq === 1 && NUMBER_REFUSED.has(outcome.code) && this.renumberings++ < MAX_RENUMBERINGS)
      return this.reopen(item, outcome.value! + 1)
    if (SESSION_OVER.has(outcome.code)) return this.end(outcome.code, 'The session is over.')
    this.removeAnswered(seq)
    // Its sender was told when it was committed for the first time.
    if (item.fellOff) return
    this.counts.committed++
    if (outcome.code !== 'ok') this.counts.rejected++
    this.latency.add(latencyMs)
    this.reads.proved(outcome.leaf + 1)
    if (this.settings.keepReceipts) this.receipts.push(done)
    this.waiting.get(seq)?.resolve(done)
    this.waiting.delete(seq)
    if (outcome.code === 'area-full') this.end('area-full', 'No more characters fit into this area.')
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
    this.lifeline.leave(link, 'forged-receipt')
  }

  /** `link`: only its gateway says so, and nobody has signed it. */
  private gap(seq: number, expectedSeq: number, link?: Link): void {
    const verdict = this.outbox.gap(seq, expectedSeq, this.settings.nowMs())
    if (verdict === 'retry') return
    if (link !== undefined && !this.isSaidByTwo(seq, link)) return this.lifeline.leave(link, 'untold-gap')
    if (verdict === 'applied') this.unknown(seq)
    else this.end('broken', `The owner waits for input ${expectedSeq}, which was answered.`)
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
      return this.end(code, `The session was refused: ${code}.`)
    this.fail(item.seq, 'refused', `The gateway refused it: ${code}.`, { reason: code })
    this.prepare(this.outbox.refill(item.seq, FILLER, this.settings.nowMs()))
  }

  private fail(seq: number, code: string, text: string, facts: Record<string, unknown>): void {
    this.waiting.get(seq)?.reject(new ClientError(code, text, { seq, ...facts }))
    this.waiting.delete(seq)
  }
}
