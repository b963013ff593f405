import type { FinalAsk, Read, Watch } from '../../client/protocol/gateway.pb.js'
import {
  KEY_BYTES,
  NONCE_BYTES,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
  SESSION_ID_BYTES,
  SESSION_TAG_BYTES,
  seqOfBody,
  standsAt,
} from '../../client/protocol/session.ts'
import { hexOf } from '../../world/codec.ts'
import { Admission } from './admission.ts'
import { take, takeUpTo, waitMs } from './bucket.ts'
import { GhostFeeds } from './feeds.ts'
import { DEFAULT_LIMITS, type GatewayLimits } from './limits.ts'
import { encodeServer, type Open, parseRequest } from './messages.ts'
import { keyText } from './public-form.ts'
import { QuestionDesk, unanswered } from './questions.ts'
import { Reception, type ReceptionConfig } from './reception.ts'
import { CLOSINGS, type ClosingCode, REFUSALS, type RefusalCode } from './refusals.ts'
import type { AuthorityRouter, FinalResult, InputResult, ReadResult } from './router.ts'
import { type Connection, newConnection, type Session } from './session.ts'
import { Viewing } from './viewing.ts'

/** What the gateway is given instead of the world. */
export interface GatewayPorts {
  readonly router: AuthorityRouter
  /** Takes one whole message for the connection. */
  send(connection: number, bytes: Uint8Array): void
  close(connection: number, code: number, reason: string): void
  /** Adds to a counter, one where `by` isn't given; `labels` come from small fixed sets. */
  count(name: GatewayCounter, labels?: Readonly<Record<string, string>>, by?: number): void
  monotonicMs(): number
  wallMs(): number
  randomBytes(length: number): Uint8Array
  sha256(bytes: Uint8Array): Uint8Array
  /** Ed25519. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

export type GatewayCounter =
  | 'gateway_connections_total'
  | 'gateway_sessions_total'
  | 'gateway_closed_total'
  | 'gateway_refused_total'
  | 'gateway_inputs_total'
  | 'gateway_moved_total'
  | 'gateway_answers_total'
  | 'gateway_reads_total'
  | 'gateway_finals_total'
  | 'gateway_views_total'
  | 'gateway_views_withheld_total'

export interface GatewayConfig extends ReceptionConfig {
  readonly limits?: Partial<GatewayLimits>
}

export interface GatewayStats {
  readonly connections: number
  readonly sessions: number
  /** Inputs, reads and asks for what is final that wait for an answer. */
  readonly inFlight: number
  /** Areas subscribed to, and entities known of them. */
  readonly areas: number
  readonly ghosts: number
  /** Entities that found no room, and pieces of feeds that could not be read, since they were subscribed to. */
  readonly dropped: number
  readonly unreadable: number
}

const TAG_AT = KEY_BYTES + SESSION_ID_BYTES - SESSION_TAG_BYTES
/** How long a client should wait when the gateway itself is full. */
const FULL_RETRY_MS = 100
/** And when its character has moved on, again and again. */
const MOVED_RETRY_MS = 50

/**
 * The deciding part of the gateway: connections and messages in, messages and closings out through its ports. It
 * checks shape, rate and size, routes inputs, and shows each client what is near. It has no authority, and everything
 * that it keeps may be lost.
 */
export class GatewayCore {
  readonly limits: GatewayLimits
  private readonly config: GatewayConfig
  private readonly ports: GatewayPorts
  private readonly connections = new Map<number, Connection>()
  private readonly sessions = new Map<string, Connection>()
  private readonly admission: Admission
  private readonly reception: Reception
  private readonly feeds: GhostFeeds
  private readonly viewing: Viewing
  private readonly reads: QuestionDesk
  private readonly finals: QuestionDesk
  private inFlight = 0
  private sweptMs = 0
  private areaNames: ReadonlyMap<string, string> | undefined

  constructor(config: GatewayConfig, ports: GatewayPorts) {
    this.config = config
    this.ports = ports
    this.limits = { ...DEFAULT_LIMITS, ...config.limits }
    this.admission = new Admission(this.limits)
    this.reception = new Reception(config, ports, this.limits)
    this.feeds = new GhostFeeds(ports.router, this.limits, config.tickMs, (player, to) =>
      this.crossed(player, to),
    )
    this.viewing = new Viewing(this.feeds, ports)
    const { inputsInFlight, finalsInFlight, totalInFlight: ofAll } = this.limits
    this.reads = new QuestionDesk({ ofOneSession: inputsInFlight, ofAll, fullRetryMs: 100 })
    this.finals = new QuestionDesk({ ofOneSession: finalsInFlight, ofAll, fullRetryMs: 250 })
  }

  get stats(): GatewayStats {
    const { connections, sessions, feeds } = this
    const inFlight = this.inFlight + this.reads.inFlight + this.finals.inFlight
    return { connections: connections.size, sessions: sessions.size, inFlight, ...feeds.stats }
  }

  connected(id: number, remoteAddress: string): void {
    if (!this.admission.admit(remoteAddress)) {
      this.ports.count('gateway_closed_total', { code: 'full' })
      this.ports.close(id, CLOSINGS.full, 'full')
      return
    }
    const nonce = this.ports.randomBytes(NONCE_BYTES)
    this.connections.set(id, newConnection(id, remoteAddress, nonce, this.limits, this.ports.monotonicMs()))
    this.ports.count('gateway_connections_total')
    const { gatewayId, genesisHash } = this.config
    this.send(id, {
      challenge: {
        nonce,
        gatewayId,
        genesisHash,
        versionMin: PROTOCOL_VERSION_MIN,
        versionMax: PROTOCOL_VERSION_MAX,
        nowMs: this.ports.wallMs(),
      },
    })
  }

  closed(id: number): void {
    const connection = this.connections.get(id)
    if (connection === undefined) return
    this.connections.delete(id)
    this.admission.release(connection.remoteAddress)
    const session = connection.session
    if (session !== undefined && this.sessions.get(session.player) === connection)
      this.sessions.delete(session.player)
  }

  message(id: number, bytes: Uint8Array): void {
    const connection = this.connections.get(id)
    if (connection === undefined) return
    const request = parseRequest(bytes, this.limits)
    if (request.kind === 'refused') return this.refuse(connection, request.code)
    const nowMs = this.ports.monotonicMs()
    if (request.kind === 'inputs') return this.inputs(connection, request.bodies, nowMs)
    if (request.kind === 'read') return this.read(connection, request.read, nowMs)
    if (request.kind === 'finalAsk') return this.whenFinal(connection, request.finalAsk, nowMs)
    if (!take(connection.requests, nowMs)) return this.refuse(connection, 'over-rate')
    if (request.kind === 'open') return this.open(connection, request.open, nowMs)
    this.watch(connection, request.watch)
  }

  /** The adapter says how many bytes wait to leave: of every connection, several times a second. */
  backlog(id: number, unsentBytes: number): void {
    const connection = this.connections.get(id)
    if (connection === undefined) return
    const nowMs = this.ports.monotonicMs()
    if (unsentBytes < this.limits.slowBytes) {
      connection.slowSinceMs = undefined
      return
    }
    connection.slowSinceMs ??= nowMs
    const stuck =
      unsentBytes >= this.limits.stuckBytes || nowMs - connection.slowSinceMs >= this.limits.slowMs
    if (stuck) this.close(connection, 'slow')
  }

  /** To be called every 20 ms or so: a part of the clients gets its view each time, each client every 100 ms. */
  tick(): void {
    const nowMs = this.ports.monotonicMs()
    this.viewing.tick(this.connections, nowMs)
    if (nowMs - this.sweptMs < 1_000) return
    this.sweptMs = nowMs
    this.sweep(nowMs)
    this.feeds.sweep(nowMs)
  }

  /** Says goodbye to everybody, so that clients go to another gateway at once. */
  stop(): void {
    for (const connection of [...this.connections.values()]) this.close(connection, 'stopping')
    this.feeds.stop()
  }

  private sweep(nowMs: number): void {
    const wallMs = this.ports.wallMs()
    for (const connection of [...this.connections.values()]) {
      const { session } = connection
      if (session === undefined && nowMs - connection.openedMs >= this.limits.handshakeMs) {
        this.close(connection, 'handshake-timeout')
      } else if (session !== undefined && session.expiresAtMs <= wallMs) {
        this.close(connection, 'grant-expired')
      }
    }
  }

  private open(connection: Connection, open: Open, nowMs: number): void {
    if (connection.session !== undefined) return this.refuse(connection, 'already-open')
    const fault = this.reception.faultOf(open, connection.nonce)
    if (fault !== undefined) {
      this.refuse(connection, fault)
      // A second try needs a fresh challenge, and so a new connection.
      this.close(connection, 'refused')
      return
    }
    // Only the client knows where its inputs may go; what the ghosts show is good for a guess.
    const guess = this.feeds.areaOf(keyText(open.playerKey))
    const session: Session = this.reception.newSession(open, guess, nowMs, {
      answered: (bodies, result) => this.answered(connection, session, bodies, result),
    })
    const older = this.sessions.get(session.player)
    if (older !== undefined) this.close(older, 'session-replaced')
    connection.session = session
    this.sessions.set(session.player, connection)
    this.ports.count('gateway_sessions_total')
    this.send(connection.id, { welcome: this.reception.welcome(session) })
  }

  private watch(connection: Connection, watch: Watch): void {
    const { session } = connection
    if (session === undefined) return this.refuse(connection, 'unauthenticated')
    if (!watch.place) {
      const { viewRadiusMm, viewEntities } = this.limits
      session.ownSight = {
        radiusMm: Math.min(watch.radiusMm || viewRadiusMm, viewRadiusMm),
        limit: Math.min(watch.limit || viewEntities, viewEntities),
      }
      session.place = undefined
    } else {
      const area = this.ports.router.areas().find(({ name }) => name === watch.area)
      if (area === undefined) return this.refuse(connection, 'unknown-area')
      const sight = {
        xMm: watch.xMm,
        yMm: watch.yMm,
        radiusMm: Math.min(watch.radiusMm, 2 * area.sideMm),
        limit: Math.min(watch.limit || this.limits.placeEntities, this.limits.placeEntities),
      }
      session.place = { area: area.name, sight }
    }
    session.interest = undefined
  }

  private inputs(connection: Connection, bodies: readonly Uint8Array[], nowMs: number): void {
    const { session } = connection
    if (session === undefined) return this.refuse(connection, 'unauthenticated')
    if (!bodies.every(body => belongsTo(session, body))) return this.refuse(connection, 'other-session')
    const inTime = takeUpTo(session.inputs, bodies.length, nowMs)
    const { inputsInFlight, totalInFlight } = this.limits
    const room = Math.max(0, Math.min(inputsInFlight - session.inFlight, totalInFlight - this.inFlight))
    const taken = Math.min(inTime, room)
    if (taken > 0) {
      this.ports.count('gateway_inputs_total', {}, taken)
      session.inFlight += taken
      this.inFlight += taken
      this.ports.router.submit(session.area, bodies.slice(0, taken), session.source)
    }
    for (const body of bodies.slice(taken, inTime)) {
      this.ports.count('gateway_answers_total', { kind: 'full' })
      const answer = { seq: seqOfBody(body), code: 'busy', retryAfterMs: FULL_RETRY_MS }
      this.send(connection.id, { answer })
    }
    for (const body of bodies.slice(inTime)) {
      if (!this.connections.has(connection.id)) return
      const answer = { seq: seqOfBody(body), code: 'over-rate', retryAfterMs: waitMs(session.inputs) }
      this.send(connection.id, { answer })
      this.offend(connection, 'over-rate')
    }
  }

  private read(connection: Connection, read: Read, nowMs: number): void {
    const { session } = connection
    if (session === undefined) return this.refuse(connection, 'unauthenticated')
    const { number } = read
    // A parsed message is a window on a larger buffer.
    const target = read.target!.slice()
    const passOn = (answered: (result: ReadResult) => void): void =>
      this.ports.router.read(session.area, target, answered)
    const offence = this.reads.ask(session.reads, nowMs, passOn, result => {
      const readAnswer =
        result.kind === 'state' ? { number, state: result.state } : unanswered(number, result)
      this.ports.count('gateway_reads_total', { kind: kindOf(result) })
      if (this.connections.has(connection.id)) this.send(connection.id, { readAnswer })
    })
    if (offence !== undefined) this.offend(connection, offence)
  }

  private whenFinal(connection: Connection, ask: FinalAsk, nowMs: number): void {
    const { session } = connection
    if (session === undefined) return this.refuse(connection, 'unauthenticated')
    const { number, leaves, epoch } = ask
    const area = ask.area ? session.areaNames[ask.area - 1] : session.area
    if (area === undefined) return this.refuse(connection, 'unknown-area')
    const passOn = (answered: (result: FinalResult) => void): void => {
      const soon = ask.soon && take(session.seals, nowMs)
      this.ports.router.whenFinal(area, { leaves, soon, epoch }, answered)
    }
    const offence = this.finals.ask(session.finals, nowMs, passOn, result => {
      const finalAnswer =
        result.kind === 'final' ? { number, final: result.proof } : unanswered(number, result)
      this.ports.count('gateway_finals_total', { kind: kindOf(result) })
      if (this.connections.has(connection.id)) this.send(connection.id, { finalAnswer })
    })
    if (offence !== undefined) this.offend(connection, offence)
  }

  private answered(
    connection: Connection,
    session: Session,
    bodies: readonly Uint8Array[],
    result: InputResult,
  ): void {
    if (result.kind === 'moved' && this.moved(connection, session, bodies, result.to)) return
    session.inFlight -= bodies.length
    this.inFlight -= bodies.length
    this.ports.count('gateway_answers_total', { kind: result.kind }, bodies.length)
    if (!this.connections.has(connection.id)) return
    if (result.kind === 'committed') this.send(connection.id, { receipts: result.receipts })
    else for (const body of bodies) this.refused(connection, seqOfBody(body), result)
  }

  /** The session goes on where its character is. False: these inputs are not asked for there, for now. */
  private moved(
    connection: Connection,
    session: Session,
    bodies: readonly Uint8Array[],
    to: string,
  ): boolean {
    const area = this.areaNamed(to)
    if (area === undefined || !take(session.moves, this.ports.monotonicMs())) return false
    this.follow(connection, session, area)
    // An opening names the log that it is for: its client makes another one.
    if (bodies.some(body => seqOfBody(body) === 1) || !this.connections.has(connection.id)) return false
    this.ports.count('gateway_moved_total', {}, bodies.length)
    this.ports.router.submit(area, bodies, session.source)
    return true
  }

  /** A feed tells that a player's character is another area's now. */
  private crossed(player: string, to: string): void {
    const connection = this.sessions.get(player)
    const area = this.areaNamed(to)
    // A feed is one member's word: inputs go where their owner says.
    if (connection?.session !== undefined && area !== undefined) connection.session.shown = area
  }

  private follow(connection: Connection, session: Session, area: string): void {
    const index = session.areaNames.indexOf(area)
    if (index < 0 || session.area === area) return
    session.area = area
    session.shown = area
    if (this.connections.has(connection.id)) this.send(connection.id, { moved: { area: index } })
  }

  /** By the hash of its log's origin, in hex. */
  private areaNamed(hash: string): string | undefined {
    const { router, sha256 } = this.ports
    if (this.areaNames === undefined) {
      const text = new TextEncoder()
      const named = router
        .areas()
        .map(({ name, origin }) => [hexOf(sha256(text.encode(origin)), 0, 32), name] as const)
      this.areaNames = new Map(named)
    }
    return this.areaNames.get(hash)
  }

  private refused(
    connection: Connection,
    seq: number,
    result: Exclude<InputResult, { kind: 'committed' }>,
  ): void {
    switch (result.kind) {
      case 'moved':
        return this.send(connection.id, { answer: { seq, code: result.kind, retryAfterMs: MOVED_RETRY_MS } })
      case 'gap':
        return this.send(connection.id, { answer: { seq, expectedSeq: result.expectedSeq } })
      case 'refused':
        return this.send(connection.id, { answer: { seq, code: result.code } })
      default:
        // 0 would read as absent.
        return this.send(connection.id, {
          answer: { seq, code: result.kind, retryAfterMs: Math.max(1, result.retryAfterMs) },
        })
    }
  }

  private refuse(connection: Connection, code: RefusalCode): void {
    this.send(connection.id, { problem: { code, message: REFUSALS[code] } })
    this.offend(connection, code)
  }

  private offend(connection: Connection, code: RefusalCode): void {
    this.ports.count('gateway_refused_total', { code })
    const nowMs = this.ports.monotonicMs()
    const forgiven = Math.floor((nowMs - connection.offendedMs) / this.limits.forgiveMs)
    connection.offences = Math.max(0, connection.offences - forgiven) + 1
    connection.offendedMs += forgiven * this.limits.forgiveMs
    if (connection.offences >= this.limits.maxOffences) this.close(connection, 'too-many-offences')
  }

  private close(connection: Connection, code: ClosingCode): void {
    if (!this.connections.has(connection.id)) return
    this.closed(connection.id)
    this.ports.count('gateway_closed_total', { code })
    this.ports.close(connection.id, CLOSINGS[code], code)
  }

  private send(id: number, message: Parameters<typeof encodeServer>[0]): void {
    this.ports.send(id, encodeServer(message))
  }
}

/** The rules judge the session's number, which comes before its tag. */
function belongsTo(session: Session, body: Uint8Array): boolean {
  return standsAt(body, 0, session.playerKey) && standsAt(body, TAG_AT, session.sessionTag)
}

/** What became of a question, as the counters name it. */
function kindOf(result: { kind: string }): string {
  if (result.kind === 'state' || result.kind === 'final' || result.kind === 'refused') return result.kind
  return 'again'
}
