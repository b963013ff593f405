import assert from 'node:assert/strict'
import fc from 'fast-check'
import { EventQueue } from '../../testnet/simulation/event-queue.ts'
import type { SimContext } from '../../testnet/simulation/node.ts'
import { SimRandom } from '../../testnet/simulation/random.ts'
import { simulate } from '../../testnet/simulation/replay.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const NAMES = ['a', 'b', 'c', 'd']

/** Nodes that chatter, write, wait on promises and gossip: a little of everything that the kernel orders. */
function chatter(context: SimContext): { heard: number } {
  const program = { heard: 0 }
  const { network, store, clock, random } = context
  network.handle('talk/1', { maxFrameBytes: 100, maxChannelsPerPeer: 2 }, channel => {
    channel.onFrame(async frame => {
      program.heard++
      await Promise.resolve()
      store.write([{ key: frame, value: random.bytes(4) }], { sync: random.below(2) === 0 }, () => {})
      await store.get(frame)
      if (random.below(4) === 0) network.publish('news', frame)
    })
  })
  network.subscribe('news', 100, () => {
    program.heard++
    return 'pass-on'
  })
  network.onPeer(async (peer, connected) => {
    if (!connected) return
    const channel = await network.open(peer, 'talk/1').catch(() => undefined)
    const talk = (): void => {
      if (channel?.send(random.bytes(8))) clock.after(random.below(50), talk)
    }
    talk()
  })
  return program
}

async function faultyRun(seed: number): Promise<Simulation> {
  const simulation = new Simulation(seed)
  for (const name of NAMES) simulation.addNode(name, chatter, { disk: { keepsUnsyncedPrefix: true } }).start()
  simulation.network.links.setAll({ lossRate: 0.05, breakRate: 0.02, duplicateRate: 0.1, jitterMs: 5 })
  await simulation.runFor(500)
  simulation.node('a').crash()
  simulation.network.links.partition(['b'], ['c', 'd'])
  await simulation.runFor(500)
  simulation.network.links.heal()
  simulation.node('a').start()
  await simulation.runFor(500)
  return simulation
}

describe('simulation kernel', () => {
  it('gives the same trace for the same seed, and another one for another seed', async () => {
    const first = await faultyRun(1)
    const again = await faultyRun(1)
    const other = await faultyRun(2)
    assert.ok(first.trace.events > 1000)
    assert.equal(again.trace.digest(), first.trace.digest())
    assert.deepEqual([...again.faults], [...first.faults])
    assert.notEqual(other.trace.digest(), first.trace.digest())
    for (const kind of [
      'crash',
      'partition',
      'lost-frame',
      'broken-channel',
      'duplicated-gossip',
      'blocked-frame',
    ]) {
      assert.ok((first.faults.get(kind) ?? 0) > 0, `no ${kind} happened`)
    }
  })

  it('lets promises come to rest before the next event, at the same virtual time', async () => {
    const simulation = new Simulation(3)
    const seen: string[] = []
    simulation
      .addNode('a', ({ clock }) => {
        clock.after(10, async () => {
          for (let i = 0; i < 20; i++) await Promise.resolve()
          seen.push(`promises at ${simulation.nowMs}`)
        })
        clock.after(10, () => seen.push('next event'))
      })
      .start()
    await simulation.runFor(20)
    assert.deepEqual(seen, ['promises at 10', 'next event'])
  })

  it('runs the timers of a skewed clock early or late, and starts the monotonic clock anew in each life', async () => {
    const simulation = new Simulation(4)
    const at: number[] = []
    const starts: number[] = []
    const node = simulation.addNode(
      'fast',
      ({ clock }) => {
        starts.push(clock.monotonicMs())
        clock.after(1000, () => at.push(simulation.nowMs))
      },
      { skew: { wallOffsetMs: -86_400_000, rate: 1.25 } },
    )
    node.start()
    await simulation.runFor(900)
    node.restart()
    await simulation.runFor(10)
    assert.deepEqual(at, [800])
    assert.notEqual(starts[0], starts[1])
  })

  it('steps the wall clock of a running node and no other, and changes the pace of both without a step', async () => {
    const simulation = new Simulation(4)
    const early: number[] = []
    const node = simulation.addNode('a', ({ clock }) => {
      clock.after(1000, () => early.push(simulation.nowMs))
      return clock
    })
    node.start()
    await simulation.runFor(500)
    const clock = node.program!
    const before = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() }
    node.clock.jump(-3_600_000)
    node.clock.skew = { ...node.clock.skew, rate: 0.5 }
    assert.equal(clock.wallMs(), before.wallMs - 3_600_000)
    assert.equal(clock.monotonicMs(), before.monotonicMs)
    await simulation.runFor(600)
    assert.equal(clock.wallMs(), before.wallMs - 3_600_000 + 300)
    assert.equal(clock.monotonicMs(), before.monotonicMs + 300)
    assert.deepEqual(early, [], 'a timer that was set before the clock became slower came early')
    await simulation.runFor(400)
    assert.deepEqual(early, [1500])
  })

  it('lets a process go on by itself after a short pause, but not after a later one', async () => {
    const simulation = new Simulation(5)
    const node = simulation.addNode('a', ({ clock }) => clock)
    node.start()
    await simulation.runFor(5)
    let ticks = 0
    const tick = (): void => {
      ticks++
      node.program!.after(1, tick)
    }
    tick()
    node.pause(100)
    await simulation.runFor(50)
    node.resume()
    node.pause()
    const before = ticks
    await simulation.runFor(1000)
    assert.equal(ticks, before)
    node.resume()
    node.pause(100)
    await simulation.runFor(1000)
    assert.ok(ticks > before + 800)
  })

  it('keeps a process that stood still for a moment from going on when it is to stand still for good', async () => {
    const simulation = new Simulation(5)
    const ran: number[] = []
    const node = simulation.addNode('a', ({ clock }) => clock.after(10, () => ran.push(simulation.nowMs)))
    node.start()
    await simulation.runFor(5)
    node.pause(100)
    node.pause()
    await simulation.runFor(1000)
    assert.deepEqual(ran, [])
    node.resume()
    await simulation.runFor(0)
    assert.equal(ran.length, 1)
  })

  it('holds what comes due for a paused process, and drops what is due for a dead one', async () => {
    const simulation = new Simulation(5)
    const ran: string[] = []
    const node = simulation.addNode('a', ({ clock, incarnation }) => {
      clock.after(10, () => ran.push(`life ${incarnation} at ${simulation.nowMs}`))
    })
    node.start()
    await simulation.runFor(5)
    node.pause()
    await simulation.runFor(20)
    assert.deepEqual(ran, [])
    node.resume()
    await simulation.runFor(0)
    assert.deepEqual(ran, ['life 1 at 25'])
    node.restart()
    await simulation.runFor(5)
    node.crash()
    await simulation.runFor(100)
    assert.equal(ran.length, 1)
  })

  it('ends the run with the error of a failing program, and says how to replay it', async () => {
    const run = simulate(77, 'my test', async simulation => {
      simulation
        .addNode('a', async () => {
          throw new Error('does not start')
        })
        .start()
      await simulation.runFor(10)
    })
    await assert.rejects(run, /does not start\nreplay: FREEHOLD_SEED=77 npm test -- --grep "my test"/)
  })

  it('pops events by time and then by sequence', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), times => {
        const queue = new EventQueue()
        for (const [sequence, atUs] of times.entries()) {
          queue.push({ atUs, sequence, label: '', scope: undefined, run: undefined })
        }
        const popped = times.map(() => queue.pop()!)
        const expected = times.map((atUs, sequence) => ({ atUs, sequence }))
        expected.sort((a, b) => a.atUs - b.atUs || a.sequence - b.sequence)
        assert.deepEqual(
          popped.map(({ atUs, sequence }) => ({ atUs, sequence })),
          expected,
        )
        assert.equal(queue.pop(), undefined)
      }),
    )
  })

  it('draws evenly, and forks generators that do not disturb each other', () => {
    const random = new SimRandom(9)
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < 100_000; i++) counts[random.below(10)]!++
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${count} of 10000`)
    const alone = new SimRandom(9).fork('x').bytes(16)
    const parent = new SimRandom(9)
    parent.fork('y').bytes(1000)
    assert.deepEqual(parent.fork('x').bytes(16), alone)
    assert.notDeepEqual(parent.fork('y').bytes(16), alone)
  })
})
