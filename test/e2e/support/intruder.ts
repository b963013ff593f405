import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { Genesis } from '../../../daemon/genesis/genesis.ts'
import { FrameReader } from '../../../daemon/network/frames.ts'
import { Handshake } from '../../../daemon/network/handshake.ts'
import { protocolName, topicName } from '../../../daemon/network/names.ts'
import { sendFrame } from '../../network/stranger.ts'

/** A libp2p program that passes the handshake of a network and then does as it likes. */
export class Intruder {
  readonly connection: Connection
  readonly #host: Awaited<ReturnType<typeof createHost>>
  readonly #network: string

  /** @param seed of its identity: a stranger's own, or one of a node that the genesis file names */
  static async enter(genesis: Genesis, node: number, seed: Uint8Array): Promise<Intruder> {
    const host = await createHost(seed)
    const { addresses, peerId } = genesis.file.nodes[node - 1]!
    const connection = await host.dial(multiaddr(`${addresses[0]}/p2p/${peerId}`))
    const intruder = new Intruder(host, connection, genesis.file.network)
    await intruder.#greet(genesis)
    return intruder
  }

  private constructor(host: Awaited<ReturnType<typeof createHost>>, connection: Connection, network: string) {
    this.#host = host
    this.connection = connection
    this.#network = network
  }

  async open(protocol: string): Promise<Stream> {
    return await this.connection.newStream([protocolName(this.#network, protocol)])
  }

  /** Calls `act` with each stream of this protocol that the node opens to it. */
  async answer(protocol: string, act: (stream: Stream) => void): Promise<void> {
    await this.#host.handle(protocolName(this.#network, protocol), stream => act(stream), {
      maxInboundStreams: 1_000,
    })
  }

  publish(topic: string, data: Uint8Array): Promise<unknown> {
    return this.#host.services.gossip.publish(topicName(this.#network, topic), data)
  }

  subscribe(topic: string): void {
    this.#host.services.gossip.subscribe(topicName(this.#network, topic))
  }

  /** Calls `take` with all that nodes publish, and all that they say on streams which they open to it. */
  async listen(take: (message: Uint8Array) => void): Promise<void> {
    for (const topic of ['nodes', 'checkpoints', 'evidence', 'bounds', 'directory']) this.subscribe(topic)
    this.#host.services.gossip.addEventListener('message', event => take(event.detail.data))
    for (const protocol of ['finality/1', 'raft/1', 'cosign/1', 'sync/1', 'feed/1', 'intent/2', 'read/1']) {
      await this.answer(protocol, stream => {
        stream.addEventListener('message', event =>
          take(event.data instanceof Uint8Array ? event.data : event.data.subarray()),
        )
      })
    }
  }

  hears(topic: string): boolean {
    return this.#host.services.gossip.getSubscribers(topicName(this.#network, topic)).length > 0
  }

  async leave(): Promise<void> {
    await this.#host.stop()
  }

  async #greet(genesis: Genesis): Promise<void> {
    const rules = {
      ...{ genesisHash: genesis.hash, protocol: genesis.file.protocol, role: 'node', softwareVersion: '1' },
      ...{ addresses: () => [], allow: () => true, hasRoomFor: () => true },
    }
    const handshake = new Handshake(rules, this.connection.remotePeer.toString(), true)
    const stream = await this.open('hello/1')
    const reader = new FrameReader(4096)
    await new Promise<void>((resolve, reject) => {
      const act = (step: ReturnType<Handshake['start']>): void => {
        if (step.send !== undefined) sendFrame(stream, step.send)
        if (step.outcome !== undefined && 'greeted' in step.outcome) resolve()
        else if (step.outcome !== undefined) reject(new Error(step.outcome.refusal.reason))
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
}

async function createHost(seed: Uint8Array) {
  return await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      gossip: gossipsub({ allowPublishToZeroTopicPeers: true, emitSelf: false }),
    },
  })
}
