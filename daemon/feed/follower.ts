import type { FeedListener } from '../gateway/router.ts'
import type { Cancel, Channel, Clock, Network, PeerId } from '../ports.ts'
import { decodeFrame, encodeSubscribe, type FeedFrame, feedProtocol, framePart } from './codec.ts'

export interface FollowerOptions {
  readonly group: number
  /** Peers that hold a replica by now, in the order of preference. */
  readonly members: () => readonly PeerId[]
  readonly network: Network
  readonly clock: Clock
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** A member sends at least a sign of life each second. */
const silenceMs = 3_000
const retryMs = 100
/** Entities of one state that are kept while it arrives. */
const maxStateEntities = 50_000

/**
 * Follows one authority of other nodes for a gateway on this one: subscribes at a member, and at the next when that one
 * goes, lags or talks nonsense.
 */
export class FeedFollower {
  readonly #options: FollowerOptions
  readonly #listener: FeedListener
  #channel: Channel | undefined
  #next = 0
  #opening = false
  #stopped = false
  #live = false
  #arriving: Uint8Array[] = []
  #arrivingLeaf = 0
  #heardAtMs = 0
  #timer: Cancel | undefined

  constructor(options: FollowerOptions, listener: FeedListener) {
    this.#options = options
    this.#listener = listener
    this.#watch()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.()
    this.#channel?.close('unsubscribed')
  }

  #watch(): void {
    if (this.#stopped) return
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#channel !== undefined && nowMs - this.#heardAtMs > silenceMs)
      this.#channel.close('feed went silent')
    if (this.#channel === undefined && !this.#opening) void this.#open()
    this.#timer = this.#options.clock.after(retryMs, () => this.#watch())
  }

  async #open(): Promise<void> {
    const { members, network, clock, group } = this.#options
    const connected = members().filter(member => network.peers().includes(member))
    if (connected.length === 0) return
    this.#opening = true
    try {
      const channel = await network.open(connected[this.#next++ % connected.length]!, feedProtocol)
      if (this.#stopped) return channel.close('unsubscribed')
      this.#channel = channel
      this.#heardAtMs = clock.monotonicMs()
      this.#arriving = []
      channel.onFrame(bytes => this.#frame(channel, bytes))
      channel.onClose(() => this.#closed(channel))
      channel.send(encodeSubscribe(group))
    } catch {
      this.#options.count('feed_open_failed', {})
    } finally {
      this.#opening = false
    }
  }

  #closed(channel: Channel): void {
    if (this.#channel !== channel) return
    this.#channel = undefined
    if (this.#live) this.#listener.lost()
    this.#live = false
  }

  #frame(channel: Channel, bytes: Uint8Array): void {
    if (this.#channel !== channel) return
    this.#heardAtMs = this.#options.clock.monotonicMs()
    const frame = decodeFrame(bytes)
    if (frame === undefined) {
      this.#options.count('feed_malformed', {})
      return channel.close('malformed feed frame')
    }
    if (frame.state === framePart.notHere) return channel.close('the peer does not follow this authority')
    if (frame.state === framePart.delta) this.#delta(frame)
    else this.#state(channel, frame)
  }

  #state(channel: Channel, frame: FeedFrame): void {
    // The member began anew, since this node was too slow for what happened meanwhile.
    if (frame.leaf !== this.#arrivingLeaf) this.#arriving = []
    this.#arrivingLeaf = frame.leaf
    this.#arriving.push(...frame.changed)
    if (this.#arriving.length > maxStateEntities) return channel.close('state too large')
    if (frame.state !== framePart.lastState) return
    const entities = this.#arriving
    this.#arriving = []
    this.#live = true
    this.#listener.state(frame.tick, frame.leaf, entities)
  }

  #delta(frame: FeedFrame): void {
    if (this.#live) this.#listener.delta(frame.tick, frame.leaf, frame.changed, frame.removed, frame.events)
  }
}
