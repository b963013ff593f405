import type { Network } from '../ports.ts'
import { decodeSubscribe, encodeFrame, feedProtocol, framePart, maxFeedFrameBytes } from './codec.ts'
import type { FeedPublisher } from './publisher.ts'

/** Lets other nodes' gateways follow the authorities that this node holds. */
export function serveFeeds(
  network: Network,
  local: (group: number) => { readonly feed: FeedPublisher } | undefined,
  count: (name: string, labels: Record<string, string>) => void,
): void {
  // One channel for each authority that the peer's gateway shows.
  network.handle(feedProtocol, { maxFrameBytes: maxFeedFrameBytes, maxChannelsPerPeer: 1024 }, channel => {
    let subscribed = false
    channel.onFrame(frame => {
      const group = decodeSubscribe(frame)
      if (group === undefined || subscribed) {
        count('feed_refused', { code: 'malformed' })
        return channel.close('feed: malformed')
      }
      subscribed = true
      if (local(group)?.feed.subscribeRemote(channel) === true) return
      count('feed_refused', { code: 'not-here' })
      channel.send(
        encodeFrame({ tick: 0, leaf: 0, changed: [], removed: [], events: [], state: framePart.notHere }),
      )
    })
  })
}
