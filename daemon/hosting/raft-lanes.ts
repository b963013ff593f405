import type { Lane } from '../../consensus/groups/types.ts'
import type { Peers } from '../nodes/peers.ts'
import type { Channel, Clock, Network, PeerId } from '../ports.ts'

export const raftProtocol = 'raft/1'
const reopenMs = 50
/** To one that takes none: it may not know yet who opens them. */
const maxReopenMs = 2_000
const lanes: readonly Lane[] = [0, 1]

export interface RaftLanesOptions {
  readonly self: number
  readonly peers: Peers
  readonly network: Network
  readonly clock: Clock
  readonly maxFrameBytes: number
  readonly receive: (peer: number, frame: Uint8Array) => void
  readonly up: (peer: number) => void
  readonly down: (peer: number) => void
  /** The lane for appends was full and has room again. */
  readonly drained: (peer: number) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

interface Pair {
  readonly channels: [Channel | undefined, Channel | undefined]
  opening: boolean
  /** Attempts since anything came on one of them. */
  failures: number
}

/**
 * One pair of channels per pair of nodes: a lane for votes and heartbeats, a lane for appends, so that bulk never delays an
 * election. The node with the smaller number opens both; the first frame on each names its lane.
 */
export class RaftLanes {
  readonly #options: RaftLanesOptions
  readonly #pairs = new Map<number, Pair>()
  #stopped = false

  constructor(options: RaftLanesOptions) {
    this.#options = options
    const { network, maxFrameBytes, peers } = options
    network.handle(raftProtocol, { maxFrameBytes, maxChannelsPerPeer: 4 }, channel => this.#accepted(channel))
    network.onPeer((peer, connected) => {
      if (connected) this.#meet(peer)
    })
    for (const peer of network.peers()) this.#meet(peer)
    peers.onAdded((_number, peer) => {
      if (network.peers().includes(peer)) this.#meet(peer)
    })
    peers.onRemoved(number => {
      for (const channel of this.#pairs.get(number)?.channels ?? []) channel?.close('raft: no node any more')
    })
  }

  #meet(peer: PeerId): void {
    const { peers, self } = this.#options
    const number = peers.numberOf(peer)
    if (number === undefined || number < self) return
    this.#pair(number).failures = 0
    this.#openBoth(number, peer)
  }

  send(peer: number, lane: Lane, frame: Uint8Array): boolean {
    return this.#pairs.get(peer)?.channels[lane]?.send(frame) ?? false
  }

  stop(): void {
    this.#stopped = true
    for (const { channels } of this.#pairs.values())
      for (const channel of channels) channel?.close('stopping')
  }

  #pair(number: number): Pair {
    let pair = this.#pairs.get(number)
    if (pair === undefined) {
      pair = { channels: [undefined, undefined], opening: false, failures: 0 }
      this.#pairs.set(number, pair)
    }
    return pair
  }

  #openBoth(number: number, peer: PeerId): void {
    const pair = this.#pair(number)
    if (pair.opening || this.#stopped) return
    pair.opening = true
    void this.#open(number, peer, pair).finally(() => {
      pair.opening = false
      if (this.#stopped || pair.channels.every(channel => channel !== undefined)) return
      this.#reopenSoon(number, peer)
    })
  }

  async #open(number: number, peer: PeerId, pair: Pair): Promise<void> {
    try {
      for (const lane of lanes) {
        if (pair.channels[lane] !== undefined) continue
        const channel = await this.#options.network.open(peer, raftProtocol)
        channel.send(Uint8Array.of(lane))
        this.#joined(number, lane, channel)
        channel.onFrame(frame => {
          pair.failures = 0
          this.#options.receive(number, frame)
        })
      }
    } catch {
      this.#options.count('raft_open_failed', {})
    }
  }

  #reopenSoon(number: number, peer: PeerId): void {
    const { clock, network, peers } = this.#options
    const pair = this.#pair(number)
    const delayMs = Math.min(maxReopenMs, reopenMs * 2 ** Math.min(pair.failures, 10))
    pair.failures += 1
    clock.after(delayMs, () => {
      if (peers.has(number) && network.peers().includes(peer)) this.#openBoth(number, peer)
    })
  }

  #accepted(channel: Channel): void {
    const number = this.#options.peers.numberOf(channel.peer)
    // Only the smaller number opens, so that two nodes never hold two pairs.
    if (number === undefined || number > this.#options.self) return this.#refuse(channel, 'unexpected-peer')
    let lane: Lane | undefined
    channel.onFrame(frame => {
      if (lane !== undefined) return this.#options.receive(number, frame)
      if (frame.length !== 1 || (frame[0] !== 0 && frame[0] !== 1)) return this.#refuse(channel, 'no-lane')
      lane = frame[0]
      this.#joined(number, lane, channel)
    })
  }

  #refuse(channel: Channel, code: string): void {
    this.#options.count('raft_channel_refused', { code })
    channel.close(`raft: ${code}`)
  }

  #joined(number: number, lane: Lane, channel: Channel): void {
    const { channels } = this.#pair(number)
    const wasUp = channels.every(each => each !== undefined)
    const old = channels[lane]
    channels[lane] = channel
    old?.close('replaced')
    channel.onClose(() => this.#left(number, lane, channel))
    if (lane === 1) channel.onDrain(() => this.#options.drained(number))
    // The end of the old one may not have been heard of yet; what was under way on it is lost all the same.
    if (wasUp) this.#options.down(number)
    if (channels.every(each => each !== undefined)) this.#options.up(number)
  }

  #left(number: number, lane: Lane, channel: Channel): void {
    const { channels } = this.#pair(number)
    if (channels[lane] !== channel) return
    const wasUp = channels.every(each => each !== undefined)
    channels[lane] = undefined
    if (wasUp) this.#options.down(number)
    const peer = this.#options.peers.get(number)
    if (peer !== undefined && number > this.#options.self && !this.#stopped) this.#reopenSoon(number, peer)
  }
}
