import { LEASE_MS } from '../../world/directory/limits.ts'
import type { Cancel, Channel, Clock, Network, PeerId, Random } from '../ports.ts'
import { isNonce, leaseProtocol, nonceBytes } from './lease-codec.ts'
import type { Renewals } from './renewals.ts'

const askEveryMs = 2_000
/** Nonces that may still come back: those of older ones would give a lease that is over. */
const maxAsked = 8
const frameBytes = 64

export interface LeasePorts {
  readonly self: number
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  /** Number of the node that leads the directory; 0 while nobody is known to. */
  readonly leader: () => number
  readonly peerOf: (node: number) => PeerId | undefined
  readonly numberOf: (peer: PeerId) => number | undefined
  /** Of this node, for when it leads. */
  readonly renewals: Renewals
  /** This node has a lease until then, by its monotonic clock. */
  readonly leased: (untilMs: number) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/**
 * This node's lease: it asks the directory's leader again and again, each time under a fresh nonce. A nonce that the certified log
 * shows gives the lease, counted from when that nonce was *sent*: whoever takes the lease for over counts from later.
 */
export class Leases {
  readonly #ports: LeasePorts
  readonly #asked = new Map<string, number>()
  #channel: { readonly node: number; readonly channel: Channel } | undefined
  #timer: Cancel | undefined

  constructor(ports: LeasePorts) {
    this.#ports = ports
    const { self, network, numberOf, leader, renewals, count } = ports
    network.handle(leaseProtocol, { maxFrameBytes: frameBytes, maxChannelsPerPeer: 2 }, channel => {
      const node = numberOf(channel.peer)
      if (node === undefined) return channel.close('lease: not-a-node')
      channel.onFrame(frame => {
        if (!isNonce(frame)) {
          count('lease_refused', { code: 'malformed' })
          channel.close('lease: malformed')
        } else if (leader() !== self) count('lease_refused', { code: 'not-leader' })
        else if (!renewals.ask(node, frame.slice())) count('lease_refused', { code: 'full' })
      })
    })
  }

  begin(): void {
    this.#timer = this.#ports.clock.after(askEveryMs, () => this.begin())
    void this.#ask()
  }

  stop(): void {
    this.#timer?.()
    this.#channel?.channel.close('the node stops')
  }

  /** The directory's certified log shows that a leader heard this node ask. */
  renewed(nonce: Uint8Array): void {
    const sentMs = this.#asked.get(Buffer.from(nonce).toString('hex'))
    if (sentMs !== undefined) this.#ports.leased(sentMs + LEASE_MS)
  }

  async #ask(): Promise<void> {
    const { self, leader, random, clock, renewals, count } = this.#ports
    const node = leader()
    // Named by its first tick as a leader, what it heard long ago would keep those who died alive.
    if (node !== self) renewals.clear()
    if (node === 0) return
    const nonce = random.bytes(nonceBytes)
    this.#asked.set(Buffer.from(nonce).toString('hex'), clock.monotonicMs())
    if (this.#asked.size > maxAsked) this.#asked.delete(this.#asked.keys().next().value!)
    if (node === self) return void renewals.ask(self, nonce)
    const channel = await this.#channelTo(node)
    if (channel === undefined) count('lease_unasked', {})
    else channel.send(nonce)
  }

  async #channelTo(node: number): Promise<Channel | undefined> {
    if (this.#channel?.node === node) return this.#channel.channel
    this.#channel?.channel.close('lease: another leader')
    this.#channel = undefined
    const peer = this.#ports.peerOf(node)
    if (peer === undefined) return undefined
    const channel = await this.#ports.network.open(peer, leaseProtocol).catch(() => undefined)
    if (channel === undefined) return undefined
    const opened = { node, channel }
    channel.onClose(() => {
      if (this.#channel === opened) this.#channel = undefined
    })
    this.#channel = opened
    return channel
  }
}
