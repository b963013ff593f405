import type { Channel, PeerId, ProtocolOptions } from '../../daemon/ports.ts'
import type { LinkOptions, NetworkOptions } from './link.ts'
import type { SimRandom } from './random.ts'
import type { Scope } from './scope.ts'
import type { Simulation } from './simulation.ts'

/** What both ends of a channel need to know of the network between them. */
export interface Wire {
  readonly simulation: Simulation
  readonly random: SimRandom
  readonly options: NetworkOptions
  link(from: PeerId, to: PeerId): LinkOptions
  /** When the directed link, shared by all its channels, is free again. Microseconds. */
  freeAtUs: Map<string, number>
}

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
  #other: SimChannel | undefined
  #closed = false
  #bufferedBytes = 0
  #waitsForDrain = false
  #sentUs = 0
  #lastArrivalUs = 0
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
  ) {
    this.#wire = wire
    this.scope = scope
    this.accepted = accepted
    this.#self = scope.owner
    this.peer = peer
    this.protocol = protocol
    this.#maxFrameBytes = options.maxFrameBytes
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
      this.#breakOff()
      return
    }
    let delayMs = link.delayMs + random.fraction() * link.jitterMs
    if (random.chance(link.lossRate)) {
      simulation.countFault('lost-frame')
      delayMs += link.retransmitMs
    }
    const key = `${this.#self}>${this.peer}`
    const takesUs = (frame.length / link.bytesPerMs) * 1000
    const freeUs = Math.max(simulation.nowUs, this.#wire.freeAtUs.get(key) ?? 0)
    this.#wire.freeAtUs.set(key, freeUs + takesUs)
    // Channels take turns: of what the others have queued, only as much as the socket holds goes first.
    const socketUs = simulation.nowUs + (this.#wire.options.socketBytes / link.bytesPerMs) * 1000
    this.#sentUs = Math.max(this.#sentUs, Math.min(freeUs, socketUs)) + takesUs
    this.#lastArrivalUs = Math.max(this.#lastArrivalUs, this.#sentUs + delayMs * 1000)
    this.#deliver(frame)
  }

  #deliver(frame: Uint8Array): void {
    const { simulation } = this.#wire
    const other = this.#other!
    const afterMs = (this.#lastArrivalUs - simulation.nowUs) / 1000
    simulation.schedule(undefined, afterMs, '', () => {
      this.#taken(frame.length)
      if (other.#closed || !other.scope.alive) return
      if (!other.scope.paused) other.#receive(frame)
      else simulation.schedule(other.scope, 0, '', () => other.#receive(frame))
    })
  }

  #receive(frame: Uint8Array): void {
    if (this.#closed) return
    const { simulation } = this.#wire
    simulation.trace.add(simulation.nowUs, `${this.peer}>${this.#self} ${this.protocol}`, frame)
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
  #breakOff(): void {
    const other = this.#other!
    const { simulation } = this.#wire
    const text = `${this.#self}-${this.peer} ${this.protocol} breaks`
    simulation.schedule(this.scope, 0, text, () => this.closeHere('broken'))
    const delayMs = this.#wire.link(this.#self, this.peer).delayMs
    simulation.schedule(other.scope, delayMs, text, () => other.closeHere('broken'))
  }
}

export function channelPair(
  wire: Wire,
  opener: Scope,
  acceptor: Scope,
  protocol: string,
  options: ProtocolOptions,
): [SimChannel, SimChannel] {
  const near = new SimChannel(wire, opener, acceptor.owner, protocol, options, false)
  const far = new SimChannel(wire, acceptor, opener.owner, protocol, options, true)
  near.join(far)
  far.join(near)
  return [near, far]
}
