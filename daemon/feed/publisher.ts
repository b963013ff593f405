import type { FeedDelta } from '../authority/authority.ts'
import type { FeedListener } from '../gateway/router.ts'
import type { Channel } from '../ports.ts'
import { encodeFrame, framePart } from './codec.ts'

/** The whole public state of an authority, as of `leaf`. */
export interface FeedState {
  readonly tick: number
  readonly leaf: number
  readonly entities: readonly Uint8Array[]
}

const entitiesPerFrame = 256
export const maxSubscribers = 512

/**
 * Tells subscribers what happens in one authority. A subscriber whose channel is full misses deltas and gets the whole
 * state again once there is room: nothing is queued for it here.
 */
export class FeedPublisher {
  readonly #state: () => FeedState
  readonly #local = new Set<FeedListener>()
  readonly #remote = new Map<Channel, { lagging: boolean }>()
  #last: { readonly tick: number; readonly leaf: number } | undefined
  #ended = false

  constructor(state: () => FeedState) {
    this.#state = state
  }

  get subscribers(): number {
    return this.#local.size + this.#remote.size
  }

  /** This node follows the authority no more: it has nothing to tell. */
  get ended(): boolean {
    return this.#ended
  }

  /** A gateway on this node. Returns what ends the subscription. */
  subscribeLocal(listener: FeedListener): () => void {
    this.#local.add(listener)
    const { tick, leaf, entities } = this.#state()
    listener.state(tick, leaf, [...entities])
    return () => void this.#local.delete(listener)
  }

  /** A gateway on another node. False when there are too many, or nothing to tell any more. */
  subscribeRemote(channel: Channel): boolean {
    if (this.#ended || this.#remote.size >= maxSubscribers) return false
    const subscriber = { lagging: false }
    this.#remote.set(channel, subscriber)
    channel.onClose(() => void this.#remote.delete(channel))
    channel.onDrain(() => {
      if (!subscriber.lagging) return
      subscriber.lagging = false
      this.#sendState(channel)
    })
    this.#sendState(channel)
    return true
  }

  publish(delta: FeedDelta): void {
    const { tick, leaf, changed, removed, events } = delta
    this.#last = { tick, leaf }
    for (const listener of this.#local) listener.delta(tick, leaf, [...changed], [...removed], [...events])
    if (this.#remote.size === 0) return
    const frame = encodeFrame({
      tick,
      leaf,
      changed: changed as Uint8Array[],
      removed: removed as string[],
      events: events as Uint8Array[],
      state: framePart.delta,
    })
    for (const [channel, subscriber] of this.#remote) {
      if (!subscriber.lagging && !channel.send(frame)) subscriber.lagging = true
    }
  }

  /** A sign of life, so that a subscriber can tell a quiet authority from a dead node. */
  keepAlive(): void {
    const { tick, leaf } = this.#last ?? this.#state()
    this.publish({ tick, leaf, changed: [], removed: [], events: [] })
  }

  /** Everybody has to look elsewhere: this node follows the authority no more. */
  end(reason: string): void {
    this.#ended = true
    for (const listener of this.#local) listener.lost()
    this.#local.clear()
    for (const channel of [...this.#remote.keys()]) channel.close(reason)
  }

  #sendState(channel: Channel): void {
    const { tick, leaf, entities } = this.#state()
    for (let at = 0; ; at += entitiesPerFrame) {
      const last = at + entitiesPerFrame >= entities.length
      const changed = entities.slice(at, at + entitiesPerFrame)
      const state = last ? framePart.lastState : framePart.state
      channel.send(encodeFrame({ tick, leaf, changed, removed: [], events: [], state }))
      if (last) return
    }
  }
}
