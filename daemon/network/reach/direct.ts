import { dcutr } from '@libp2p/dcutr'
import type { Connection, Topology } from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../../ports.ts'
import { type Admit, gatedRegistrar } from '../gated-registrar.ts'
import type { Link } from '../links.ts'
import type { SharingTcp } from './sharing-tcp.ts'

/** Between attempts with one peer that stays behind its relay: what is in the way may be another router tomorrow. */
const retryMs = 5 * 60_000

export interface DirectPorts {
  readonly self: PeerId
  readonly tcp: SharingTcp
  readonly admit: Admit
  /** Where this node may be met by who dials it at the right moment. */
  punchable(): readonly string[]
  /** What the peer says of itself. */
  addressesOf(peer: PeerId): readonly string[]
}

type DcutrFactory = ReturnType<typeof dcutr>
type Components = Parameters<DcutrFactory>[0]

/**
 * A direct connection in place of a relayed one (DCUtR). libp2p's module keeps the time; what it lacks on TCP it is given here: the
 * addresses that others see (its identify drops those of TCP), and dials from the port that they see, of which one side
 * answers (its dial queue forgets which). It also closes the relayed connection at once; here the network does, when all
 * that uses it has somewhere to go.
 */
export class Direct {
  readonly #ports: DirectPorts
  readonly #triedMs = new WeakMap<Link, number>()
  #topology: Topology | undefined

  constructor(ports: DirectPorts) {
    this.#ports = ports
  }

  service(): DcutrFactory {
    const create = dcutr({ maxInboundStreams: 4, maxOutboundStreams: 4 })
    return components => create(this.#components(components))
  }

  /** The side that was dialled begins; the other one answers it. */
  upgrade(link: Link, nowMs: number): void {
    if (!link.relayed || link.dialler || link.state !== 'greeted') return
    if (nowMs - (this.#triedMs.get(link) ?? Number.NEGATIVE_INFINITY) < retryMs) return
    this.#triedMs.set(link, nowMs)
    void this.#topology?.onConnect?.(link.connection.remotePeer, kept(link.connection))
  }

  #components(components: Components): Components {
    const { registrar, connectionManager, peerStore, addressManager, transportManager, logger } = components
    const { self, admit, punchable, addressesOf } = this.#ports
    return {
      logger,
      transportManager,
      registrar: gatedRegistrar(registrar as Registrar, {
        admit,
        topology: topology => {
          this.#topology = topology
        },
        shown: kept,
      }),
      addressManager: Object.assign(Object.create(addressManager), {
        getAddresses: () => punchable().map(address => multiaddr(`${address}/p2p/${self}`)),
      }),
      peerStore: Object.assign(Object.create(peerStore), {
        get: async (peer: { toString(): string }) => ({
          addresses: addressesOf(peer.toString()).map(address => ({ multiaddr: multiaddr(address) })),
        }),
      }),
      connectionManager: Object.assign(Object.create(connectionManager), {
        openConnection: this.#opener(connectionManager),
      }),
    }
  }

  #opener(connectionManager: ConnectionManager): ConnectionManager['openConnection'] {
    return (target, options) => {
      const dial = () => connectionManager.openConnection(target, options)
      if (options?.initiator !== false || !Array.isArray(target)) return dial()
      return this.#ports.tcp.answering(target, dial)
    }
  }
}

/** The connection, but that it can't be closed from here. */
function kept(connection: Connection): Connection {
  const { remotePeer, remoteAddr, direction, newStream } = connection
  const view = { remotePeer, remoteAddr, direction, newStream, close: async () => {} }
  return Object.assign(Object.create(connection), view) as Connection
}
