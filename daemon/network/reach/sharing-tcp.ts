import type { Connection, MultiaddrConnection, Transport, Upgrader, UpgraderOptions } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Random } from '../../ports.ts'
import { isPublicIp, placeOf, withoutPeer } from '../addresses.ts'
import { Traffic } from '../traffic.ts'

/** Below those that systems give away by themselves. */
const lowestPort = 20_000
const portCount = 10_000

type TcpFactory = ReturnType<typeof tcp>

/**
 * libp2p's TCP, but that everything which it dials on the public internet (IPv4) leaves from one local port. So the router
 * in front of this node has one mapping that others can be told of, and two nodes that dial each other at the same moment
 * from those ports meet: a hole is punched (RFC 793, 3.4, simultaneous open; RFC 5128, 3.4). It is not the port that the node
 * listens on, since Node can't share that one. Where the port can't be had twice (macOS, a connection that lingers), any is taken.
 */
export class SharingTcp {
  readonly traffic = new Traffic()
  readonly #localPort: number
  /** `host:port` of those that this node answers although it dials them. */
  readonly #answering = new Set<string>()
  readonly #shared = new WeakSet<Connection>()

  constructor(random: Random) {
    this.#localPort = lowestPort + random.below(portCount)
  }

  factory(options: Parameters<typeof tcp>[0]): TcpFactory {
    const create = tcp(options)
    return components => {
      const transport = create(components)
      const dial = transport.dial.bind(transport)
      transport.dial = (address, dialOptions) =>
        this.#dial(dial, address, { ...dialOptions, upgrader: this.traffic.metered(dialOptions.upgrader) })
      const listen = transport.createListener.bind(transport)
      transport.createListener = listening =>
        listen({ ...listening, upgrader: this.traffic.metered(listening.upgrader) })
      return transport
    }
  }

  /** Whether what the other side sees of this connection is what it would see of others. */
  isShared(connection: Connection): boolean {
    return this.#shared.has(connection)
  }

  /** Of two that dial each other at once, one must act as the one that was dialled; `run` dials these. */
  async answering<T>(addresses: readonly Multiaddr[], run: () => Promise<T>): Promise<T> {
    const keys = addresses.map(address => keyOf(address)).filter(key => key !== undefined)
    for (const key of keys) this.#answering.add(key)
    try {
      return await run()
    } finally {
      for (const key of keys) this.#answering.delete(key)
    }
  }

  async #dial(
    dial: Transport['dial'],
    address: Multiaddr,
    options: Parameters<Transport['dial']>[1],
  ): Promise<Connection> {
    const place = placeOf(withoutPeer(address.toString()))
    if (place?.kind !== 'ip4' || !isPublicIp(place.host)) return dial(address, options)
    const isAnswering = this.#answering.has(`${place.host}:${place.port}`)
    const plain = isAnswering ? { ...options, upgrader: answeringUpgrader(options.upgrader) } : options
    try {
      const from = { localAddress: '0.0.0.0', localPort: this.#localPort }
      const connection = await dial(address, Object.assign({}, plain, from))
      this.#shared.add(connection)
      return connection
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL') throw error
      return dial(address, plain)
    }
  }
}

/** Has a dialled connection begin as one that came in; its multiplexer goes by the direction, too. */
function answeringUpgrader(upgrader: Upgrader): Upgrader {
  const upgradeOutbound = (connection: MultiaddrConnection, options: UpgraderOptions) =>
    upgrader.upgradeOutbound(Object.assign(connection, { direction: 'inbound' as const }), {
      ...options,
      initiator: false,
    })
  return Object.assign(Object.create(upgrader), { upgradeOutbound }) as Upgrader
}

function keyOf(address: Multiaddr): string | undefined {
  const place = placeOf(withoutPeer(address.toString()))
  return place === undefined ? undefined : `${place.host}:${place.port}`
}
