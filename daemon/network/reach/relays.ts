import { type CircuitRelayService, circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import type { ConnectionGater } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { PeerId } from '../../ports.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../options.ts'

/** By so many relays can a node be reached that nobody reaches directly. */
const wantedRelays = 2
const retryMs = 60_000
/** What a node that serves takes upon itself: so many others, and for each connection so much and so long; then it is dialled anew. */
const maxServed = 64
const reservationMs = 60 * 60_000
const connectionMaxMs = 60 * 60_000
const connectionMaxBytes = 1n << 30n
const maxStreamsPerPeer = 64
/** The handshake with the relay, not the connection that it carries. */
const hopTimeoutMs = 10_000

type TransportFactory = ReturnType<typeof circuitRelayTransport>

/** What this module uses of libp2p's transport and does not find in its types. */
interface Reserving {
  readonly reservationStore: {
    addRelay(peer: ReturnType<typeof peerIdFromString>, type: 'configured'): Promise<unknown>
    hasReservation(peer: ReturnType<typeof peerIdFromString>): boolean
    cancelReservations(): void
  }
}

export interface RelayCandidate {
  readonly peer: PeerId
  /** Where this node has dialled it; others can as well. */
  readonly address: string
}

export interface RelaysPorts {
  readonly logger: Logger
  /** Nobody but nodes of this network uses a relay, and none that can't be reached is one. */
  isGreeted(peer: PeerId): boolean
  mayServe(): boolean
}

/** Circuit relay v2: places at others' relays, and this node's own for others. */
export class Relays {
  readonly #ports: RelaysPorts
  readonly #triedMs = new Map<PeerId, number>()
  #reserving: Reserving | undefined
  #server: CircuitRelayService | undefined
  #reserved: RelayCandidate[] = []

  constructor(ports: RelaysPorts) {
    this.#ports = ports
  }

  transport(): TransportFactory {
    const create = circuitRelayTransport({
      maxInboundStopStreams: maxStreamsPerPeer,
      maxOutboundStopStreams: maxStreamsPerPeer,
    })
    return components => {
      const transport = create(components)
      this.#reserving = transport as unknown as Reserving
      return transport
    }
  }

  server(): ReturnType<typeof circuitRelayServer> {
    const create = circuitRelayServer({
      hopTimeout: hopTimeoutMs,
      maxInboundHopStreams: maxStreamsPerPeer,
      maxOutboundHopStreams: maxStreamsPerPeer,
      maxOutboundStopStreams: maxStreamsPerPeer,
      reservations: {
        maxReservations: maxServed,
        reservationTtl: reservationMs,
        defaultDurationLimit: connectionMaxMs,
        defaultDataLimit: connectionMaxBytes,
      },
    })
    return components => {
      this.#server = create(components)
      return this.#server
    }
  }

  gater(): ConnectionGater {
    const isGreeted = (peer: { toString(): string }) => this.#ports.isGreeted(peer.toString())
    return {
      denyInboundRelayReservation: source => !isGreeted(source) || !this.#ports.mayServe(),
      denyOutboundRelayedConnection: (source, destination) => !isGreeted(source) || !isGreeted(destination),
      denyInboundRelayedConnection: relay => !isGreeted(relay),
    }
  }

  /** Nodes that have a place at this one. */
  get served(): number {
    return this.#server?.reservations.size ?? 0
  }

  /** Where others can dial this node by way of its relays. */
  addresses(): string[] {
    return this.#reserved.map(({ peer, address }) => `${address}/p2p/${peer}/p2p-circuit`)
  }

  /** Now and then; the nearest candidate first. */
  upkeep(isWanted: boolean, candidates: readonly RelayCandidate[], nowMs: number): void {
    const store = this.#reserving?.reservationStore
    if (store === undefined) return
    if (!isWanted) {
      if (this.#reserved.length > 0) store.cancelReservations()
      this.#reserved = []
      return
    }
    this.#reserved = this.#reserved.filter(
      relay =>
        store.hasReservation(peerIdFromString(relay.peer)) &&
        candidates.some(({ peer }) => peer === relay.peer),
    )
    const missing = wantedRelays - this.#reserved.length
    const untried = candidates.filter(
      ({ peer }) =>
        !this.#reserved.some(relay => relay.peer === peer) &&
        nowMs - (this.#triedMs.get(peer) ?? Number.NEGATIVE_INFINITY) >= retryMs,
    )
    for (const relay of untried.slice(0, missing)) {
      if (this.#triedMs.size >= 1000) this.#triedMs.clear()
      this.#triedMs.set(relay.peer, nowMs)
      void this.#reserve(store, relay)
    }
  }

  async #reserve(store: Reserving['reservationStore'], relay: RelayCandidate): Promise<void> {
    try {
      await store.addRelay(peerIdFromString(relay.peer), 'configured')
      this.#reserved = [...this.#reserved.filter(({ peer }) => peer !== relay.peer), relay]
      this.#ports.logger.info({ relay: relay.peer }, 'others reach this node by way of a relay')
    } catch (error) {
      this.#ports.logger.debug({ relay: relay.peer, error: messageOf(error) }, 'a relay has no place')
    }
  }
}
