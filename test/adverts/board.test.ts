import assert from 'node:assert/strict'
import { type Advert, encodeAdvert, type LedAuthority } from '../../daemon/adverts/advert.ts'
import { AdvertBoard } from '../../daemon/adverts/board.ts'
import type { Clock, Network, PeerId } from '../../daemon/ports.ts'

const startMs = 1_800_000_000_000
const hourMs = 3_600_000

interface Rig {
  readonly board: AdvertBoard
  readonly refused: string[]
  readonly connected: Set<PeerId>
  pass(ms: number): void
  /** An advert of node `n` with this wall clock, from whoever sends it now. Returns it, as a recorder would keep it. */
  hear(node: number, wallMs: number, led?: readonly LedAuthority[]): Uint8Array
  replay(node: number, data: Uint8Array): void
  /** Seconds in which each of the nodes says one advert, its clock `offsetMs` ahead of ours. */
  talk(seconds: number, nodes: readonly number[], offsetMs: number): void
  readonly wallMs: number
}

/** The board of node 1. */
function rig(): Rig {
  let nowMs = 0
  let listener: (from: PeerId, data: Uint8Array) => void = () => {}
  const refused: string[] = []
  const connected = new Set(['n2', 'n3', 'n4', 'n5'])
  const network = {
    peers: () => [...connected],
    subscribe: (_topic: string, _maxBytes: number, run: typeof listener) => {
      listener = run
    },
    publish: () => {},
  } as unknown as Network
  const clock: Clock = { wallMs: () => startMs + nowMs, monotonicMs: () => nowMs, after: () => () => {} }
  const advertOf = (number: number, wallMs: number, led: readonly LedAuthority[] = []): Advert => ({
    ...{ number, wallMs, gatewayUrl: '', httpUrl: '' },
    led: [...led],
  })
  const board = new AdvertBoard({
    self: 1,
    numberOf: peer => Number(peer.slice(1)),
    network,
    clock,
    own: () => advertOf(1, clock.wallMs()),
    onLeader: () => {},
    count: (_name, { code }) => refused.push(code!),
  })
  const hear: Rig['hear'] = (node, wallMs, led) => {
    const data = encodeAdvert(advertOf(node, wallMs, led))
    listener(`n${node}`, data)
    return data
  }
  return {
    ...{ board, refused, connected, hear },
    pass: ms => {
      nowMs += ms
    },
    replay: (node, data) => listener(`n${node}`, data),
    talk: (seconds, nodes, offsetMs) => {
      for (let i = 0; i < seconds; i++) {
        nowMs += 1000
        for (const node of nodes) hear(node, startMs + nowMs + offsetMs)
      }
    },
    get wallMs() {
      return startMs + nowMs
    },
  }
}

describe('adverts', () => {
  it('tell how far this clock is behind once a majority has said so three times in a row', () => {
    const net = rig()
    net.talk(2, [2, 3, 4], hourMs)
    assert.equal(net.board.clockBehindMs(), 0)
    net.talk(1, [2, 3, 4], hourMs)
    assert.equal(net.board.clockBehindMs(), hourMs)
  })

  it('tell nothing of this clock when only a minority is apart, or has been for a moment', () => {
    const net = rig()
    net.talk(5, [2, 3], 0)
    net.talk(5, [2], hourMs)
    net.talk(3, [2], hourMs)
    net.talk(1, [3, 4, 5], 0)
    assert.equal(net.board.clockBehindMs(), 0)
  })

  it('that were recorded and are sent again change nothing while their nodes are alive', () => {
    const net = rig()
    const recorded: [number, Uint8Array][] = []
    for (let i = 0; i < 10; i++) {
      for (const node of [2, 3, 4]) recorded.push([node, net.hear(node, net.wallMs)])
      net.pass(1000)
    }
    net.pass(hourMs)
    for (let i = 0; i < 10; i++) {
      net.talk(1, [2, 3, 4], 0)
      for (const [node, data] of recorded.slice(3 * i, 3 * i + 3)) net.replay(node, data)
      assert.equal(net.board.clockBehindMs(), 0)
      assert.equal(net.board.advertOf(2)!.wallMs, net.wallMs)
    }
    assert.deepEqual(new Set(net.refused), new Set(['stale']))
  })

  it('of nodes that are gone, sent again by somebody else, are no reason to doubt this clock', () => {
    const net = rig()
    for (const node of [2, 3, 4]) net.connected.delete(`n${node}`)
    net.talk(10, [2, 3, 4], -hourMs)
    assert.equal(net.board.clockBehindMs(), 0)
  })

  it('of a recording give way to those of the node itself', () => {
    const net = rig()
    net.talk(5, [2, 3], -hourMs)
    net.talk(1, [2, 3], 0)
    assert.equal(net.board.advertOf(2)!.wallMs, net.wallMs)
    assert.equal(net.board.clockBehindMs(), 0)
    net.talk(1, [2, 3], -hourMs)
    assert.equal(net.board.advertOf(2)!.wallMs, net.wallMs - 1000)
  })

  it('of the time when a clock was wrong do not deafen us to the node once it is right', () => {
    const net = rig()
    const wrong = net.hear(2, net.wallMs + hourMs)
    net.pass(5000)
    net.talk(1, [2], 0)
    net.replay(2, wrong)
    assert.deepEqual(net.refused, ['leaping-clock'])
    net.talk(1, [2], 0)
    assert.equal(net.board.advertOf(2)!.wallMs, net.wallMs)
  })

  it('are heard again, after a few seconds, of a node that came back with its clock put right', () => {
    const net = rig()
    net.talk(5, [2], hourMs)
    net.talk(5, [2], 0)
    assert.ok(net.board.isAlive(2))
    assert.equal(net.board.advertOf(2)!.wallMs, net.wallMs)
  })
})
