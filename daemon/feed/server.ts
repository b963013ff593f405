import type { Channel, Network, PeerId } from '../ports.ts'
import { decodeSubscribe, encodeFrame, feedProtocol, framePart, maxFeedFrameBytes } from './codec.ts'
import type { FeedPublisher } from './publisher.ts'

export interface FeedServerOptions {
  readonly network: Network
  readonly local: (group: number) => { readonly feed: FeedPublisher } | undefined
  /** Whether the peer is a node of the genesis file; nobody else is told anything. */
  readonly isNode: (peer: PeerId) => boolean
  /** Whether this authority's state is for this peer. */
  readonly mayAsk: (group: number, peer: PeerId) => boolean
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** One channel for each authority that the peer's gateway shows. */
const protocol = { maxFrameBytes: maxFeedFrameBytes, maxChannelsPerPeer: 1024 }

/** Lets other nodes' gateways follow the authorities that this node holds. */
export function serveFeeds(options: FeedServerOptions): void {
  const { network, local, isNode, mayAsk, count } = options
  const refuse = (channel: Channel, code: string): void => {
    count('feed_refused', { code })
    channel.close(`feed: ${code}`)
  }
  network.handle(feedProtocol, protocol, channel => {
    if (!isNode(channel.peer)) return refuse(channel, 'not-a-node')
    let subscribed = false
    channel.onFrame(frame => {
      const group = decodeSubscribe(frame)
      if (group === undefined || subscribed) return refuse(channel, 'malformed')
      subscribed = true
      if (!mayAsk(group, channel.peer)) return refuse(channel, 'not-a-member')
      if (local(group)?.feed.subscribeRemote(channel) === true) return
      count('feed_refused', { code: 'not-here' })
      channel.send(
        encodeFrame({ tick: 0, leaf: 0, changed: [], removed: [], events: [], state: framePart.notHere }),
      )
    })
  })
}
