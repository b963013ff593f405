import type { FeedDelta } from '../authority/types.ts'
import type { FeedListener } from '../gateway/router.ts'
import type { Channel, PeerId } from '../ports.ts'
import { encodeFrame, framePart } from './codec.ts'
import { Subscriber } from './subscriber.ts'

/** How far an authority is. */
export interface FeedPoint {
  readonly tick: number
  /** Leaves applied. */
  readonly leaf: number
}

/** What is told of an authority to those who come anew. */
export interface FeedSource {
  point(): FeedPoint
  /** All entities in their public form, as of `point`. */
  entities(): Uint8Array[]
}

const entitiesPerFrame = 256
export const maxSubscribers = 512

/** Tells subscribers what happens in one authority. */
export class FeedPublisher {
  readonly #source: FeedSource
  readonly #local = new Set<FeedListener>()
  readonly #remote = new Map<PeerId, { readonly channel: Channel; readonly subscriber: Subscriber }>()
  /** Whoever comes before anything else happens gets the same frames. */
  #state: { readonly leaf: number; readonly frames: readonly Uint8Array[] } | undefined
  #ended = false

  constructor(source: FeedSource) {
    this.#source = source
  }

  get subscribers(): number {
    return this.#local.size + this.#remote.size
  }

  /** This node follows the authority no more: it has nothing to tell. */
  get ended(): boolean {
    return this.#ended
  }

  /** A gateway on this node, unless `ended`. Returns what ends the subscription. */
  subscribeLocal(listener: FeedListener): () => void {
    this.#local.add(listener)
    const { tick, leaf } = this.#source.point()
    listener.state(tick, leaf, this.#source.entities())
    return () => void this.#local.delete(listener)
  }

  /**
   * A gateway on another node. False when there are too many, or nothing to tell any more. The channel that the same
   * node had before is closed: it may belong to a connection of which only this side doesn't know that it is dead.
   */
  subscribeRemote(channel: Channel): boolean {
    const { peer } = channel
    if (this.#ended || (this.#remote.size >= maxSubscribers && !this.#remote.has(peer))) return false
    this.#remote.get(peer)?.channel.close('subscribed again')
    const subscriber = new Subscriber(channel, () => this.#stateFrames())
    this.#remote.set(peer, { channel, subscriber })
    channel.onClose(() => {
      if (this.#remote.get(peer)?.channel === channel) this.#remote.delete(peer)
    })
    return true
  }

  publish(delta: FeedDelta): void {
    const { tick, leaf, changed, removed, events } = delta
    if (this.#state?.leaf !== leaf) this.#state = undefined
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
    for (const { subscriber } of this.#remote.values()) subscriber.delta(frame)
  }

  /** A sign of life, so that a subscriber can tell a quiet authority from a dead node. */
  keepAlive(): void {
    if (this.subscribers === 0) return
    this.publish({ ...this.#source.point(), changed: [], removed: [], events: [] })
  }

  /** Everybody has to look elsewhere: this node follows the authority no more. */
  end(reason: string): void {
    this.#ended = true
    for (const listener of this.#local) listener.lost()
    this.#local.clear()
    for (const { channel } of [...this.#remote.values()]) channel.close(reason)
  }

  #stateFrames(): readonly Uint8Array[] {
    const { tick, leaf } = this.#source.point()
    if (this.#state?.leaf === leaf) return this.#state.frames
    const entities = this.#source.entities()
    const frames: Uint8Array[] = []
    for (let at = 0; at === 0 || at < entities.length; at += entitiesPerFrame) {
      const state = at + entitiesPerFrame >= entities.length ? framePart.lastState : framePart.state
      const changed = entities.slice(at, at + entitiesPerFrame)
      frames.push(encodeFrame({ tick, leaf, changed, removed: [], events: [], state }))
    }
    this.#state = { leaf, frames }
    return frames
  }
}
