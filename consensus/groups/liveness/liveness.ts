import { isSane, type LivenessMessage } from './message.ts'
import { Peer } from './peer.ts'

/** A node is heard of this often by every node that it shares a group with. */
const INTERVAL_MS = 50

/** Only so often while all groups of this node sleep, and have for a while: nobody waits for them. */
const IDLE_INTERVAL_MS = 150
const IDLE_AFTER_MS = 2000

/** Support lasts for this many intervals, and the round trip: a node that misses so many is taken for dead. */
const INTERVALS_SUPPORTED = 3

/** No node supports another for longer at a time. */
export const MAX_SUPPORT_MS = 2000

/** The least that is remembered on disk, so that it is written once. From there on it doubles. */
const LEAST_PROMISED_MS = 500

/**
 * Two clocks of correct nodes drift apart by less than this part of the time that they measure. A node counts on support
 * for that much less than it asked for.
 */
export const MAX_DRIFT = 0.05

/** A longer pause between two ticks is this process's own: it could not hear what its peers said meanwhile. */
const OWN_PAUSE_MS = 60

export interface LivenessOptions {
  readonly self: number
  readonly random: (below: number) => number
  readonly nowMs: () => number
  /** The longest support promised in an earlier life (support-disk.ts), 0 for none. */
  readonly promisedMs: number
}

/** What changed between this node and another; `peer` is the other. */
export interface LivenessEvents {
  /**
   * Our support for it has ended: as far as we can tell it is dead, hung or cut off. `isOver`: its process has ended for
   * certain, and another one runs in its place.
   */
  lost(peer: number, isOver: boolean): void
  /** We support it, anew or for the first time. */
  found(peer: number): void
  /** Its support for us has ended, by our clock. */
  unsupported(peer: number): void
  /** It supports us in a new epoch: what it promised in the last one covers no group any more. */
  supportedAnew(peer: number): void
  /** Something that elections wait for may have changed: who is alive, or whom others support. */
  changed(): void
}

/**
 * Node-to-node liveness in place of a heartbeat per group (CockroachDB's store liveness is the model). Each node asks
 * each other one, every INTERVAL_MS, to *support* it for a while. Supporting a node is a promise: until it ends,
 * neither to vote against it nor to stand against it, in any group in which we follow it. A leader that a quorum of its followers
 * supports therefore leads, without a word per group. docs/consensus.md has the argument.
 *
 * Support is withdrawn only when its time is over. The time is the supporter's, counted from when it read the request;
 * the supported counts from when it sent it, and for MAX_DRIFT less, so that its count ends first.
 */
export class Liveness {
  readonly #options: LivenessOptions
  readonly #events: LivenessEvents
  readonly #peers = new Map<number, Peer>()
  readonly incarnation: number
  /** Until then a promise of our earlier life may stand, and we don't know to whom. */
  readonly mutedUntilMs: number
  /** On disk; no support is granted for longer. */
  #promisedMs: number
  #wantedMs = 0
  #asksForSupport = true
  #busyMs: number
  #tickedMs: number

  constructor(options: LivenessOptions, events: LivenessEvents) {
    this.#options = options
    this.#events = events
    this.incarnation = 1 + options.random(2 ** 31)
    this.#promisedMs = options.promisedMs
    this.#tickedMs = options.nowMs()
    this.#busyMs = this.#tickedMs
    this.mutedUntilMs = this.#tickedMs + options.promisedMs
  }

  /** A group of ours has, or has no longer, this member. */
  shares(peer: number, groups: 1 | -1): void {
    if (peer !== this.#options.self) this.#peer(peer).groups += groups
  }

  peerUp(number: number): void {
    const peer = this.#peer(number)
    peer.up = true
    peer.urgent = true
  }

  /**
   * What was said last may be lost, also that we left its cover in some group: the next support is another one. The
   * promise stands.
   */
  peerDown(number: number): void {
    const peer = this.#peer(number)
    peer.up = false
    peer.epoch++
    peer.supportEpoch = 0
    peer.supportedUntilMs = 0
    this.#checkSupported(peer, this.#options.nowMs())
  }

  /** A node whose disk is stalled lets others take over. */
  set asksForSupport(asks: boolean) {
    this.#asksForSupport = asks
  }

  /** Some group of this node is awake. */
  isBusy(): void {
    const nowMs = this.#options.nowMs()
    const wasIdle = this.#intervalMs(nowMs) !== INTERVAL_MS
    this.#busyMs = nowMs
    if (wasIdle) for (const peer of this.#peers.values()) peer.nextSendMs = nowMs
  }

  isUp(peer: number): boolean {
    return this.#peers.get(peer)?.up === true
  }

  /** It has asked for support lately, and has it. */
  supports(peer: number): boolean {
    return this.#peers.get(peer)?.supporting === true
  }

  /** The epoch of our support for it, 0 when there is none. */
  epochFor(peer: number): number {
    const entry = this.#peers.get(peer)
    return entry?.supporting ? entry.epoch : 0
  }

  promisedUntilMs(peer: number): number {
    return this.#peers.get(peer)?.promisedUntilMs ?? 0
  }

  /** `peer` is alive, and has said that it does not support `other`. */
  isFreeOf(peer: number, other: number): boolean {
    const entry = this.#peers.get(peer)
    return entry?.supporting === true && entry.up && !entry.supports.includes(other)
  }

  /** The epoch of its support for us, 0 for none. */
  epochFrom(peer: number): number {
    return this.#peers.get(peer)?.supportEpoch ?? 0
  }

  supportedUntilMs(peer: number): number {
    return this.#peers.get(peer)?.supportedUntilMs ?? 0
  }

  /** Nearly all answers of it are there within this time. */
  roundTripMs(peer: number): number {
    return this.#peer(peer).roundTrip.boundMs
  }

  /** Must be on disk, and `remembered` called, before longer support can be granted. 0: nothing to do. */
  takeToRemember(): number {
    const wanted = this.#wantedMs
    this.#wantedMs = 0
    return wanted > this.#promisedMs ? wanted : 0
  }

  get promisedMs(): number {
    return this.#promisedMs
  }

  remembered(promisedMs: number): void {
    this.#promisedMs = Math.max(this.#promisedMs, promisedMs)
  }

  /** False: it is none. */
  receive(from: number, message: LivenessMessage): boolean {
    if (!isSane(message)) return false
    const peer = this.#peer(from)
    const nowMs = this.#options.nowMs()
    if (message.incarnation !== peer.incarnation) this.#restarted(peer, message.incarnation)
    if (message.forIncarnation === this.incarnation) this.#answered(peer, message, nowMs)
    if (message.supportMs > 0) this.#asked(peer, message, nowMs)
    if (!sameNumbers(peer.supports, message.supports)) {
      peer.supports = message.supports
      this.#events.changed()
    }
    return true
  }

  tick(): void {
    const nowMs = this.#options.nowMs()
    const pauseMs = nowMs - this.#tickedMs
    this.#tickedMs = nowMs
    for (const peer of this.#peers.values()) {
      // What it said during our pause may still wait to be read. A longer promise breaks none.
      if (pauseMs > OWN_PAUSE_MS && peer.supporting) {
        peer.promisedUntilMs = Math.max(peer.promisedUntilMs, nowMs + INTERVAL_MS)
      }
      if (peer.supporting && nowMs >= peer.promisedUntilMs) this.#withdraw(peer, false)
      this.#checkSupported(peer, nowMs)
    }
  }

  /** There are messages to take. */
  get isDue(): boolean {
    const nowMs = this.#options.nowMs()
    for (const peer of this.#peers.values()) if (this.#isDue(peer, nowMs)) return true
    return this.#wantedMs > 0
  }

  #isDue(peer: Peer, nowMs: number): boolean {
    const speaks = peer.up && (peer.groups > 0 || peer.supporting)
    return speaks && (peer.urgent || nowMs >= peer.nextSendMs)
  }

  #intervalMs(nowMs: number): number {
    return nowMs - this.#busyMs < IDLE_AFTER_MS ? INTERVAL_MS : IDLE_INTERVAL_MS
  }

  /** What is due now, by peer. */
  takeMessages(): { peer: number; message: LivenessMessage }[] {
    const nowMs = this.#options.nowMs()
    const intervalMs = this.#intervalMs(nowMs)
    const due: { peer: number; message: LivenessMessage }[] = []
    for (const peer of this.#peers.values()) {
      if (!this.#isDue(peer, nowMs)) continue
      // On one grid for all peers, so that all learn of our end at one time.
      if (nowMs >= peer.nextSendMs) peer.nextSendMs = (Math.floor(nowMs / intervalMs) + 1) * intervalMs
      peer.urgent = false
      due.push({ peer: peer.number, message: this.#messageFor(peer, nowMs) })
    }
    return due
  }

  #messageFor(peer: Peer, nowMs: number): LivenessMessage {
    const { request } = peer
    const askMs = INTERVALS_SUPPORTED * this.#intervalMs(nowMs) + peer.roundTrip.boundMs
    const supports: number[] = []
    for (const each of this.#peers.values()) if (each.supporting) supports.push(each.number)
    return {
      incarnation: this.incarnation,
      sentUs: Math.floor(nowMs * 1000),
      supportMs: this.#asksForSupport ? Math.min(Math.ceil(askMs), MAX_SUPPORT_MS) : 0,
      forIncarnation: peer.incarnation,
      echoUs: request?.sentUs ?? 0,
      heldUs: request === undefined ? 0 : Math.max(0, Math.floor((nowMs - request.readMs) * 1000)),
      grantedMs: request?.grantedMs ?? 0,
      epoch: peer.supporting ? peer.epoch : 0,
      supports,
    }
  }

  /** Whoever ran under that number before is dead for certain: what was promised to it binds nobody. */
  #restarted(peer: Peer, incarnation: number): void {
    const isFirst = peer.incarnation === 0
    peer.incarnation = incarnation
    peer.request = undefined
    peer.supportEpoch = 0
    peer.supportedUntilMs = 0
    peer.promisedUntilMs = 0
    if (peer.supporting) this.#withdraw(peer, true)
    else if (!isFirst) this.#events.lost(peer.number, true)
    this.#checkSupported(peer, this.#options.nowMs())
  }

  #asked(peer: Peer, { supportMs, sentUs }: LivenessMessage, nowMs: number): void {
    const askedMs = Math.min(supportMs, MAX_SUPPORT_MS)
    if (askedMs > this.#promisedMs) {
      const doubled = Math.max(
        LEAST_PROMISED_MS,
        2 ** Math.ceil(Math.log2(askedMs / LEAST_PROMISED_MS)) * LEAST_PROMISED_MS,
      )
      this.#wantedMs = Math.max(this.#wantedMs, Math.min(doubled, MAX_SUPPORT_MS))
    }
    const grantedMs = Math.min(askedMs, this.#promisedMs)
    if (grantedMs === 0) return
    peer.request = { sentUs, readMs: nowMs, grantedMs }
    peer.promisedUntilMs = Math.max(peer.promisedUntilMs, nowMs + grantedMs)
    if (peer.supporting) return
    peer.supporting = true
    this.#tellAll()
    this.#events.found(peer.number)
    this.#events.changed()
  }

  #answered(peer: Peer, message: LivenessMessage, nowMs: number): void {
    const { echoUs, heldUs, grantedMs, epoch } = message
    if (echoUs > peer.echoUs) {
      peer.echoUs = echoUs
      peer.roundTrip.sample(Math.max(0, nowMs - (echoUs + heldUs) / 1000))
    }
    if (epoch === 0) return
    const untilMs = echoUs / 1000 + Math.min(grantedMs, MAX_SUPPORT_MS) * (1 - MAX_DRIFT)
    const isNew = epoch !== peer.supportEpoch
    peer.supportedUntilMs = isNew ? untilMs : Math.max(peer.supportedUntilMs, untilMs)
    peer.supportEpoch = epoch
    this.#checkSupported(peer, nowMs)
    if (isNew) this.#events.supportedAnew(peer.number)
  }

  #checkSupported(peer: Peer, nowMs: number): void {
    const supported = nowMs < peer.supportedUntilMs
    if (supported === peer.supported) return
    peer.supported = supported
    if (!supported) this.#events.unsupported(peer.number)
  }

  #withdraw(peer: Peer, isOver: boolean): void {
    peer.supporting = false
    this.#tellAll()
    this.#events.lost(peer.number, isOver)
    this.#events.changed()
  }

  /** Others wait for it before they stand for election. */
  #tellAll(): void {
    for (const peer of this.#peers.values()) peer.urgent = true
  }

  #peer(number: number): Peer {
    let peer = this.#peers.get(number)
    if (peer === undefined) {
      // Epochs of two lives of ours must not be taken for each other.
      peer = new Peer(number, 1 + this.#options.random(2 ** 31))
      this.#peers.set(number, peer)
    }
    return peer
  }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}
