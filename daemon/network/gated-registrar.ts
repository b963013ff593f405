import type { Connection, Stream, StreamHandler, StreamHandlerOptions, Topology } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'

/** Lets a stream in once its connection has passed the handshake. */
export type Admit = (stream: Stream, connection: Connection, protocol: string, admit: () => void) => void

export interface Gate {
  readonly admit: Admit
  /** Who is to be told of peers; undefined when it wants to hear no more. */
  readonly topology: (topology: Topology | undefined) => void
  /** How the module sees a connection that a stream of it came on. */
  readonly shown?: (connection: Connection) => Connection
}

/**
 * libp2p's registrar as one of its modules sees it: streams come in after our handshake only, and of peers it hears what the
 * gate's owner says, since identify, which would tell it otherwise, is answered by any libp2p program.
 */
export function gatedRegistrar(inner: Registrar, gate: Gate): Registrar {
  return {
    getProtocols: () => inner.getProtocols(),
    getHandler: protocol => inner.getHandler(protocol),
    getTopologies: protocol => inner.getTopologies(protocol),
    handle: (protocol: string, handler: StreamHandler, options?: StreamHandlerOptions) => {
      const gated: StreamHandler = (stream, connection) => {
        const shown = gate.shown?.(connection) ?? connection
        gate.admit(stream, connection, protocol, () => void run(handler, stream, shown))
      }
      return inner.handle(protocol, gated, options)
    },
    unhandle: (protocols, options) => inner.unhandle(protocols, options),
    register: async (protocol: string, topology: Topology) => {
      gate.topology(topology)
      return protocol
    },
    unregister: () => gate.topology(undefined),
    use: (protocol, middleware) => inner.use(protocol, middleware),
    unuse: protocol => inner.unuse(protocol),
    getMiddleware: protocol => inner.getMiddleware(protocol),
  }
}

async function run(handler: StreamHandler, stream: Stream, connection: Connection): Promise<void> {
  try {
    await handler(stream, connection)
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
  }
}
