import assert from 'node:assert/strict'
import type { Channel, Network } from '../../daemon/ports.ts'
import { InputRouter } from '../../daemon/routing/router.ts'
import { foundRealm, nameOf } from '../../testnet/simulation/authorities/realm.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const realm = foundRealm({ seed: 1, nodes: 2, groups: 1, replicas: 1 })
const OWNER = nameOf(1)

class FakeChannel implements Channel {
  readonly peer = OWNER
  readonly protocol = 'intent/2'
  readonly sent: Uint8Array[] = []
  closed = false
  send(frame: Uint8Array): boolean {
    this.sent.push(frame)
    return true
  }
  onFrame(): void {}
  onDrain(): void {}
  onClose(): void {}
  close(): void {
    this.closed = true
  }
}

interface Attempt {
  readonly opened: (channel: Channel) => void
  readonly failed: (error: Error) => void
}

/** A network of which the test decides when a channel is open, and when the peer goes and comes. */
function routerOn(): { attempts: Attempt[]; flap: () => void; router: InputRouter; simulation: Simulation } {
  const simulation = new Simulation(1)
  const attempts: Attempt[] = []
  const listeners: ((peer: string, connected: boolean) => void)[] = []
  const network: Network = {
    self: nameOf(2),
    peers: () => [OWNER],
    onPeer: listener => void listeners.push(listener),
    handle: () => {},
    open: () =>
      new Promise((opened, failed) => {
        attempts.push({ opened, failed })
      }),
    subscribe: () => {},
    publish: () => {},
  }
  const router = new InputRouter({
    areas: realm.areas,
    self: 2,
    peerOf: nameOf,
    local: () => undefined,
    network,
    clock: {
      wallMs: () => simulation.nowMs,
      monotonicMs: () => simulation.nowMs,
      after: (ms, run) => simulation.schedule(undefined, ms, '', run),
    },
    schedule: run => void simulation.schedule(undefined, 0, '', run),
    sign: () => new Uint8Array(64),
    count: () => {},
    waits: () => {},
    finalChecks: { holds: () => true, epochOf: () => 1 },
  })
  const flap = (): void => {
    for (const heard of listeners) heard(OWNER, false)
  }
  return { attempts, flap, router, simulation }
}

describe("a gateway's way to an owner", () => {
  it('keeps the channel that it has when an attempt from before the peer was lost fails late', async () => {
    const { attempts, flap, router, simulation } = routerOn()
    router.submit(realm.areas[0]!.name, [new Uint8Array(60)], { answered: () => {} })
    await simulation.runFor(1)
    flap()
    await simulation.runFor(50)
    const channel = new FakeChannel()
    attempts[1]!.opened(channel)
    await simulation.runFor(50)
    assert.equal(channel.sent.length, 1)
    attempts[0]!.failed(new Error('not connected'))
    await simulation.runFor(100)
    assert.equal(attempts.length, 2)
    assert.equal(channel.sent.length, 1)
  })

  it('closes the channel of an attempt that has been given up', async () => {
    const { attempts, flap, router, simulation } = routerOn()
    router.submit(realm.areas[0]!.name, [new Uint8Array(60)], { answered: () => {} })
    await simulation.runFor(1)
    flap()
    await simulation.runFor(50)
    const [first, second] = [new FakeChannel(), new FakeChannel()]
    attempts[0]!.opened(first)
    attempts[1]!.opened(second)
    await simulation.runFor(100)
    assert.deepEqual([first.closed, second.closed], [true, false])
    assert.equal(second.sent.length, 1)
  })
})
