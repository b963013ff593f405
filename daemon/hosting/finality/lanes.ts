import type { Peers } from '../../nodes/peers.ts'
import type { Cancel, Channel, Clock, Network, PeerId } from '../../ports.ts'

const protocol = 'finality/1'
const reopenMs = 200
const pingMs = 1_000
/** A peer that has not said for so long that it hears this node is not reached: three pings, and what a line may delay them. */
const silenceMs = 3_500

export interface VoteLanesOptions {
  readonly peers: Peers
  readonly network: Network
  readonly clock: Clock
  readonly maxFrameBytes: number
  /** What is sent reaches this peer from now on; what was sent before may be lost. */
  readonly opened: (peer: number) => void
  readonly receive: (peer: number, frame: Uint8Array) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** One peer, and how well it and this node hear each other. */
interface Lane {
  readonly number: number
  readonly peer: PeerId
  channel: Channel | undefined
  opening: boolean
  openedAtMs: number
  /** When anything came from it last. */
  heardAtMs: number
  /** When it last said that it hears this node. */
  answeredAtMs: number
}

const never = Number.NEGATIVE_INFINITY

/**
 * To each peer a channel that this node opens and sends on. What is lost with a channel the votes' own clock says again.
 * A network that swallows packets shows in no channel for a minute, so each side says once a second whether it hears the other:
 * one byte, 1 or 0.
 */
export class VoteLanes {
  readonly #options: VoteLanesOptions
  readonly #lanes = new Map<number, Lane>()
  #timer: Cancel | undefined
  #stopped = false

  constructor(options: VoteLanesOptions) {
    this.#options = options
    const { network, peers, maxFrameBytes, count } = options
    for (const [number, peer] of peers.entries()) this.#lanes.set(number, newLane(number, peer))
    network.handle(protocol, { maxFrameBytes, maxChannelsPerPeer: 2 }, channel => {
      const lane = this.#laneOf(channel.peer)
      if (lane === undefined) {
        count('finality_channel_refused', {})
        return channel.close('finality: unexpected-peer')
      }
      channel.onFrame(frame => {
        if (this.#lanes.get(lane.number) === lane) this.#receive(lane, frame)
        else channel.close('finality: no node any more')
      })
    })
    const meet = (peer: PeerId): void => {
      const lane = this.#laneOf(peer)
      if (lane !== undefined) void this.#open(lane)
    }
    network.onPeer((peer, connected) => {
      if (connected) meet(peer)
    })
    network.peers().forEach(meet)
    peers.onAdded((number, peer) => {
      this.#lanes.set(number, newLane(number, peer))
      if (network.peers().includes(peer)) meet(peer)
    })
    peers.onRemoved(number => {
      const lane = this.#lanes.get(number)
      this.#lanes.delete(number)
      lane?.channel?.close('finality: no node any more')
    })
    this.#pingAll()
  }

  #laneOf(peer: PeerId): Lane | undefined {
    return this.#lanes.get(this.#options.peers.numberOf(peer) ?? 0)
  }

  /** False: it does not reach the peer. Nothing piles up for one that has fallen silent. */
  send(peer: number, frame: Uint8Array): boolean {
    const lane = this.#lanes.get(peer)
    if (lane === undefined || (!this.#isReached(lane) && !this.#isRecent(lane.openedAtMs))) return false
    return lane.channel?.send(frame) ?? false
  }

  /** This node and the peer hear each other, as far as this node knows. */
  reaches(peer: number): boolean {
    const lane = this.#lanes.get(peer)
    return lane !== undefined && this.#isReached(lane)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.()
    for (const { channel } of this.#lanes.values()) channel?.close('stopping')
  }

  #isReached({ channel, answeredAtMs }: Lane): boolean {
    return channel !== undefined && this.#isRecent(answeredAtMs)
  }

  #isRecent(atMs: number): boolean {
    return this.#options.clock.monotonicMs() - atMs < silenceMs
  }

  #pingAll(): void {
    this.#timer = this.#options.clock.after(pingMs, () => this.#pingAll())
    for (const lane of this.#lanes.values()) this.#ping(lane)
  }

  #ping({ channel, heardAtMs }: Lane): void {
    channel?.send(Uint8Array.of(this.#isRecent(heardAtMs) ? 1 : 0))
  }

  #receive(lane: Lane, frame: Uint8Array): void {
    const isNews = !this.#isRecent(lane.heardAtMs)
    lane.heardAtMs = this.#options.clock.monotonicMs()
    if (isNews) this.#ping(lane)
    if (frame.length === 1) this.#pinged(lane, frame[0] === 1)
    else this.#options.receive(lane.number, frame)
  }

  #pinged(lane: Lane, hears: boolean): void {
    const wasReached = this.#isReached(lane)
    lane.answeredAtMs = hears ? this.#options.clock.monotonicMs() : never
    if (!wasReached && this.#isReached(lane)) this.#options.opened(lane.number)
  }

  async #open(lane: Lane): Promise<void> {
    const { network, clock, count } = this.#options
    if (this.#stopped || lane.opening || lane.channel !== undefined) return
    lane.opening = true
    try {
      const channel = await network.open(lane.peer, protocol)
      lane.channel = channel
      lane.openedAtMs = clock.monotonicMs()
      channel.onClose(() => {
        lane.channel = undefined
        this.#openSoon(lane)
      })
      this.#ping(lane)
      this.#options.opened(lane.number)
    } catch {
      count('finality_open_failed', {})
      this.#openSoon(lane)
    } finally {
      lane.opening = false
    }
  }

  #openSoon(lane: Lane): void {
    if (this.#stopped) return
    this.#options.clock.after(reopenMs, () => {
      const isKnown = this.#lanes.get(lane.number) === lane
      if (isKnown && this.#options.network.peers().includes(lane.peer)) void this.#open(lane)
    })
  }
}

function newLane(number: number, peer: PeerId): Lane {
  return {
    ...{ number, peer, channel: undefined, opening: false },
    ...{ openedAtMs: never, heardAtMs: never, answeredAtMs: never },
  }
}
