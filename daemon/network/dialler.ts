import type { Cancel, Clock, PeerId, Random } from '../ports.ts'
import { counted } from './counters.ts'
import { DialPlan } from './dial-plan.ts'
import { messageOf } from './errors.ts'
import { KnownPeers } from './known-peers.ts'
import type { BootstrapPeer, Counters, KnownPeer, KnownPeerStore, Logger } from './options.ts'

const saveDelayMs = 1000

export interface DiallerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly peerStore: KnownPeerStore
  isConnected(peer: PeerId): boolean
  isGreeted(peer: PeerId): boolean
  /** Rejects when none of the addresses (multiaddrs without the peer) leads to the peer. */
  dial(peer: PeerId, addresses: readonly string[]): Promise<void>
}

/** Keeps dialling the bootstrap peers and the peers met before, as the plan says, and remembers the latter. */
export class Dialler {
  readonly #ports: DiallerPorts
  readonly #plan: DialPlan
  readonly #known = new KnownPeers()
  #cancelDial: Cancel = () => {}
  #cancelSave: Cancel | undefined
  #stopped = false

  constructor(self: PeerId, ports: DiallerPorts) {
    this.#ports = ports
    this.#plan = new DialPlan(self, ports.random)
  }

  /** Reads the known peers; nothing is dialled before `start`. */
  async load(bootstrap: readonly BootstrapPeer[]): Promise<void> {
    const nowMs = this.#nowMs()
    for (const peer of bootstrap) this.#plan.learn(peer.peerId, peer.addresses, true, nowMs)
    for (const peer of await this.#readKnown()) {
      this.#known.seen(peer)
      this.#plan.learn(peer.peerId, peer.addresses, false, nowMs)
    }
  }

  /** A node of the network, to be dialled until it answers. */
  learn(peer: PeerId, addresses: readonly string[]): void {
    this.#plan.learn(peer, addresses, true, this.#nowMs())
    this.#schedule()
  }

  /** Nobody to look for any more. */
  dismiss(peer: PeerId): void {
    this.#plan.dismiss(peer)
  }

  start(): void {
    this.#dialDue()
  }

  stop(): void {
    this.#stopped = true
    this.#cancelDial()
    if (this.#cancelSave !== undefined) this.#save()
  }

  get dialling(): number {
    return this.#plan.dialling
  }

  get knownPeers(): number {
    return this.#known.size
  }

  addressesOf(peer: PeerId): readonly string[] {
    return this.#known.addressesOf(peer)
  }

  /** The peer passed the handshake, or told its addresses after it. */
  greeted(peer: PeerId, addresses: readonly string[]): void {
    const { clock } = this.#ports
    this.#plan.greeted(peer)
    const all = [...new Set([...addresses, ...this.#known.addressesOf(peer)])]
    if (all.length === 0) return
    const forgotten = this.#known.seen({ peerId: peer, addresses: all, lastSeenMs: clock.wallMs() })
    if (forgotten !== undefined) this.#plan.forget(forgotten)
    this.#plan.learn(peer, this.#known.addressesOf(peer), false, this.#nowMs())
    if (!this.#stopped) this.#cancelSave ??= clock.after(saveDelayMs, () => this.#save())
  }

  /** What a peer says to all of how it is reached; of no use to a node that has no reason to dial it. */
  told(peer: PeerId, addresses: readonly string[]): void {
    if (this.#plan.told(peer, addresses, this.#nowMs())) this.#schedule()
  }

  refused(peer: PeerId): void {
    this.#plan.refused(peer, this.#nowMs())
  }

  /** A connection closed; `wasGreeted` when the peer had passed the handshake on it. */
  disconnected(peer: PeerId, wasGreeted: boolean): void {
    if (wasGreeted && !this.#ports.isConnected(peer)) this.#plan.lost(peer, this.#nowMs())
    this.#schedule()
  }

  #dialDue(): void {
    for (const { peer, addresses } of this.#plan.due(this.#nowMs(), this.#ports.isConnected)) {
      void this.#dial(peer, addresses)
    }
    this.#schedule()
  }

  #schedule(): void {
    this.#cancelDial()
    if (this.#stopped) return
    const nextMs = this.#plan.nextDueMs(this.#ports.isConnected)
    if (nextMs === undefined) return
    this.#cancelDial = this.#ports.clock.after(Math.max(1, nextMs - this.#nowMs()), () => this.#dialDue())
  }

  async #dial(peer: PeerId, addresses: readonly string[]): Promise<void> {
    const { counters, logger } = this.#ports
    try {
      await this.#ports.dial(peer, addresses)
      counters.count(counted.dialled, { outcome: 'connected' })
      this.#plan.succeeded(peer, this.#nowMs())
      if (this.#ports.isGreeted(peer)) this.#plan.greeted(peer)
    } catch (error) {
      counters.count(counted.dialled, { outcome: 'failed' })
      logger.debug({ peer, addresses, error: messageOf(error) }, 'dialling failed')
      this.#plan.failed(peer, this.#nowMs())
    }
    this.#schedule()
  }

  #save(): void {
    this.#cancelSave?.()
    this.#cancelSave = undefined
    try {
      this.#ports.peerStore.save(this.#known.list())
    } catch (error) {
      this.#ports.logger.warn({ error: messageOf(error) }, 'the known peers could not be saved')
    }
  }

  async #readKnown(): Promise<readonly KnownPeer[]> {
    try {
      return await this.#ports.peerStore.load()
    } catch (error) {
      this.#ports.logger.warn(
        { error: messageOf(error) },
        'the known peers could not be read; starting without them',
      )
      return []
    }
  }

  #nowMs(): number {
    return this.#ports.clock.monotonicMs()
  }
}
