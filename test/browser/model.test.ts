import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { buildMap } from '../../client/map/build.ts'
import { fitBox, toScreen, toWorld, townBox, zoomAt } from '../../client/map/canvas/camera.ts'
import { type AuthorityView, readAuthorities, readNodes, readStatus } from '../../client/map/model/api.ts'
import { Feed, regionOf } from '../../client/map/model/feed.ts'
import { middleOf, townIn, townsOf } from '../../client/map/model/genesis.ts'
import type { LinkListener, Region } from '../../client/map/model/link.ts'
import { SmoothTick } from '../../client/map/model/motion.ts'
import { courseTo } from '../../client/map/model/play.ts'
import { exportPlayerKey, importPlayerKey } from '../../client/map/model/player-key.ts'
import {
  candidates,
  hostsToAsk,
  mergeAuthorities,
  type PollerPorts,
  startPoller,
} from '../../client/map/model/poller.ts'
import { RateMeter } from '../../client/map/model/rates.ts'
import { SeenWorld } from '../../client/map/model/world.ts'
import { MAX_SPEED_MM_PER_TICK } from '../../world/codec.ts'

const place = fc.integer({ min: -(10 ** 8), max: 10 ** 8 })
const point = fc.record({ xMm: place, yMm: place })
const camera = fc.record({ xMm: place, yMm: place, mmPerPx: fc.integer({ min: 20, max: 400_000 }) })
const size = fc.record({
  width: fc.integer({ min: 100, max: 4000 }),
  height: fc.integer({ min: 100, max: 4000 }),
})

const nodeJson = (number: number, alive = true) => ({
  number,
  alive,
  httpUrl: `http://n${number}`,
  gatewayUrl: `ws://n${number}`,
})
const areaJson = (name: string, leader: number, facts: object = {}) => ({
  name,
  origin: name,
  leader,
  members: [{ number: leader, role: 'leader' }],
  sideMm: 10_000_000,
  ...facts,
})
const area = (name: string, leader: number, facts: object = {}): AuthorityView =>
  readAuthorities({ authorities: [areaJson(name, leader, facts)] })[0]!

describe('the map: what nodes answer', () => {
  it('never throws, whatever JSON a node answers', () => {
    fc.assert(
      fc.property(fc.jsonValue(), answer => {
        for (const node of readNodes(answer)) assert.equal(typeof node.alive, 'boolean')
        for (const authority of readAuthorities(answer)) assert.ok(Number.isFinite(authority.size))
        assert.ok(readStatus(answer).tickMs > 0)
      }),
    )
  })

  it('tries the node that answered last first, then all that are alive, then those that were', () => {
    const nodes = readNodes({ nodes: [nodeJson(1, false), nodeJson(2), nodeJson(3)] })
    assert.deepEqual(candidates('http://n3', 'http://n1', nodes), ['http://n3', 'http://n2', 'http://n1'])
  })

  it('asks as few other nodes as it needs for logs that the first has no replica of', () => {
    const nodes = readNodes({ nodes: [nodeJson(1), nodeJson(2), nodeJson(3, false)] })
    const areas = [
      area('a', 1, { hosted: true }),
      area('b', 2),
      area('c', 2),
      area('d', 3, { members: [{ number: 3 }, { number: 2 }] }),
    ]
    assert.deepEqual(hostsToAsk('http://n1', areas, nodes), ['http://n2'])
  })

  it('takes the longest replica of each log', () => {
    const merged = mergeAuthorities([
      [area('b', 0, { size: 0 }), area('a', 1, { hosted: true, size: 7 })],
      [area('b', 2, { hosted: true, size: 5 }), area('a', 1, { hosted: true, size: 6 })],
    ])
    assert.deepEqual(
      merged.map(({ name, size: leaves }) => [name, leaves]),
      [
        ['a', 7],
        ['b', 5],
      ],
    )
  })

  it('goes on at another node, says since when nobody answers, and takes the first that does again', async () => {
    const up = new Set(['http://n1', 'http://n2'])
    let nowMs = 0
    let next: () => void = () => {}
    const ports: PollerPorts = {
      nowMs: () => nowMs,
      async fetchJson(url) {
        const [root, name] = url.split('/api/v1/') as [string, string]
        if (!up.has(root)) throw new Error('refused')
        if (name === 'nodes') return { nodes: [nodeJson(1, up.has('http://n1')), nodeJson(2)] }
        return name === 'status' ? { number: Number(root.at(-1)) } : { authorities: [] }
      },
      wait: () => new Promise(resolve => (next = resolve)),
    }
    const state = startPoller('http://n1', ports)
    const round = async () => {
      nowMs += 1000
      next()
      await new Promise(resolve => setImmediate(resolve))
    }
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(state.get().source, 'http://n1')
    up.delete('http://n1')
    await round()
    assert.equal(state.get().source, 'http://n2')
    assert.equal(state.get().status?.number, 2)
    up.delete('http://n2')
    await round()
    await round()
    assert.equal(state.get().silentSinceMs, 2000)
    assert.equal(state.get().answeredAtMs, 1000)
    assert.equal(state.get().nodes.length, 2, 'what was known stays')
    up.add('http://n1')
    await round()
    assert.equal(state.get().source, 'http://n1')
    assert.equal(state.get().silentSinceMs, undefined)
  })

  it('gives no rate, and no negative one, when a total goes back', () => {
    const meter = new RateMeter()
    assert.equal(meter.rate(100, 0), null)
    assert.equal(meter.rate(150, 1000), 50)
    assert.equal(meter.rate(120, 2000), null)
    assert.equal(meter.rate(130, 4000), 5)
  })
})

describe('the map: the view', () => {
  it('finds the place on the screen again in the world', () => {
    fc.assert(
      fc.property(camera, size, point, (at, of, mm) => {
        const { x, y } = toScreen(at, of, mm)
        const back = toWorld(at, of, x, y)
        assert.ok(Math.hypot(back.xMm - mm.xMm, back.yMm - mm.yMm) < 1)
      }),
    )
  })

  it('keeps what is under the pointer where it is while zooming', () => {
    const pixel = fc.integer({ min: 0, max: 2000 })
    fc.assert(
      fc.property(
        camera,
        size,
        pixel,
        pixel,
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        (at, of, x, y, factor) => {
          const fixed = toWorld(at, of, x, y)
          const { x: toX, y: toY } = toScreen(zoomAt(at, of, x, y, factor), of, fixed)
          assert.ok(Math.hypot(toX - x, toY - y) < 1e-3)
        },
      ),
    )
  })

  it('fits a box so that all of it is in view', () => {
    fc.assert(
      fc.property(point, point, size, (a, b, of) => {
        const box = townBox([a, b])!
        const fitted = fitBox(box, of)
        for (const corner of [a, b]) {
          const { x, y } = toScreen(fitted, of, corner)
          assert.ok(x >= 0 && x <= of.width && y >= 0 && y <= of.height)
        }
      }),
    )
  })

  it('does not let a wanderer far away make the town a dot', () => {
    const town = Array.from({ length: 60 }, (_, i) => ({ xMm: i * 1000, yMm: i * 500 }))
    const box = townBox([...town, { xMm: 9_000_000, yMm: 9_000_000 }])!
    assert.ok(box.right <= 60_000 && box.top <= 60_000)
  })
})

describe('the map: motion', () => {
  it('never shows time running back while the guess goes on evenly, and never runs far ahead of it', () => {
    const frames = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 10, maxLength: 200 })
    fc.assert(
      fc.property(frames, fc.integer({ min: -150, max: 150 }), (steps, jitterMs) => {
        const clock = new SmoothTick(100)
        let nowMs = 0
        let last = 0
        for (const [at, step] of steps.entries()) {
          nowMs += step
          const guess = 100 + (nowMs + (at % 7 === 0 ? jitterMs : 0)) / 100
          const shown = clock.follow(guess, nowMs)
          assert.ok(shown >= last - 0.2, 'no visible step back')
          assert.ok(shown <= guess + 2)
          last = shown
        }
      }),
    )
  })

  it('stands still with an area whose leader is gone', () => {
    const clock = new SmoothTick(100)
    clock.follow(50, 0)
    for (let nowMs = 0; nowMs < 5000; nowMs += 16) assert.ok(clock.follow(50, nowMs) <= 52)
  })

  it('sets a course that the rules allow and that ends within a step of the goal', () => {
    fc.assert(
      fc.property(point, point, (from, to) => {
        const { vxMmPerTick, vyMmPerTick, ticks } = courseTo(from, to)
        assert.ok(Number.isInteger(vxMmPerTick) && Number.isInteger(vyMmPerTick))
        assert.ok(Math.hypot(vxMmPerTick, vyMmPerTick) <= MAX_SPEED_MM_PER_TICK)
        const endX = from.xMm + vxMmPerTick * ticks
        const endY = from.yMm + vyMmPerTick * ticks
        assert.ok(Math.abs(endX - to.xMm) <= ticks / 2 + 1 && Math.abs(endY - to.yMm) <= ticks / 2 + 1)
      }),
    )
  })
})

describe('the map: where the towns are', () => {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

  it('reads the spawn points out of the genesis file, and never throws', () => {
    const spawns = [
      { xMm: 1, yMm: 9 },
      { xMm: 5, yMm: 3 },
    ]
    const towns = townsOf(bytes({ authorities: [{ name: 'a', spawns }, { name: 'b' }] }))
    assert.deepEqual(townIn(area('a', 1), towns), { left: 1, right: 5, bottom: 3, top: 9 })
    assert.deepEqual(middleOf(townIn(area('b', 1), towns)), { xMm: 5_000_000, yMm: 5_000_000 })
    fc.assert(fc.property(fc.jsonValue(), value => assert.ok(townsOf(bytes(value)) instanceof Map)))
    fc.assert(fc.property(fc.uint8Array(), value => assert.ok(townsOf(value) instanceof Map)))
  })
})

describe('the map: gateways', () => {
  it('watches a place inside the area, and only where the view reaches it', () => {
    fc.assert(
      fc.property(point, fc.integer({ min: 1, max: 10 ** 8 }), (centre, radiusMm) => {
        const it = area('a', 1, { xMm: 0, yMm: 0 })
        const region = regionOf(it, { xMm: 5, yMm: 6 }, centre, radiusMm)
        const farX = Math.max(0, -centre.xMm, centre.xMm - it.sideMm)
        const farY = Math.max(0, -centre.yMm, centre.yMm - it.sideMm)
        if (region === undefined) return assert.ok(Math.hypot(farX, farY) > radiusMm - 2)
        assert.ok(region.xMm >= 0 && region.xMm < it.sideMm && region.yMm >= 0 && region.yMm < it.sideMm)
      }),
    )
  })

  it('moves all areas on to the next gateway when one is lost, and rests after a round of refusals', () => {
    const opened: { gateway: string; listener: LinkListener }[] = []
    const delays: number[] = []
    const runs: (() => void)[] = []
    const feed = new Feed(new SeenWorld(100), {
      spectate(gateway: string, _region: Region, listener: LinkListener) {
        opened.push({ gateway, listener })
        return { watch() {}, close() {} }
      },
      after(delayMs, run) {
        delays.push(delayMs)
        runs.push(run)
        return () => {}
      },
    })
    const sight = { area: 'a', tick: 0, entities: new Map() }
    feed.setGateways(['ws://n1', 'ws://n2'])
    feed.look([area('a', 1), area('b', 2)], new Map(), { xMm: 0, yMm: 0 }, 1000)
    for (const { listener } of opened) listener.onOpen(sight)
    assert.equal(feed.state.get().phase, 'open')
    for (const { listener } of opened.splice(0)) listener.onClose('killed')
    for (const run of runs.splice(0)) run()
    assert.deepEqual(
      opened.map(({ gateway }) => gateway),
      ['ws://n2', 'ws://n2'],
    )
    assert.equal(feed.state.get().phase, 'connecting')
    opened[0]!.listener.onClose('refused')
    assert.ok(delays.at(-1)! > 10 * delays[0]!)
    feed.setGateways([])
    assert.equal(feed.state.get().phase, 'no-gateway')
  })
})

describe('the map: the player key', () => {
  it('comes back out of its file', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), key => {
        assert.deepEqual(importPlayerKey(exportPlayerKey(key)), Uint8Array.from(key))
      }),
    )
  })

  it('is not made of any other file', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), text => assert.equal(importPlayerKey(text), undefined)),
    )
  })
})

describe('the map: its build', () => {
  it('is one page with its own files only, and is made again only when its sources changed', async function () {
    this.timeout(10_000)
    const folder = await mkdtemp(join(tmpdir(), 'freehold-build-'))
    try {
      const outDir = join(folder, 'page')
      assert.equal((await buildMap(outDir)).built, true)
      const { mtimeMs } = await stat(join(outDir, 'index.html'))
      assert.equal((await buildMap(outDir)).built, false)
      assert.equal((await stat(join(outDir, 'index.html'))).mtimeMs, mtimeMs)
      assert.deepEqual((await readdir(folder)).sort(), ['page'])
      await rm(join(outDir, 'sources.json'))
      assert.equal((await buildMap(outDir)).built, true)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
