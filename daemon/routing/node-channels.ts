import type { Channel, Network, PeerId } from '../ports.ts'

export interface NodeChannelsOptions {
  readonly protocol: string
  readonly network: Network
  /** Undefined for a number that no node has, or none that takes part. */
  readonly peerOf: (node: number) => PeerId | undefined
  /** False: no honest node sends that, and the channel is closed. */
  readonly onFrame: (node: number, frame: Uint8Array) => boolean
  /** What was sent to it may not have arrived, and will not be answered. */
  readonly onLost: (node: number) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

export type Sent = 'sent' | 'opening' | 'unreachable'

/** One channel of one protocol to each node that something was sent to, opened when it is first needed. */
export class NodeChannels {
  readonly #options: NodeChannelsOptions
  /** A symbol stands for an attempt to open one: what comes of an older attempt is none of ours any more. */
  readonly #channels = new Map<number, Channel | symbol>()

  constructor(options: NodeChannelsOptions) {
    this.#options = options
    options.network.onPeer((peer, connected) => {
      if (!connected) this.#peerLost(peer)
    })
  }

  /** `frame` is made only when there is a channel to send it on. */
  send(node: number, frame: () => Uint8Array): Sent {
    const channel = this.#channels.get(node)
    if (channel === undefined) return this.#open(node)
    if (typeof channel === 'symbol') return 'opening'
    channel.send(frame())
    return 'sent'
  }

  #open(node: number): Sent {
    const { network, protocol, peerOf, count, onLost } = this.#options
    const peer = peerOf(node)
    if (peer === undefined || !network.peers().includes(peer)) return 'unreachable'
    const attempt = Symbol('opening')
    this.#channels.set(node, attempt)
    const isOurs = (): boolean => this.#channels.get(node) === attempt
    network.open(peer, protocol).then(
      channel => {
        if (isOurs()) this.#opened(node, channel)
        else channel.close('given up')
      },
      () => {
        if (!isOurs()) return
        this.#channels.delete(node)
        count('routing_open_failed', {})
        onLost(node)
      },
    )
    return 'opening'
  }

  #opened(node: number, channel: Channel): void {
    const { onFrame, onLost, count } = this.#options
    this.#channels.set(node, channel)
    channel.onFrame(frame => {
      if (onFrame(node, frame)) return
      count('routing_malformed', {})
      channel.close('malformed answers')
    })
    channel.onClose(() => {
      if (this.#channels.get(node) !== channel) return
      this.#channels.delete(node)
      onLost(node)
    })
  }

  #peerLost(peer: PeerId): void {
    for (const [node, channel] of [...this.#channels]) {
      if (this.#options.peerOf(node) !== peer) continue
      this.#channels.delete(node)
      if (typeof channel === 'object') channel.close('peer lost')
      this.#options.onLost(node)
    }
  }
}
