import type { Socket } from 'node:net'
import type { MultiaddrConnection, Upgrader } from '@libp2p/interface'

/** Bytes to and from other nodes since the start. */
export interface TrafficStats {
  readonly sentBytes: number
  readonly receivedBytes: number
}

type Counted = Pick<Socket, 'bytesRead' | 'bytesWritten'>

/** What this node's TCP connections carry, as their sockets count it: each byte once, also of what is relayed. */
export class Traffic {
  readonly #open = new Set<Counted>()
  #sentBytes = 0
  #receivedBytes = 0

  stats(): TrafficStats {
    let [sentBytes, receivedBytes] = [this.#sentBytes, this.#receivedBytes]
    for (const { bytesRead, bytesWritten } of this.#open) {
      sentBytes += bytesWritten
      receivedBytes += bytesRead
    }
    return { sentBytes, receivedBytes }
  }

  /** The same, but that connections are counted from their begin on. */
  metered(upgrader: Upgrader): Upgrader {
    const upgradeInbound: Upgrader['upgradeInbound'] = (connection, options) => {
      this.#watch(connection)
      return upgrader.upgradeInbound(connection, options)
    }
    const upgradeOutbound: Upgrader['upgradeOutbound'] = (connection, options) => {
      this.#watch(connection)
      return upgrader.upgradeOutbound(connection, options)
    }
    return Object.assign(Object.create(upgrader), { upgradeInbound, upgradeOutbound }) as Upgrader
  }

  #watch(connection: MultiaddrConnection): void {
    const { socket } = connection as MultiaddrConnection & { readonly socket?: Socket }
    if (socket === undefined || socket.destroyed) return
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#sentBytes += socket.bytesWritten
      this.#receivedBytes += socket.bytesRead
    })
  }
}
