import assert from 'node:assert/strict'
import { Leases } from '../../daemon/directory/leases.ts'
import { directoryTicks, Renewals } from '../../daemon/directory/renewals.ts'
import type { Channel, Network } from '../../daemon/ports.ts'
import { decodeDirectoryTick } from '../../world/directory/codec/tick.ts'
import { HandClock } from './node.ts'

/** Two nodes, of which the second leads the directory. */
function pair() {
  const clock = new HandClock()
  const handlers = new Map<string, (channel: Channel) => void>()
  const leased: number[] = []
  const counted: string[] = []
  const renewals = [new Renewals(), new Renewals()]
  let leader = 2
  let nonces = 0
  const leasesOf = (self: number): Leases => {
    const network = {
      handle: (_: string, __: object, accept: (channel: Channel) => void) => handlers.set(`${self}`, accept),
      open: async (peer: string) => {
        const frames: ((frame: Uint8Array) => void)[] = []
        const channel = (of: string) => ({
          peer: of,
          onFrame: (listener: (frame: Uint8Array) => void) => frames.push(listener),
          onClose: () => {},
          close: () => {},
          send: (frame: Uint8Array) => {
            for (const listener of frames) listener(frame)
          },
        })
        handlers.get(peer)!(channel(`${self}`) as unknown as Channel)
        return channel(peer)
      },
    } as unknown as Network
    return new Leases({
      ...{ self, network, clock, renewals: renewals[self - 1]!, leader: () => leader },
      random: { bytes: length => new Uint8Array(length).fill(++nonces), below: () => 0 },
      peerOf: node => `${node}`,
      numberOf: peer => Number(peer),
      leased: untilMs => leased.push(untilMs),
      count: (name, labels) => counted.push(`${name} ${labels['code'] ?? ''}`),
    })
  }
  const nodes = [leasesOf(1), leasesOf(2)]
  const lead = (node: number) => {
    leader = node
  }
  return { clock, nodes, renewals, leased, counted, lead, lose: () => lead(0), handlers }
}

const settled = () => new Promise(resolve => setImmediate(resolve))

describe("a node's lease", () => {
  it('is asked of whoever leads the directory, who names in the next tick whom it heard', async () => {
    const { nodes, renewals } = pair()
    const ticks = directoryTicks(renewals[1]!)
    assert.equal(ticks.isWanted(), false)
    for (const node of nodes) node.begin()
    await settled()
    assert.equal(ticks.isWanted(), true)
    const body = ticks.bodyOf({ tick: 3, timeMs: 300 })
    assert.deepEqual(
      decodeDirectoryTick(body)?.renewals.map(({ node }) => node),
      [1, 2],
    )
    assert.equal(ticks.isWanted(), false, 'each asking is in one tick')
  })

  it('runs from when the nonce was sent that the log shows, however long that took', async () => {
    const { clock, nodes, renewals, leased } = pair()
    nodes[0]!.begin()
    await settled()
    const { nonce } = renewals[1]!.take()[0]!
    clock.pass(3_000)
    nodes[0]!.renewed(nonce)
    assert.deepEqual(leased, [6_000])
    nodes[0]!.renewed(new Uint8Array(8).fill(99))
    assert.deepEqual(leased, [6_000], 'a nonce that it never sent gives nothing')
  })

  it('is asked for again under a fresh nonce, and by nobody who knows of no leader', async () => {
    const { clock, nodes, renewals, lose } = pair()
    nodes[0]!.begin()
    await settled()
    const [first] = renewals[1]!.take()
    clock.pass(2_500)
    await settled()
    const [second] = renewals[1]!.take()
    assert.notDeepEqual(first?.nonce, second?.nonce)
    lose()
    clock.pass(10_000)
    await settled()
    assert.ok(renewals[1]!.isEmpty)
  })

  it('is not given to whoever asked a node before that one came to lead', async () => {
    const { clock, nodes, renewals, lead, handlers, counted } = pair()
    for (const node of nodes) node.begin()
    await settled()
    lead(1)
    clock.pass(2_500)
    await settled()
    assert.ok(renewals[1]!.isEmpty, 'what it heard while it led is no news when it leads again')
    const listeners: ((frame: Uint8Array) => void)[] = []
    const onFrame = (listener: (frame: Uint8Array) => void) => listeners.push(listener)
    handlers.get('2')!({ peer: '1', onFrame, close: () => {} } as unknown as Channel)
    listeners[0]!(new Uint8Array(8))
    assert.ok(renewals[1]!.isEmpty)
    assert.ok(counted.includes('lease_refused not-leader'))
  })

  it('is not given to what is no asking', () => {
    const { handlers, renewals, counted } = pair()
    let closed = ''
    const listeners: ((frame: Uint8Array) => void)[] = []
    handlers.get('2')!({
      peer: '1',
      onFrame: (listener: (frame: Uint8Array) => void) => listeners.push(listener),
      close: (reason: string) => {
        closed = reason
      },
    } as unknown as Channel)
    listeners[0]!(new Uint8Array(7))
    assert.ok(renewals[1]!.isEmpty)
    assert.deepEqual([closed, counted], ['lease: malformed', ['lease_refused malformed']])
  })
})
