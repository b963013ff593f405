import assert from 'node:assert/strict'
import type { Channel } from '../../daemon/ports.ts'
import type { LinkOptions, Tolerance } from '../../testnet/simulation/link.ts'
import type { SimContext, SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const PROTOCOL = { maxFrameBytes: 100, maxChannelsPerPeer: 4 }

interface Ear {
  context: SimContext
  heard: number[]
  heardAtMs: number[]
  /** By the first byte of the channel that it came on. */
  by: Map<number, number[]>
  closedAtMs: number[]
}

function earOf(simulation: Simulation): (context: SimContext) => Ear {
  return context => {
    const ear: Ear = { context, heard: [], heardAtMs: [], by: new Map(), closedAtMs: [] }
    context.network.handle('x/1', PROTOCOL, channel => {
      let about: number | undefined
      channel.onFrame(frame => {
        if (about === undefined) about = frame[0]!
        else {
          ear.heard.push(frame[0]!)
          ear.heardAtMs.push(simulation.nowMs)
          ear.by.set(about, [...(ear.by.get(about) ?? []), frame[0]!])
        }
      })
      channel.onClose(() => ear.closedAtMs.push(simulation.nowMs))
    })
    return ear
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const sorted = (heard: readonly number[]): number[] => [...heard].sort((a, b) => a - b)

class Pair {
  readonly simulation: Simulation
  readonly a: SimNode<Ear>
  readonly b: SimNode<Ear>

  constructor(seed: number, withstands: Tolerance) {
    this.simulation = new Simulation(seed)
    this.simulation.network.configure({ withstands: () => withstands })
    this.a = this.simulation.addNode('a', earOf(this.simulation))
    this.b = this.simulation.addNode('b', earOf(this.simulation))
    this.a.start()
    this.b.start()
  }

  static async of(seed: number, withstands: Tolerance, link: Partial<LinkOptions>): Promise<Pair> {
    const pair = new Pair(seed, withstands)
    await pair.simulation.runFor(1_000)
    pair.simulation.network.links.set('a', 'b', link)
    return pair
  }

  get ear(): Ear {
    return this.b.program!
  }

  count(fault: string): number {
    return this.simulation.faults.get(fault) ?? 0
  }

  async open(about = 0): Promise<Channel> {
    let channel: Channel | undefined
    void this.a.program!.context.network.open('b', 'x/1').then(open => {
      channel = open
    })
    await this.simulation.runUntil(() => channel !== undefined, 1_000)
    channel!.send(Uint8Array.of(about))
    return channel!
  }

  /** A frame each millisecond. */
  async say(channel: Channel, what: readonly number[]): Promise<void> {
    for (const number of what) {
      channel.send(Uint8Array.of(number))
      await this.simulation.runFor(1)
    }
    await this.simulation.runFor(5_000)
  }
}

describe('simulated disorder', () => {
  it('makes frames late by spikes with a long tail, but no channel of it loses its order', async () => {
    const pair = await Pair.of(1, 'any-order', { spikeRate: 0.2, spikeMs: 50 })
    const channel = await pair.open()
    const lateMs: number[] = []
    for (const number of numbers(200)) {
      const sentMs = pair.simulation.nowMs
      await pair.say(channel, [number])
      lateMs.push(pair.ear.heardAtMs[number]! - sentMs)
    }
    assert.deepEqual(pair.ear.heard, numbers(200))
    const late = lateMs.filter(ms => ms > 50)
    assert.equal(late.length, pair.count('late-frame'))
    assert.ok(Math.max(...late) > 4 * sorted(late)[late.length >> 1]!, 'no tail')
  })

  it('lets a channel get ahead of another and fall behind it, each in its own order', async () => {
    const pair = await Pair.of(2, 'nothing', { channelLagMs: 30 })
    const channels = [await pair.open(0), await pair.open(1)]
    for (const number of numbers(200)) {
      channels[number % 2]!.send(Uint8Array.of(number))
      await pair.simulation.runFor(1)
    }
    await pair.simulation.runFor(1_000)
    const [even, odd] = [pair.ear.by.get(0)!, pair.ear.by.get(1)!]
    assert.deepEqual([...even, ...odd], [...sorted(even), ...sorted(odd)])
    const { heard } = pair.ear
    assert.ok(heard.some((number, i) => number % 2 === 0 && heard.slice(0, i).some(other => other > number)))
    assert.ok(heard.some((number, i) => number % 2 === 1 && heard.slice(0, i).some(other => other > number)))
    assert.ok(pair.count('overtaken-channel') > 0)
  })

  it('delivers what was under way on a broken channel after what came on the next one', async () => {
    const pair = await Pair.of(3, 'nothing', { delayMs: 100, lingerMs: 500 })
    const old = await pair.open()
    for (const number of numbers(5)) old.send(Uint8Array.of(number))
    pair.simulation.network.links.set('a', 'b', { breakRate: 1 })
    old.send(Uint8Array.of(99))
    pair.simulation.network.links.set('a', 'b', { breakRate: 0, delayMs: 1 })
    await pair.simulation.runFor(1)
    assert.equal(old.send(Uint8Array.of(98)), false)
    await pair.say(await pair.open(), [10, 11])
    assert.deepEqual(pair.ear.heard, [10, 11, 0, 1, 2, 3, 4])
    assert.equal(pair.count('old-channel-frame'), 6)
    assert.ok(pair.ear.closedAtMs.length === 1)
  })

  it('changes the order within a channel only where its protocol withstands that', async () => {
    const strict = await Pair.of(4, 'twice-in-a-row', { reorderRate: 0.2 })
    await strict.say(await strict.open(), numbers(200))
    assert.deepEqual(strict.ear.heard, numbers(200))
    assert.equal(strict.count('reordered-frame'), 0)

    const pair = await Pair.of(4, 'any-order', { reorderRate: 0.2 })
    await pair.say(await pair.open(), numbers(200))
    assert.deepEqual(sorted(pair.ear.heard), numbers(200))
    const overtaken = pair.ear.heard.filter((number, i) => number < Math.max(...pair.ear.heard.slice(0, i)))
    assert.equal(pair.count('reordered-frame'), overtaken.length)
    assert.ok(overtaken.length > 10)
  })

  it('delivers twice in a row, later again, or not at all twice, as the protocol withstands it', async () => {
    const once = await Pair.of(5, 'nothing', { duplicateRate: 0.2, replayRate: 0.2 })
    await once.say(await once.open(), numbers(200))
    assert.deepEqual(once.ear.heard, numbers(200))

    const twice = await Pair.of(5, 'twice-in-a-row', { duplicateRate: 0.2, replayRate: 0.2 })
    await twice.say(await twice.open(), numbers(200))
    assert.deepEqual(twice.ear.heard, sorted(twice.ear.heard))
    assert.deepEqual([...new Set(twice.ear.heard)], numbers(200))
    assert.equal(twice.count('frame-twice'), twice.ear.heard.length - 200)
    assert.ok(twice.count('frame-twice') > 10)
    assert.equal(twice.count('old-frame-again'), 0)

    const again = await Pair.of(5, 'any-order', { duplicateRate: 0.2, replayRate: 0.2 })
    await again.say(await again.open(), numbers(200))
    const repeats = again.ear.heard.filter((number, i) => again.ear.heard.indexOf(number) < i)
    assert.equal(again.count('frame-twice') + again.count('old-frame-again'), repeats.length)
    const isOld = (number: number, i: number): boolean =>
      Math.max(...again.ear.heard.slice(0, i)) > number + 20
    assert.ok(again.ear.heard.some(isOld), 'nothing old came again')
  })

  it('brings no frame of an earlier life again', async () => {
    const pair = await Pair.of(6, 'any-order', { replayRate: 0.5 })
    await pair.say(await pair.open(), numbers(50))
    pair.a.restart()
    await pair.simulation.runFor(1_000)
    const heardBefore = pair.ear.heard.length
    await pair.say(await pair.open(), [100, 101, 102, 103, 104])
    assert.ok(pair.ear.heard.slice(heardBefore).every(number => number >= 100))
  })

  it('cuts the network in three, and opens and shuts a flapping cut until it is healed', async () => {
    const simulation = new Simulation(7)
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) simulation.addNode(name, earOf(simulation)).start()
    await simulation.runFor(1_000)
    const { links } = simulation.network
    const blocked = (): string[] =>
      names.flatMap(from => names.filter(to => links.get(from, to).blocked).map(to => from + to))
    links.partition(['a'], ['b'], ['c', 'd'])
    assert.deepEqual(blocked(), ['ab', 'ac', 'ad', 'ba', 'bc', 'bd', 'ca', 'cb', 'da', 'db'])
    links.heal()
    assert.deepEqual(blocked(), [])
    links.flap(
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      100,
    )
    const wasShut: boolean[] = []
    for (let i = 0; i < 6; i++) {
      wasShut.push(blocked().length === 8)
      await simulation.runFor(100)
    }
    assert.deepEqual(wasShut, [true, false, true, false, true, false])
    links.heal()
    await simulation.runFor(1_000)
    assert.deepEqual(blocked(), [])
    assert.equal(simulation.faults.get('flap'), 4)
  })
})
