import assert from 'node:assert/strict'
import type { FeedDelta } from '../../daemon/authority/types.ts'
import { decodeFrame, encodeSubscribe, type FeedFrame, framePart } from '../../daemon/feed/codec.ts'
import { FeedFollower } from '../../daemon/feed/follower.ts'
import { FeedPublisher, maxSubscribers } from '../../daemon/feed/publisher.ts'
import { serveFeeds } from '../../daemon/feed/server.ts'
import type { FeedListener } from '../../daemon/gateway/router.ts'
import type { Channel, Network } from '../../daemon/ports.ts'

/** An end of a channel that takes as many frames as the test says. */
class FakeChannel implements Channel {
  readonly protocol = 'feed/1'
  readonly peer: string
  readonly sent: FeedFrame[] = []
  room = Number.POSITIVE_INFINITY
  closed: string | undefined
  #frame: (frame: Uint8Array) => void = () => {}
  #drain: () => void = () => {}
  #close: (reason: string) => void = () => {}

  constructor(peer: string) {
    this.peer = peer
  }

  send(frame: Uint8Array): boolean {
    if (this.closed !== undefined) return false
    assert.ok(this.room > 0, 'a frame was sent although the channel was full')
    this.sent.push(decodeFrame(frame)!)
    return --this.room > 0
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    this.#frame = listener
  }

  onDrain(listener: () => void): void {
    this.#drain = listener
  }

  onClose(listener: (reason: string) => void): void {
    this.#close = listener
  }

  close(reason: string): void {
    if (this.closed !== undefined) return
    this.closed = reason
    this.#close(reason)
  }

  receive(frame: Uint8Array): void {
    this.#frame(frame)
  }

  drain(room: number): void {
    this.room = room
    this.#drain()
  }

  /** What has come since the last time, in short. */
  take(): string[] {
    return this.sent.splice(0).map(({ state, leaf, changed }) => {
      const part = Object.entries(framePart).find(([, value]) => value === state)![0]
      return `${part} ${leaf} ${changed.length}`
    })
  }
}

/** An area of 600 entities, which make three frames. */
function area(): { feed: FeedPublisher; happen: () => void; encodings: () => number; seal: () => void } {
  let leaf = 10
  let encodings = 0
  const feed = new FeedPublisher({
    point: () => ({ tick: leaf, leaf }),
    entities: () => {
      encodings++
      return Array.from({ length: 600 }, (_, i) => Uint8Array.of(i & 0xff))
    },
  })
  const delta = (): FeedDelta => ({
    ...{ tick: leaf, leaf, changed: [Uint8Array.of(1)] },
    ...{ removed: [], events: [] },
  })
  const happen = (): void => {
    leaf++
    feed.publish(delta())
  }
  return { feed, happen, encodings: () => encodings, seal: () => void leaf++ }
}

const state = (leaf: number): string[] => [`state ${leaf} 256`, `state ${leaf} 256`, `lastState ${leaf} 88`]

describe('a feed', () => {
  it('encodes the state once for all who come before anything else happens', () => {
    const { feed, happen, encodings } = area()
    const channels = ['a', 'b', 'c'].map(peer => new FakeChannel(peer))
    for (const channel of channels) feed.subscribeRemote(channel)
    assert.equal(encodings(), 1)
    for (const channel of channels) assert.deepEqual(channel.take(), state(10))
    happen()
    const late = new FakeChannel('d')
    feed.subscribeRemote(late)
    assert.deepEqual(late.take(), state(11))
  })

  it('sends a state as the channel takes it, and what happens meanwhile behind it', () => {
    const { feed, happen } = area()
    const channel = new FakeChannel('a')
    channel.room = 1
    feed.subscribeRemote(channel)
    happen()
    happen()
    channel.drain(3)
    assert.deepEqual(channel.take(), [...state(10), 'delta 11 1'])
    happen()
    channel.drain(9)
    assert.deepEqual(channel.take(), ['delta 12 1', 'delta 13 1'])
  })

  it('sends the state as it then is to who was too slow, once there is room', () => {
    const { feed, happen } = area()
    const channel = new FakeChannel('a')
    channel.room = 1
    feed.subscribeRemote(channel)
    for (let i = 0; i < 500; i++) happen()
    channel.take()
    channel.drain(9)
    assert.deepEqual(channel.take(), state(510))
    happen()
    assert.deepEqual(channel.take(), ['delta 511 1'])
  })

  it('gives a sign of life without a look at the entities, and none where nobody listens', () => {
    const { feed, encodings, seal } = area()
    feed.keepAlive()
    assert.equal(encodings(), 0)
    const channel = new FakeChannel('a')
    feed.subscribeRemote(channel)
    channel.take()
    seal()
    feed.keepAlive()
    assert.equal(encodings(), 1)
    assert.deepEqual(channel.take(), ['delta 11 0'], 'as of now, not as of what was last told')
  })

  it('has one channel for each node, the newest, and so room for so many nodes', () => {
    const { feed } = area()
    const channels = Array.from({ length: 3 }, () => new FakeChannel('a'))
    for (const channel of channels) assert.equal(feed.subscribeRemote(channel), true)
    assert.deepEqual(
      channels.map(({ closed }) => closed !== undefined),
      [true, true, false],
    )
    assert.equal(feed.subscribers, 1)
    for (let i = 1; i < maxSubscribers; i++) feed.subscribeRemote(new FakeChannel(`${i}`))
    assert.equal(feed.subscribeRemote(new FakeChannel('one too many')), false)
    assert.equal(feed.subscribeRemote(new FakeChannel('a')), true)
  })

  it('that has ended takes nobody any more', () => {
    const { feed } = area()
    const channel = new FakeChannel('a')
    feed.subscribeRemote(channel)
    feed.end('halted')
    assert.equal(channel.closed, 'halted')
    assert.equal(feed.subscribeRemote(new FakeChannel('b')), false)
    assert.equal(feed.subscribers, 0)
  })
})

describe('a server of feeds', () => {
  it('tells nodes of the genesis file and nobody else', () => {
    const { feed } = area()
    const refused: string[] = []
    let accept: (channel: Channel) => void = () => {}
    const network = {
      handle: (_name: string, _options: object, run: typeof accept) => {
        accept = run
      },
    }
    serveFeeds({
      network: network as unknown as Network,
      local: group => (group === 1 ? { feed } : undefined),
      isNode: peer => peer.startsWith('node'),
      mayAsk: () => true,
      count: (_, { code }) => refused.push(code!),
    })
    const open = (peer: string, group: number): FakeChannel => {
      const channel = new FakeChannel(peer)
      accept(channel)
      channel.receive(encodeSubscribe(group))
      return channel
    }
    const stranger = open('stranger', 1)
    assert.deepEqual([stranger.closed, stranger.take()], ['feed: not-a-node', []])
    assert.deepEqual(open('node 2', 1).take(), state(10))
    assert.deepEqual(open('node 2', 5).take(), ['notHere 0 0'])
    assert.deepEqual(refused, ['not-a-node', 'not-here'])
  })
})

describe('a follower of a feed', () => {
  it('forgets the part of a state that the member never ended, when it begins anew', async () => {
    const { feed, happen } = area()
    const [here, there] = [new FakeChannel('member'), new FakeChannel('node')]
    const states: [number, number][] = []
    const listener: FeedListener = {
      state: (_, leaf, entities) => void states.push([leaf, entities.length]),
      delta: () => {},
      lost: () => {},
    }
    const network = { peers: () => ['member'], open: async () => here } as unknown as Network
    const follower = new FeedFollower(
      {
        ...{ group: 1, members: () => ['member'], network, count: () => {} },
        clock: { wallMs: () => 0, monotonicMs: () => 0, after: () => () => {} },
      },
      listener,
    )
    await Promise.resolve()
    there.room = 1
    there.send = frame => {
      here.receive(frame)
      return --there.room > 0
    }
    feed.subscribeRemote(there)
    for (let i = 0; i < 500; i++) happen()
    there.drain(9)
    assert.deepEqual(states, [[510, 600]])
    follower.stop()
  })
})
