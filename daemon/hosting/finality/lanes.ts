import type { Channel, Clock, Network, PeerId } from '../../ports.ts'

const protocol = 'finality/1'
const reopenMs = 200

export interface VoteLanesOptions {
  /** Every other node of the genesis file, by number. */
  readonly peers: ReadonlyMap<number, PeerId>
  readonly network: Network
  readonly clock: Clock
  readonly maxFrameBytes: number
  /** What is sent reaches this peer from now on. */
  readonly opened: (peer: number) => void
  readonly receive: (peer: number, frame: Uint8Array) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** To each peer a channel that this node opens and sends on. What is lost with a channel the votes' own clock says again. */
export class VoteLanes {
  readonly #options: VoteLanesOptions
  readonly #channels = new Map<number, Channel>()
  readonly #opening = new Set<number>()
  #stopped = false

  constructor(options: VoteLanesOptions) {
    this.#options = options
    const { network, peers, maxFrameBytes, receive, count } = options
    const numbers = new Map([...peers].map(([number, peer]) => [peer, number]))
    network.handle(protocol, { maxFrameBytes, maxChannelsPerPeer: 2 }, channel => {
      const number = numbers.get(channel.peer)
      if (number === undefined) {
        count('finality_channel_refused', {})
        return channel.close('finality: unexpected-peer')
      }
      channel.onFrame(frame => receive(number, frame))
    })
    const meet = (peer: PeerId): void => {
      const number = numbers.get(peer)
      if (number !== undefined) void this.#open(number, peer)
    }
    network.onPeer((peer, connected) => {
      if (connected) meet(peer)
    })
    network.peers().forEach(meet)
  }

  send(peer: number, frame: Uint8Array): boolean {
    return this.#channels.get(peer)?.send(frame) ?? false
  }

  /** What is sent to this peer reaches it, as far as this node knows. */
  reaches(peer: number): boolean {
    return this.#channels.has(peer)
  }

  stop(): void {
    this.#stopped = true
    for (const channel of this.#channels.values()) channel.close('stopping')
  }

  async #open(number: number, peer: PeerId): Promise<void> {
    const { network, count } = this.#options
    if (this.#stopped || this.#opening.has(number) || this.#channels.has(number)) return
    this.#opening.add(number)
    try {
      const channel = await network.open(peer, protocol)
      this.#channels.set(number, channel)
      channel.onClose(() => {
        this.#channels.delete(number)
        this.#openSoon(number, peer)
      })
      this.#options.opened(number)
    } catch {
      count('finality_open_failed', {})
      this.#openSoon(number, peer)
    } finally {
      this.#opening.delete(number)
    }
  }

  #openSoon(number: number, peer: PeerId): void {
    if (this.#stopped) return
    this.#options.clock.after(reopenMs, () => {
      if (this.#options.network.peers().includes(peer)) void this.#open(number, peer)
    })
  }
}
