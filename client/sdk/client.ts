import { type Action, decodeOutcome, OUTCOMES_KEPT, type Outcome } from '../../world/codec.ts'
import type { Answer, ServerMessage } from '../protocol/gateway.pb.js'
import { decodeReceipt, type Receipt, verifyReceipt } from '../protocol/receipt.ts'
import { ClientError } from './errors.ts'
import { Histogram } from './histogram.ts'
import type { Signer, Verify } from './keys.ts'
import { type Link, openLink, type SocketMaker } from './link.ts'
import type { Item } from './outbox.ts'
import { bodyOf, checkAction, type ExportedSession, exportSession, type PlayerSession } from './session.ts'
import { type Trust, trustOfWelcome } from './trust.ts'
import { View } from './view.ts'

/** What became of one action. `outcome.code` is `ok`, or why the rules said no; both are logged and proven by the receipt. */
export interface Done {
  readonly seq: number
  /** The bytes that are logged. */
  readonly body: Uint8Array
  readonly outcome: Outcome
  readonly receipt: Receipt
  readonly latencyMs: number
}

/** A promise that was made to this client: what a checker looks up in the audited log. */
export interface KeptReceipt {
  readonly seq: number
  readonly body: Uint8Array
  readonly receipt: Receipt
}

export interface ClientStats {
  readonly submitted: number
  /** Answered with a verified receipt; `rejected` of them were refused by the rules. */
  readonly committed: number
  readonly rejected: number
  /** Refused without being logged. */
  readonly refused: number
  readonly retried: number
  /** Receipts that did not verify. */
  readonly forged: number
  readonly links: number
  readonly latency: Histogram
}

export interface ClientSettings {
  readonly gateways: readonly string[]
  readonly player: Signer
  readonly session: PlayerSession
  readonly area: string
  readonly trust: Trust | undefined
  readonly verify: Verify
  readonly makeSocket: SocketMaker
  readonly actionTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly grantMs: number
  readonly keepReceipts: boolean
  readonly nowMs: () => number
  /** From 0 up to 1, for spreading reconnects. */
  readonly random: () => number
}

export type ClientState = 'connecting' | 'open' | 'reconnecting' | 'closed'

interface Waiting {
  readonly resolve: (done: Done) => void
  readonly reject: (error: ClientError) => void
  /** The last reason why it isn't done. */
  fault: string
}

type Look = { place: false; radiusMm: number; limit: number } | ({ place: true; limit: number } & Place)
export interface Place {
  readonly area: string
  readonly xMm: number
  readonly yMm: number
  readonly radiusMm: number
}

const CHECK_MS = 250
/** A gateway says something every second. */
const SILENT_MS = 8_000
const STEADY_MS = 5_000
const BACKOFF_MIN_MS = 100
const BACKOFF_MAX_MS = 5_000
/** Another gateway, or another try, would say the same. */
const HOPELESS = new Set(['other-network', 'version', 'bad-grant', 'bad-session', 'bad-genesis'])
/** The session is over for good: another one, here or elsewhere, took its place. */
const SESSION_OVER = new Set(['session-replaced', 'session-closed', 'no-session'])
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
  private readonly stateListeners = new Set<(state: ClientState, reason: string) => void>()
  private readonly counts = {
    submitted: 0,
    committed: 0,
    rejected: 0,
    refused: 0,
    retried: 0,
    forged: 0,
    links: 0,
  }
  private readonly latency = new Histogram()
  private trust: Trust | undefined
  private link: Link | undefined
  private currentState: ClientState = 'connecting'
  private gatewayIndex = 0
  private areaName: string
  private look: Look | undefined
  private heardMs = 0
  private linkedMs = 0
  /** Links in a row that failed or broke at once. */
  private failures = 0
  private pumpTimer: ReturnType<typeof setTimeout> | undefined
  private checkTimer: ReturnType<typeof setInterval> | undefined

  constructor(settings: ClientSettings) {
    this.settings = settings
    this.trust = settings.trust
    this.areaName = settings.area
    this.view = new View(settings.player.publicKey, settings.nowMs)
  }

  get state(): ClientState {
    return this.currentState
  }

  /** The name of the area that actions go to. */
  get area(): string {
    return this.areaName
  }

  /** Address of the gateway in use, or '' while there is none. */
  get gateway(): string {
    return this.link?.url ?? ''
  }

  get playerKey(): Uint8Array {
    return this.settings.player.publicKey
  }

  get stats(): ClientStats {
    return { ...this.counts, latency: this.latency }
  }

  /** Connects for the first time. Rejects when no gateway takes the session within `connectTimeoutMs`. */
  async start(): Promise<void> {
    const { nowMs, connectTimeoutMs } = this.settings
    const deadlineMs = nowMs() + connectTimeoutMs
    for (let tries = 1; ; tries++) {
      try {
        await this.connectOnce()
        break
      } catch (error) {
        const hopeless = error instanceof ClientError && HOPELESS.has(error.code)
        if (hopeless || nowMs() >= deadlineMs || this.currentState === 'closed') {
          this.close()
          throw error
        }
        await this.pause(tries)
      }
    }
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
    checkAction(action)
    if (this.currentState === 'closed')
      return Promise.reject(new ClientError('closed', 'This client is closed.'))
    const item = this.outbox.add(action, this.settings.nowMs())
    this.counts.submitted++
    const done = new Promise<Done>((resolve, reject) => {
      this.waiting.set(item.seq, { resolve, reject, fault: '' })
    })
    this.prepare(item)
    return done
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
    return exportSession(this.settings.session, this.areaName)
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
    this.link?.close()
    this.link = undefined
    for (const waiting of this.waiting.values())
      waiting.reject(new ClientError(code, text, { fault: waiting.fault }))
    this.waiting.clear()
  }

  private async connectOnce(): Promise<void> {
    const { settings } = this
    const url = settings.gateways[this.gatewayIndex % settings.gateways.length]!
    try {
      const link = await openLink({
        url,
        makeSocket: settings.makeSocket,
        player: settings.player,
        session: settings.session.signer,
        area: this.areaName,
        grantMs: settings.grantMs,
        timeoutMs: Math.min(5_000, settings.connectTimeoutMs),
        trust: this.trust,
        onMessage: message => this.received(message),
        onClose: code => this.lost(code),
      })
      this.linked(link)
    } catch (error) {
      this.gatewayIndex++
      throw error
    }
  }

  private linked(link: Link): void {
    if (this.currentState === 'closed') {
      link.close()
      return
    }
    const { welcome } = link
    this.trust ??= trustOfWelcome(link.genesisHash, welcome)
    this.areaName = welcome.area
    this.link = link
    this.heardMs = this.settings.nowMs()
    this.linkedMs = this.heardMs
    this.counts.links++
    this.view.forget()
    const inFlight = Math.min(welcome.inputsInFlight, OUTCOMES_KEPT)
    this.outbox.linked(
      { perSecond: welcome.inputsPerSecond, burst: welcome.inputBurst, inFlight },
      this.heardMs,
    )
    this.setState('open', link.url)
    this.sendLook()
    for (const item of this.outbox.pending()) if (item.body === undefined) this.prepare(item)
    this.pump()
  }

  private lost(code: string): void {
    this.link = undefined
    if (this.currentState === 'closed') return
    if (SESSION_OVER.has(code)) return this.end(code, 'The session went on elsewhere, or is over.')
    // A link that held for a while was no failure; one that broke at once is, so that nobody is hammered.
    this.failures = this.settings.nowMs() - this.linkedMs >= STEADY_MS ? 1 : this.failures + 1
    this.setState('reconnecting', code)
    // The grant of this gateway may just have run out; in all other cases another one is the better bet.
    if (code !== 'grant-expired') this.gatewayIndex++
    void this.reconnect()
  }

  private async reconnect(): Promise<void> {
    while (this.currentState === 'reconnecting') {
      const rounds = this.failures - this.settings.gateways.length
      if (rounds > 0) await this.pause(rounds)
      if (this.currentState !== 'reconnecting') return
      try {
        return await this.connectOnce()
      } catch {
        this.failures++ // said by the state already; the next gateway is next
      }
    }
  }

  private pause(tries: number): Promise<void> {
    const delayMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(10, tries - 1))
    return new Promise(resolve => setTimeout(resolve, delayMs * (0.5 + this.settings.random() / 2)))
  }

  private sendLook(): void {
    const { look } = this
    if (look === undefined) return
    const place = look.place ? look : { area: '', xMm: 0, yMm: 0 }
    const { area, xMm, yMm } = place
    this.link?.send({
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

  private prepare(item: Item): void {
    const origin = this.trust?.areas.get(this.areaName)?.origin
    if (origin === undefined) return // not connected yet: done when linked
    const { session, player } = this.settings
    const body = bodyOf(item, session, player, origin)
    if (body instanceof Uint8Array) {
      item.body = body
      this.pump()
      return
    }
    body.then(
      signed => {
        item.body = signed
        this.pump()
      },
      error => this.end('cannot-sign', `The player's key did not sign: ${(error as Error).message}`),
    )
  }

  /** Sends what is due and sees that it is called again when more will be. */
  private pump(): void {
    const { link } = this
    if (link === undefined) return
    const nowMs = this.settings.nowMs()
    for (const item of this.outbox.due(nowMs)) {
      if (item.sends > 1) this.counts.retried++
      link.send({ input: { body: item.body } })
    }
    clearTimeout(this.pumpTimer)
    this.pumpTimer = undefined
    const waitMs = this.outbox.waitMs(nowMs)
    if (waitMs !== undefined) this.pumpTimer = setTimeout(() => this.pump(), waitMs)
  }

  private check(): void {
    const nowMs = this.settings.nowMs()
    const link = this.link
    if (link !== undefined && nowMs - this.heardMs >= SILENT_MS) {
      link.close()
      this.lost('silent')
    }
    for (const item of this.outbox.pending()) {
      if (nowMs - item.submittedMs < this.settings.actionTimeoutMs) break
      const fault = this.waiting.get(item.seq)?.fault ?? ''
      // It stays in the outbox: those after it need its seq.
      this.fail(item.seq, 'timeout', 'There was no answer in time; it may still be applied.', { fault })
    }
    this.pump()
  }

  private received(message: ServerMessage): void {
    this.heardMs = this.settings.nowMs()
    if (message.kind === 'view') {
      this.view.take(message.view!, this.link?.welcome.areas ?? [], this.link?.welcome.tickMs ?? 100)
    } else if (message.kind === 'answer') {
      this.answered(message.answer!)
    }
  }

  private answered(answer: Answer): void {
    const { seq, receipt, expectedSeq = 0, retryAfterMs = 0, code = '' } = answer
    const item = this.outbox.get(seq)
    if (item === undefined) return // answered before
    if (receipt !== undefined) {
      void this.committed(item, receipt)
      return
    }
    const waiting = this.waiting.get(seq)
    const fault = expectedSeq > 0 ? 'gap' : code
    if (waiting !== undefined) waiting.fault = fault
    if (expectedSeq > 0) this.gap(seq, expectedSeq)
    else if (retryAfterMs > 0) this.outbox.postpone(seq, retryAfterMs, this.settings.nowMs())
    else this.refused(item, code)
    this.pump()
  }

  private async committed(item: Item, bytes: Uint8Array): Promise<void> {
    const receipt = decodeReceipt(bytes)
    const outcome = receipt && decodeOutcome(receipt.outcome)
    const trust = this.trust?.areas.get(this.areaName)
    if (
      receipt === undefined ||
      outcome?.seq !== item.seq ||
      outcome.leaf !== receipt.leaf ||
      trust === undefined
    ) {
      return this.forged(item.seq, 'malformed')
    }
    const verdict = await verifyReceipt(receipt, {
      genesisHash: this.trust!.genesisHash,
      origin: trust.origin,
      body: item.body!,
      logKeys: trust.logKeys,
      verify: this.settings.verify,
    })
    if (!verdict.ok) return this.forged(item.seq, verdict.code)
    if (this.outbox.get(item.seq) !== item) return // a second copy of the same answer
    this.settle(item, outcome, receipt)
    this.pump()
  }

  private settle(item: Item, outcome: Outcome, receipt: Receipt): void {
    const { seq } = item
    // Logged, but nothing came of it and the seq is still free.
    if (outcome.code === 'gap') return this.gap(seq, outcome.value ?? seq)
    if (outcome.code === 'no-session' && this.outbox.get(1) !== undefined) return this.gap(seq, 1)
    if (SESSION_OVER.has(outcome.code)) return this.end(outcome.code, 'The session is over.')
    this.outbox.remove(seq)
    const latencyMs = this.settings.nowMs() - item.submittedMs
    this.counts.committed++
    if (outcome.code !== 'ok') this.counts.rejected++
    this.latency.add(latencyMs)
    if (this.settings.keepReceipts) this.receipts.push({ seq, body: item.body!, receipt })
    this.waiting.get(seq)?.resolve({ seq, body: item.body!, outcome, receipt, latencyMs })
    this.waiting.delete(seq)
    if (outcome.code === 'area-full') this.end('area-full', 'No more characters fit into this area.')
  }

  /** A gateway that hands out such receipts is left; the action is asked for again elsewhere. */
  private forged(seq: number, fault: string): void {
    this.counts.forged++
    const waiting = this.waiting.get(seq)
    if (waiting !== undefined) waiting.fault = `forged receipt: ${fault}`
    if (this.link === undefined) return
    this.link.close()
    this.lost('forged-receipt')
  }

  private gap(seq: number, expectedSeq: number): void {
    const verdict = this.outbox.gap(seq, expectedSeq, this.settings.nowMs())
    if (verdict === 'broken')
      return this.end('broken', `The owner waits for input ${expectedSeq}, which was answered.`)
    if (verdict === 'retry') return
    this.outbox.remove(seq)
    this.fail(seq, 'outcome-unknown', 'It was applied, but its outcome is not kept any more.', {
      applied: true,
    })
  }

  private refused(item: Item, code: string): void {
    this.counts.refused++
    if (SESSION_OVER.has(code) || item.seq === 1) return this.end(code, `The session was refused: ${code}.`)
    this.fail(item.seq, 'refused', `The gateway refused it: ${code}.`, { reason: code })
    this.prepare(this.outbox.refill(item.seq, FILLER, this.settings.nowMs()))
  }

  private fail(seq: number, code: string, text: string, facts: Record<string, unknown>): void {
    this.waiting.get(seq)?.reject(new ClientError(code, text, { seq, ...facts }))
    this.waiting.delete(seq)
  }
}
