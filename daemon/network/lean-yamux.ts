import type { Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'

interface YamuxStream {
  readonly recvWindow: number
  readonly recvWindowCapacity: number
  sendWindowUpdate(): void
}

/**
 * libp2p's yamux answers each frame that it reads with an update of the window: a packet, an encryption and two system calls
 * for every one of ours. As in other implementations, an update waits here until half of the window is used up. The first
 * one passes, since it may carry the flag that accepts the stream.
 */
export function updateWindowSeldom(stream: Stream): void {
  const yamux = stream as Stream & Partial<YamuxStream>
  if (!isYamux(yamux)) return
  const send = yamux.sendWindowUpdate.bind(yamux)
  let first = true
  yamux.sendWindowUpdate = () => {
    if (!first && yamux.recvWindowCapacity > yamux.recvWindow / 2) return
    first = false
    send()
  }
}

function isYamux(stream: Stream & Partial<YamuxStream>): stream is Stream & YamuxStream {
  return (
    typeof stream.sendWindowUpdate === 'function' &&
    typeof stream.recvWindow === 'number' &&
    typeof stream.recvWindowCapacity === 'number'
  )
}

interface Sending {
  send(data: unknown): boolean
}

/**
 * yamux sends the first frame of a stream in a microtask of its own. Where the connection was closed just before, that throws,
 * nobody can catch it, and it would end the node: any peer could, by closing at the right time. Such a frame is dropped, and the
 * connection ended.
 */
export function forgiving<Components>(
  create: (components: Components) => StreamMuxerFactory,
): (components: Components) => StreamMuxerFactory {
  return components => {
    const factory = create(components)
    const createStreamMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = connection => {
      const muxer = createStreamMuxer(connection) as StreamMuxer & Sending
      const send = muxer.send.bind(muxer)
      muxer.send = data => {
        try {
          return send(data)
        } catch (error) {
          connection.abort(error instanceof Error ? error : new Error(String(error)))
          return false
        }
      }
      return muxer
    }
    return factory
  }
}
