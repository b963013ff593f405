import { type Action, OUTCOMES_KEPT } from '../../world/codec.ts'
import type { ServerMessage } from '../protocol/gateway.pb.js'
import { ClientError } from './errors.ts'
import { type Final, Finals, type Promised } from './finals.ts'
import { Inputs, SESSION_OVER } from './inputs.ts'
import { Lifeline } from './lifeline.ts'
import type { Link } from './link.ts'
import { type EntityRead, Reads, targetOf } from './reads.ts'
import { type ExportedSession, exportSession } from './session.ts'
import { trustOfWelcome } from './trust.ts'
import type { ClientSettings, ClientState, ClientStats, Done, KeptReceipt, Place } from './types.ts'
import { View } from './view.ts'

type Look = { place: false; radiusMm: number; limit: number } | ({ place: true; limit: number } & Place)

const CHECK_MS = 250
const NEVER_MS = Number.POSITIVE_INFINITY

/**
 * A player in the world: acts, sees, and checks every receipt by itself. Made by `connect`. Goes on at another gateway
 * when its own is lost; what was unanswered is sent again and, thanks to its seq, applied once.
 */
export class Client {
  readonly view: View
  private readonly settings: ClientSettings
  private readonly stateListeners = new Set<(state: ClientState, reason: string) => void>()
  private readonly reads = new Reads()
  private readonly finals: Finals
  private readonly lifeline: Lifeline
  private readonly inputs: Inputs
  private currentState: ClientState = 'connecting'
  private look: Look | undefined
  private pumpDue = false
  private hasMoved = false
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
    this.inputs = new Inputs(settings, {
      lifeline: this.lifeline,
      changed: () => this.pumpSoon(),
      over: (code, text) => this.end(code, text),
      proved: size => this.reads.proved(size),
      whenFinal: (promised, area) => this.whenFinal(promised, area),
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
    return this.settings.session.outbox.nextSeq
  }

  /** Filled when `keepReceipts` was asked for. */
  get receipts(): readonly KeptReceipt[] {
    return this.inputs.receipts
  }

  get stats(): ClientStats {
    return { ...this.inputs.stats, links: this.lifeline.links }
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
    return this.inputs.add(action)
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
    return exportSession(this.settings.session, this.area, this.lifeline.home)
  }

  /** Ends the connection. The character stays in the world; actions still waiting are rejected with `closed`. */
  close(): void {
    this.end('closed', 'This client is closed.')
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
    this.inputs.end(code, text)
    this.reads.end(code, text)
    this.finals.end(code, text)
  }

  private linked(link: Link): void {
    const { welcome } = link
    this.lifeline.trust ??= trustOfWelcome(link.genesisHash, welcome)
    this.lifeline.area = welcome.area
    this.lifeline.home ||= welcome.area
    this.view.forget()
    const pace = {
      perSecond: welcome.inputsPerSecond,
      burst: welcome.inputBurst,
      // The owner keeps so many outcomes: of more, a lost answer could not be had again.
      inFlight: Math.min(welcome.inputsInFlight, OUTCOMES_KEPT),
    }
    const nowMs = this.settings.nowMs()
    this.inputs.linked(pace, nowMs)
    this.reads.linked(pace, nowMs)
    this.finals.linked(pace, nowMs)
    this.setState('open', link.url)
    this.sendLook()
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
    const due = this.inputs.due(nowMs)
    const atOnce = link.welcome.inputsInFlight
    for (let from = 0; from < due.length; from += atOnce)
      link.send({ inputs: { bodies: due.slice(from, from + atOnce) } })
    for (const read of this.reads.due(nowMs)) link.send({ read })
    const numberOf = (area: string): number =>
      this.hasMoved ? 1 + link.welcome.areas.findIndex(({ name }) => name === area) : 0
    for (const finalAsk of this.finals.due(this.lifeline.trust?.areas, numberOf, nowMs))
      link.send({ finalAsk })
    clearTimeout(this.pumpTimer)
    this.pumpTimer = undefined
    const waitsMs = [this.inputs, this.reads, this.finals].map(each => each.waitMs(nowMs) ?? NEVER_MS)
    const waitMs = Math.min(...waitsMs)
    if (waitMs < NEVER_MS) this.pumpTimer = setTimeout(() => this.pump(), waitMs)
  }

  private check(): void {
    this.lifeline.check()
    const nowMs = this.settings.nowMs()
    this.inputs.expire(nowMs, this.settings.actionTimeoutMs)
    this.reads.expire(nowMs, this.settings.actionTimeoutMs)
    this.finals.expire(nowMs, this.settings.finalTimeoutMs)
    this.pump()
  }

  private received(message: ServerMessage): void {
    const { link } = this.lifeline
    if (link === undefined) return
    if (message.kind === 'view') {
      this.view.take(message.view!, link.welcome.areas, link.welcome.tickMs)
    } else if (message.kind === 'receipts') {
      this.inputs.promised(message.receipts!, link)
    } else if (message.kind === 'answer') {
      this.inputs.answered(message.answer!, link)
    } else if (message.kind === 'readAnswer') {
      const isTrue = this.reads.answered(message.readAnswer!, this.settings.nowMs())
      if (isTrue) this.pumpSoon()
      else this.lifeline.leave(link, 'untrue-read')
    } else if (message.kind === 'finalAnswer') {
      const areas = this.lifeline.trust?.areas
      const isTrue = this.finals.answered(message.finalAnswer!, areas, this.settings.nowMs())
      if (isTrue) this.pumpSoon()
      else this.lifeline.leave(link, 'forged-final')
    } else if (message.kind === 'moved') {
      this.moved(message.moved!.area, link)
    }
  }

  /** The character is in another area. Nobody has signed that, but no receipt from elsewhere would be taken. */
  private moved(index: number, link: Link): void {
    const area = link.welcome.areas[index]?.name
    if (area === undefined) return this.lifeline.leave(link, 'malformed')
    this.hasMoved = true
    this.lifeline.area = area
    this.reads.movedOn()
    this.pumpSoon()
  }

  private whenFinal(promised: Promised, area: string): Promise<Final> {
    if (this.currentState === 'closed')
      return Promise.reject(new ClientError('closed', 'This client is closed.'))
    const final = this.finals.want(promised, area, this.settings.nowMs())
    this.pumpSoon()
    return final
  }
}
