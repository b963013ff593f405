import type { Channel, PeerId, ProtocolOptions } from '../../daemon/ports.ts'
import type { LinkOptions, NetworkOptions } from './link.ts'
import type { SimRandom } from './random.ts'
import type { Scope } from './scope.ts'
import type { Simulation } from './simulation.ts'
import { type Kind, type Sent, spikeMs, type Way } from './way.ts'

/** What both ends of a channel need to know of the network between them. */
export interface Wire {
  readonly simulation: Simulation
  readonly random: SimRandom
  readonly options: NetworkOptions
  link(from: PeerId, to: PeerId): LinkOptions
  way(from: Scope, to: Scope): Way
}

/** A frame that others overtake, or that comes again later, is late by up to this much. */
const OUT_OF_ORDER_MS = 60
/** A first frame up to this long names what its channel is about: a lane, a group, a part of a log. */
const MAX_ABOUT_BYTES = 32
/** For so many frames a channel is behind others by the same time. */
const LAG_FRAMES = 20

/** One end of a channel. Both ends are made together by `channelPair`. */
export class SimChannel implements Channel {
  readonly peer: PeerId
  readonly protocol: string
  readonly scope: Scope
  /** This end was opened by the other side. */
  readonly accepted: boolean
  readonly #self: PeerId
  readonly #wire: Wire
  readonly #maxFrameBytes: number
  readonly #kind: Kind
  #other: SimChannel | undefined
  #closed = false
  #bufferedBytes = 0
  #waitsForDrain = false
  #sentUs = 0
  #lastArrivalUs = 0
  #frames = 0
  #lagMs = 0
  #blocked: Uint8Array[] = []
  #unread: Uint8Array[] = []
  #onFrame: ((frame: Uint8Array) => void) | undefined
  #onDrain: (() => void) | undefined
  #onClose: ((reason: string) => void) | undefined
  #closeReason: string | undefined

  constructor(
    wire: Wire,
    scope: Scope,
    peer: PeerId,
    protocol: string,
    options: ProtocolOptions,
    accepted: boolean,
    kind: Kind,
  ) {
    this.#wire = wire
    this.scope = scope
    this.accepted = accepted
    this.#self = scope.owner
    this.peer = peer
    this.protocol = protocol
    this.#maxFrameBytes = options.maxFrameBytes
    this.#kind = kind
  }

  get closed(): boolean {
    return this.#closed
  }

  join(other: SimChannel): void {
    this.#other = other
  }

  send(frame: Uint8Array): boolean {
    if (this.#closed || !this.scope.alive) return false
    if (frame.length > this.#maxFrameBytes) {
      this.#wire.simulation.countFault('frame-too-long')
      this.close('frame-too-long')
      return false
    }
    this.#bufferedBytes += frame.length
    // A copy: sender and receiver share no memory in a real network either.
    this.#transmit(frame.slice())
    if (this.#bufferedBytes > this.#wire.options.maxBufferedBytes) {
      this.#wire.simulation.countFault('buffer-overflow')
      this.close('buffer-overflow')
      return false
    }
    if (this.#bufferedBytes <= this.#wire.options.highWaterBytes) return true
    this.#waitsForDrain = true
    this.#wire.simulation.countFault('pushed-back')
    return false
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    this.#onFrame = listener
    for (const frame of this.#unread.splice(0)) listener(frame)
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }

  onClose(listener: (reason: string) => void): void {
    this.#onClose = listener
    if (this.#closeReason !== undefined) listener(this.#closeReason)
  }

  close(reason: string): void {
    this.closeHere(reason)
    const other = this.#other
    if (other === undefined) return
    const link = this.#wire.link(this.#self, this.peer)
    const text = `${this.#self}>${this.peer} ${this.protocol} closed ${reason}`
    // Behind the frames already under way: what was sent before an orderly end still arrives.
    const afterMs = Math.max(link.delayMs, this.#lastArrivalUs / 1000 - this.#wire.simulation.nowMs)
    this.#wire.simulation.schedule(other.scope, afterMs, text, () => other.closeHere(reason))
  }

  closeHere(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#closeReason = reason
    this.#blocked = []
    this.#unread = []
    if (this.scope.alive) this.#onClose?.(reason)
  }

  /** The link is open again: what waited goes on its way, in order. */
  unblock(): void {
    for (const frame of this.#blocked.splice(0)) this.#transmit(frame)
  }

  #transmit(frame: Uint8Array): void {
    const { simulation, random } = this.#wire
    const link = this.#wire.link(this.#self, this.peer)
    if (link.blocked || this.#blocked.length > 0) {
      this.#blocked.push(frame)
      simulation.countFault('blocked-frame')
      return
    }
    if (random.chance(link.breakRate)) {
      simulation.countFault('broken-channel')
      this.#breakOff(link)
      return
    }
    if (this.#frames++ === 0 && !this.accepted) this.#getsKind(frame)
    const way = this.#wire.way(this.scope, this.#other!.scope)
    const takesUs = (frame.length / link.bytesPerMs) * 1000
    const freeUs = Math.max(simulation.nowUs, way.freeUs)
    way.freeUs = freeUs + takesUs
    // Channels take turns: of what the others have queued, only as much as the socket holds goes first.
    const socketUs = simulation.nowUs + (this.#wire.options.socketBytes / link.bytesPerMs) * 1000
    this.#sentUs = Math.max(this.#sentUs, Math.min(freeUs, socketUs)) + takesUs
    this.#lastArrivalUs = Math.max(this.#lastArrivalUs, this.#sentUs + this.#delayMs(link) * 1000)
    const sent = { frame, number: ++way.sent, lags: link.channelLagMs > 0 }
    const isFirst = this.#frames === 1 && !this.accepted
    if (isFirst || this.#kind.withstands === 'nothing') this.#arrives(sent, 0)
    else this.#arrivesSomehow(sent, way, link)
  }

  #getsKind(first: Uint8Array): void {
    this.#kind.withstands = this.#wire.options.withstands(this.protocol, first)
    const about = first.length <= MAX_ABOUT_BYTES ? Buffer.from(first).toString('hex') : ''
    this.#kind.name = `${this.#self} ${this.protocol} ${about}`
  }

  #delayMs(link: LinkOptions): number {
    const { simulation, random } = this.#wire
    let delayMs = link.delayMs + random.fraction() * link.jitterMs
    if (link.channelLagMs > 0 && this.#frames % LAG_FRAMES === 1)
      this.#lagMs = random.fraction() * link.channelLagMs
    if (link.channelLagMs > 0) delayMs += this.#lagMs
    if (random.chance(link.lossRate)) {
      simulation.countFault('lost-frame')
      delayMs += link.retransmitMs
    }
    if (!random.chance(link.spikeRate)) return delayMs
    simulation.countFault('late-frame')
    return delayMs + spikeMs(link, random)
  }

  /** In its place, later than its place, twice, or followed by an old one: as far as the protocol withstands it. */
  #arrivesSomehow(sent: Sent, way: Way, link: LinkOptions): void {
    const { random } = this.#wire
    const anyOrder = this.#kind.withstands === 'any-order'
    const laterMs = (): number => random.between(1, OUT_OF_ORDER_MS)
    this.#arrives(sent, anyOrder && random.chance(link.reorderRate) ? laterMs() : 0)
    if (random.chance(link.duplicateRate)) this.#comesAgain(sent.frame, anyOrder ? laterMs() : 0, 'twice')
    if (!anyOrder) return
    if (random.chance(link.replayRate)) {
      const old = way.oldFrame(this.#kind.name, random)
      if (old !== undefined) this.#comesAgain(old, laterMs(), 'old')
    }
    if (link.replayRate > 0) way.keep(this.#kind.name, sent.frame)
  }

  #arrives(sent: Sent, laterMs: number): void {
    const { simulation } = this.#wire
    const other = this.#other!
    const afterMs = (this.#lastArrivalUs - simulation.nowUs) / 1000 + laterMs
    simulation.schedule(undefined, afterMs, '', () => {
      this.#taken(sent.frame.length)
      other.#reached(() => other.#receive(sent))
    })
  }

  #comesAgain(frame: Uint8Array, laterMs: number, how: 'twice' | 'old'): void {
    const { simulation } = this.#wire
    const other = this.#other!
    const afterMs = (this.#lastArrivalUs - simulation.nowUs) / 1000 + laterMs
    simulation.schedule(undefined, afterMs, '', () =>
      other.#reached(() => {
        if (other.#onFrame !== undefined && !other.#closed)
          simulation.countFault(how === 'twice' ? 'frame-twice' : 'old-frame-again')
        other.#receive({ frame, number: 0, lags: false })
      }),
    )
  }

  /** A process that stands still reads when it goes on. */
  #reached(read: () => void): void {
    if (this.#closed || !this.scope.alive) return
    if (!this.scope.paused) read()
    else this.#wire.simulation.schedule(this.scope, 0, '', read)
  }

  #receive(sent: Sent): void {
    if (this.#closed) return
    const { simulation } = this.#wire
    const { frame } = sent
    simulation.trace.add(simulation.nowUs, `${this.peer}>${this.#self} ${this.protocol}`, frame)
    this.#wire.way(this.#other!.scope, this.scope).arrived(sent, this.#kind, simulation)
    if (this.#onFrame === undefined) this.#unread.push(frame)
    else this.#onFrame(frame)
  }

  #taken(bytes: number): void {
    this.#bufferedBytes -= bytes
    if (!this.#waitsForDrain || this.#bufferedBytes > this.#wire.options.highWaterBytes / 2) return
    this.#waitsForDrain = false
    if (!this.#closed && this.scope.alive) this.#onDrain?.()
  }

  /** Noticed by both ends, a moment later; never inside the caller's own `send`. */
  #breakOff(link: LinkOptions): void {
    const other = this.#other!
    const { simulation, random } = this.#wire
    const text = `${this.#self}-${this.peer} ${this.protocol} breaks`
    simulation.schedule(this.scope, 0, text, () => this.closeHere('broken'))
    const delayMs = link.delayMs + random.fraction() * link.lingerMs
    simulation.schedule(other.scope, delayMs, text, () => other.closeHere('broken'))
  }
}

export function channelPair(
  wire: Wire,
  opener: Scope,
  acceptor: Scope,
  protocol: string,
  options: ProtocolOptions,
  ordinal: number,
): [SimChannel, SimChannel] {
  const kind: Kind = { ordinal, name: protocol, withstands: 'nothing' }
  const near = new SimChannel(wire, opener, acceptor.owner, protocol, options, false, kind)
  const far = new SimChannel(wire, acceptor, opener.owner, protocol, options, true, kind)
  near.join(far)
  far.join(near)
  return [near, far]
}
