import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { GossipSub, GossipSubComponents } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { uPnPNAT } from '@libp2p/upnp-nat'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type ServiceFactoryMap } from 'libp2p'
import { isLoopback } from './addresses.ts'
import { maxDials } from './dial-plan.ts'
import { messageOf, NetworkError } from './errors.ts'
import { lean } from './lean-noise.ts'
import { forgiving } from './lean-yamux.ts'
import type { ReachOptions } from './options.ts'
import type { ReachKeeper } from './reach/keeper.ts'

export const dialTimeoutMs = 5000

/** A testnet's nodes join from one address and all at once, so limits per address say nothing. */
const burstPerAddress = 500
/** Two that dial at once have two connections for a while, and some are only there to be refused. */
const connectionsPerPeer = 2
const spareConnections = 400
const maxPendingConnections = 256
/**
 * What one stream may have under way. More (the default is 16 MiB) fills the socket's buffers, and then a vote on another
 * stream of the connection waits behind it. The first window stays the specification's 256 KiB, since both sides assume it.
 */
const streamWindowMaxBytes = 1024 * 1024
/** A silent socket holds one of the pending places for so long. */
const upgradeTimeoutMs = 5000
/**
 * Finds connections that died without a word. Seldom, since a ping costs a stream and a node has hundreds of peers; late,
 * since a busy machine may leave a node without a turn for seconds. Who waits for a peer finds out by itself.
 */
const pingIntervalMs = 30_000
const pingTimeoutMs = 20_000

export interface HostSettings {
  readonly identitySeed: Uint8Array
  readonly listenAddresses: readonly string[]
  readonly softwareVersion: string
  readonly maxPeers: number
  readonly reach: ReachOptions
  readonly keeper: ReachKeeper
  gossip(): (components: GossipSubComponents) => GossipSub
}

/** libp2p, made but not started, so that nothing arrives before its events are listened to. */
export async function createHost(settings: HostSettings): Promise<Libp2p> {
  return createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', settings.identitySeed),
    nodeInfo: {
      name: 'freehold',
      version: settings.softwareVersion,
      userAgent: `freehold/${settings.softwareVersion}`,
    },
    addresses: { listen: [...settings.listenAddresses] },
    transports: [
      settings.keeper.tcp.factory({ backlog: burstPerAddress }),
      settings.keeper.relays.transport(),
    ],
    connectionGater: settings.keeper.relays.gater(),
    connectionEncrypters: [lean(noise())],
    streamMuxers: [
      forgiving(
        yamux({
          maxEarlyStreams: 64,
          streamOptions: { maxStreamWindowSize: streamWindowMaxBytes },
        }),
      ),
    ],
    connectionManager: {
      maxConnections: connectionsPerPeer * settings.maxPeers + spareConnections,
      inboundConnectionThreshold: burstPerAddress,
      maxIncomingPendingConnections: maxPendingConnections,
      maxParallelDials: maxDials,
      inboundUpgradeTimeout: upgradeTimeoutMs,
      dialTimeout: dialTimeoutMs,
      addressDialTimeout: dialTimeoutMs,
    },
    connectionMonitor: { pingInterval: pingIntervalMs, pingTimeout: { minTimeout: pingTimeoutMs } },
    services: servicesOf(settings),
  })
}

function servicesOf({ gossip, keeper, reach, listenAddresses }: HostSettings): ServiceFactoryMap {
  // A router is asked for a port only by who listens on more than this machine.
  const isUpnpOfUse = reach.upnp && !listenAddresses.every(isLoopback)
  const services: ServiceFactoryMap = {
    identify: identify({ maxInboundStreams: 8, runOnConnectionOpen: false }),
    ping: ping({ maxInboundStreams: 8 }),
    gossip: gossip(),
    keeper: keeper.service(),
    ...(reach.relay ? { relay: keeper.relays.server() } : {}),
    ...(reach.holePunching ? { dcutr: keeper.direct.service() } : {}),
    // Whether what is mapped works is found out as of any other address.
    ...(isUpnpOfUse ? { upnp: uPnPNAT({ autoConfirmAddress: true }) } : {}),
  }
  return services
}

export async function startHost(host: Libp2p, listenAddresses: readonly string[]): Promise<void> {
  try {
    await host.start()
  } catch (error) {
    throw listenError(messageOf(error), listenAddresses)
  }
}

function listenError(message: string, listenAddresses: readonly string[]): NetworkError {
  const inUse = /EADDRINUSE[^\n]*?:(\d+)\s*$/m.exec(message)
  if (inUse !== null) {
    const port = Number(inUse[1])
    const advice = `Port ${port} is in use by another program (perhaps another Freehold node): stop it, or give this node another listen port.`
    return new NetworkError('port-in-use', advice, { port })
  }
  const addresses = listenAddresses.join(', ')
  return new NetworkError('cannot-listen', `Cannot listen on ${addresses}: ${message.trim()}`, { addresses })
}
