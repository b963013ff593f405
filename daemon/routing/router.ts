import type { InputBatch } from '../authority/batch.ts'
import type { BatchWaiter } from '../authority/intake.ts'
import { FeedFollower } from '../feed/follower.ts'
import type { FeedPublisher } from '../feed/publisher.ts'
import type { AreaInfo, AuthorityRouter, FeedListener, InputSource } from '../gateway/router.ts'
import type { Channel, Clock, Network, PeerId } from '../ports.ts'
import {
  decodeAnswers,
  encodeRequest,
  type IndexedAnswer,
  inputBatchOf,
  intentProtocol,
  type Request,
} from './intent-codec.ts'
import { Lane } from './lane.ts'

/** An authority that this node holds a replica of. */
export interface LocalAuthority {
  offer(batch: InputBatch, waiter: BatchWaiter): void
  readonly feed: FeedPublisher
}

export interface RouterOptions {
  readonly areas: readonly AreaInfo[]
  /** This node's number. */
  readonly self: number
  readonly peerOf: (node: number) => PeerId
  readonly local: (group: number) => LocalAuthority | undefined
  readonly network: Network
  readonly clock: Clock
  readonly schedule: (run: () => void) => void
  /** Inputs for this authority have waited for an answer for a while. */
  readonly waits: (group: number) => void
  /** The node identity's signature. */
  readonly sign: (message: Uint8Array) => Uint8Array
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** This node's way to every authority, for its own gateway: inputs to the leaders, ghosts from any replica. */
export class InputRouter implements AuthorityRouter {
  readonly #options: RouterOptions
  readonly #lanes = new Map<string, Lane>()
  /** A symbol stands for an attempt to open one: what comes of an older attempt is none of ours any more. */
  readonly #channels = new Map<number, Channel | symbol>()
  #batches = 0

  constructor(options: RouterOptions) {
    this.#options = options
    for (const area of options.areas) this.#lanes.set(area.name, this.#newLane(area))
    options.network.onPeer((peer, connected) => {
      if (!connected) this.#peerLost(peer)
    })
  }

  areas(): readonly AreaInfo[] {
    return this.#options.areas
  }

  /** Inputs that wait for an answer. */
  get pending(): number {
    let pending = 0
    for (const lane of this.#lanes.values()) pending += lane.pending
    return pending
  }

  submit(area: string, bodies: readonly Uint8Array[], source: InputSource): void {
    const lane = this.#lanes.get(area)
    if (lane === undefined) return source.answered(bodies, { kind: 'refused', code: 'unknown-area' })
    lane.submit(bodies, source)
  }

  subscribe(area: string, listener: FeedListener): () => void {
    const info = this.#options.areas.find(candidate => candidate.name === area)
    if (info === undefined) return () => {}
    const local = this.#options.local(info.group)
    if (local === undefined || local.feed.ended) return this.#follow(info, listener)
    // When this node's own replica halts, the gateway goes on with what the others tell.
    let stop = local.feed.subscribeLocal({
      state: (tick, leaf, entities) => listener.state(tick, leaf, entities),
      delta: (tick, leaf, changed, removed, events) => listener.delta(tick, leaf, changed, removed, events),
      lost: () => {
        listener.lost()
        stop = this.#follow(info, listener)
      },
    })
    return () => stop()
  }

  #follow(info: AreaInfo, listener: FeedListener): () => void {
    const { network, clock, count, peerOf } = this.#options
    const members = info.members.map(peerOf)
    const follower = new FeedFollower({ group: info.group, members, network, clock, count }, listener)
    return () => follower.stop()
  }

  /** Somebody who knows says who leads an area. */
  leaderIs(area: string, node: number): void {
    this.#lanes.get(area)?.leaderIs(node)
  }

  #newLane(area: AreaInfo): Lane {
    const { self, sign, clock, schedule, count, waits } = this.#options
    const nextBatch = (): number => ++this.#batches
    const { group, origin, members } = area
    return new Lane(
      {
        group,
        origin,
        members,
        gateway: self,
        sign,
        clock,
        schedule,
        nextBatch,
        count,
        waits: () => waits(group),
      },
      {
        send: (node, request) => this.#send(node, request),
      },
    )
  }

  #send(node: number, request: Request): 'sent' | 'opening' | 'unreachable' {
    if (node === this.#options.self) return this.#sendLocal(request)
    const channel = this.#channels.get(node)
    if (channel === undefined) return this.#open(node)
    if (typeof channel === 'symbol') return 'opening'
    channel.send(encodeRequest(request))
    return 'sent'
  }

  #sendLocal(request: Request): 'sent' | 'unreachable' {
    const local = this.#options.local(request.group)
    if (local === undefined) return 'unreachable'
    local.offer(inputBatchOf(request, this.#options.self), (index, count, answer) => {
      this.#answered(this.#options.self, request.batch, [{ index, count, answer }])
    })
    return 'sent'
  }

  #open(node: number): 'opening' | 'unreachable' {
    const peer = this.#options.peerOf(node)
    if (!this.#options.network.peers().includes(peer)) return 'unreachable'
    const attempt = Symbol('opening')
    this.#channels.set(node, attempt)
    const isOurs = (): boolean => this.#channels.get(node) === attempt
    this.#options.network.open(peer, intentProtocol).then(
      channel => {
        if (isOurs()) this.#opened(node, channel)
        else channel.close('given up')
      },
      () => {
        if (!isOurs()) return
        this.#channels.delete(node)
        this.#options.count('routing_open_failed', {})
        this.#nodeLost(node)
      },
    )
    return 'opening'
  }

  #opened(node: number, channel: Channel): void {
    this.#channels.set(node, channel)
    channel.onFrame(frame => {
      const decoded = decodeAnswers(frame)
      if (decoded === undefined) {
        this.#options.count('routing_malformed', {})
        channel.close('malformed answers')
      } else this.#answered(node, decoded.batch, decoded.answers)
    })
    channel.onClose(() => {
      if (this.#channels.get(node) !== channel) return
      this.#channels.delete(node)
      this.#nodeLost(node)
    })
  }

  #answered(from: number, batch: number, answers: readonly IndexedAnswer[]): void {
    // Batch numbers are unique on this node, so only one lane knows this one.
    for (const lane of this.#lanes.values()) lane.answered(batch, from, answers)
  }

  #peerLost(peer: PeerId): void {
    for (const node of [...this.#channels.keys()]) {
      if (this.#options.peerOf(node) !== peer) continue
      const channel = this.#channels.get(node)
      this.#channels.delete(node)
      if (typeof channel === 'object') channel.close('peer lost')
      this.#nodeLost(node)
    }
  }

  #nodeLost(node: number): void {
    for (const lane of this.#lanes.values()) lane.nodeLost(node)
  }
}
