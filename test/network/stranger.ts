import { connect, createServer, type Server, type Socket } from 'node:net'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { FrameReader, FrameWriter } from '../../daemon/network/frames.ts'
import { Handshake } from '../../daemon/network/handshake.ts'
import { type TestNode, worldA } from './nodes.ts'

const basics = () => ({
  addresses: { listen: [] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
})

/** A libp2p program that is not ours. */
export function startStranger(): Promise<Libp2p> {
  return createLibp2p({ ...basics(), services: { identify: identify() } })
}

export function startGossipingStranger() {
  const gossip = gossipsub({ allowPublishToZeroTopicPeers: true })
  return createLibp2p({ ...basics(), services: { identify: identify(), gossip } })
}

export function dialNode(stranger: Libp2p, node: TestNode, force = false): Promise<Connection> {
  return stranger.dial(multiaddr(`${node.network.listenAddresses()[0]}/p2p/${node.network.self}`), { force })
}

/** Passes the handshake as a node of `worldA` would. */
export async function greetProperly(connection: Connection): Promise<void> {
  const rules = {
    genesisHash: worldA,
    protocol: { min: 1, max: 1 },
    role: 'node',
    softwareVersion: '1',
    addresses: () => [],
    allow: () => true,
    hasRoomFor: () => true,
  }
  const handshake = new Handshake(rules, connection.remotePeer.toString(), true)
  const stream = await connection.newStream(['/freehold/test/hello/1'])
  const reader = new FrameReader(4096)
  await new Promise<void>((resolve, reject) => {
    const act = (step: ReturnType<Handshake['start']>) => {
      if (step.send !== undefined) sendFrame(stream, step.send)
      if (step.outcome !== undefined && 'greeted' in step.outcome) resolve()
      if (step.outcome !== undefined && 'refusal' in step.outcome)
        reject(new Error(step.outcome.refusal.reason))
    }
    stream.addEventListener('message', event => {
      const chunk = event.data instanceof Uint8Array ? event.data : event.data.subarray()
      reader.push(chunk, frame => {
        act(handshake.receive(frame))
        return true
      })
    })
    act(handshake.start())
  })
}

export function sendFrame(stream: Stream, frame: Uint8Array): void {
  const writer = new FrameWriter()
  writer.add(frame)
  for (const chunk of writer.take()) stream.send(chunk)
}

export interface TcpProxy {
  readonly address: string
  /** From now on nothing passes, and nothing is closed: a peer that hangs. */
  freeze(): void
  close(): void
}

/** A TCP proxy on loopback that connects through after a delay. */
export async function startProxy(target: string, delayMs = 0): Promise<TcpProxy> {
  const port = Number(target.split('/').at(-1))
  const sockets = new Set<Socket>()
  const server: Server = createServer(inner => {
    sockets.add(inner)
    inner.on('error', () => inner.destroy())
    setTimeout(() => {
      const outer = connect(port, '127.0.0.1')
      sockets.add(outer)
      outer.on('error', () => inner.destroy())
      inner.pipe(outer)
      outer.pipe(inner)
      inner.on('close', () => outer.destroy())
      outer.on('close', () => inner.destroy())
    }, delayMs)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address() as { port: number }
  return {
    address: `/ip4/127.0.0.1/tcp/${bound.port}`,
    freeze: () => {
      for (const socket of sockets) {
        socket.unpipe()
        socket.pause()
      }
    },
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
