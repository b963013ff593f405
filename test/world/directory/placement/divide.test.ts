import assert from 'node:assert/strict'
import { divide, hotspots } from '../../../../world/directory/placement/divide.ts'
import { type Tile, Tiles } from '../../../../world/directory/placement/tiles.ts'
import { beginTrend, observe, predictedPlayers } from '../../../../world/directory/placement/trend.ts'

const NOW = 10_000

function tile(quadkey: string, players: number, more: Partial<Tile> = {}): Tile {
  return {
    quadkey,
    sideMm: 10_000_000,
    capacity: 5_000,
    players,
    trend: beginTrend(NOW, players),
    sinceTick: 0,
    isBusy: false,
    ...more,
  }
}

function tilesOf(...all: readonly Tile[]): Tiles {
  const tiles = new Tiles()
  for (const each of all) tiles.put(each)
  return tiles
}

function four(players: number, more: Partial<Tile> = {}): Tile[] {
  return ['0', '1', '2', '3'].map(quadrant => tile(`02${quadrant}`, players, { sideMm: 5_000_000, ...more }))
}

describe('tiles', () => {
  it('split at four fifths of their capacity, the fullest first', () => {
    const tiles = tilesOf(tile('00', 4_000), tile('01', 3_999), tile('02', 4_500))
    assert.deepEqual(divide(tiles, NOW), [
      { kind: 'split', quadkey: '02', why: 'full' },
      { kind: 'split', quadkey: '00', why: 'full' },
    ])
  })

  it('split at once when they are full, though they were just made, but not while they are busy or at their smallest', () => {
    const full = tile('00', 5_000, { sinceTick: NOW })
    const busy = tile('01', 9_000, { isBusy: true })
    const smallest = tile('02', 9_000, { sideMm: 2_500_000 })
    const tiles = tilesOf(full, busy, smallest, tile('03', 4_500, { sinceTick: NOW }))
    assert.deepEqual(divide(tiles, NOW), [{ kind: 'split', quadkey: '00', why: 'emergency' }])
    assert.deepEqual(
      hotspots(tiles, NOW).map(({ quadkey, percent, isSmallest }) => [quadkey, percent, isSmallest]),
      [
        ['01', 180, false],
        ['02', 180, true],
        ['00', 100, false],
      ],
    )
  })

  it('split before a rush: when in a minute they would be full', () => {
    let trend = beginTrend(NOW - 60, 0)
    for (let tick = NOW - 60; tick <= NOW; tick += 1)
      trend = observe(trend, tick, 3_000 - 50 * (NOW - tick), 5_000)
    assert.ok(predictedPlayers(trend) >= 5_000)
    assert.deepEqual(divide(tilesOf(tile('00', 3_000, { trend })), NOW), [
      { kind: 'split', quadkey: '00', why: 'rush' },
    ])
  })

  it('are expected to go on as they are when nothing changes', () => {
    assert.equal(predictedPlayers(observe(beginTrend(0, 3_000), 600, 3_000, 5_000)), 3_000)
  })

  it('merge when all four together have been idle for some time', () => {
    assert.deepEqual(divide(tilesOf(...four(499)), NOW), [{ kind: 'merge', quadkey: '02' }])
    assert.deepEqual(divide(tilesOf(...four(500)), NOW), [])
    assert.deepEqual(divide(tilesOf(...four(499, { sinceTick: NOW - 299 })), NOW), [])
    assert.deepEqual(divide(tilesOf(...four(499, { trend: beginTrend(NOW, 600) })), NOW), [])
    assert.deepEqual(divide(tilesOf(...four(499).slice(1)), NOW), [])
    assert.deepEqual(divide(tilesOf(...four(0).map(each => ({ ...each, sideMm: 10_000_000 }))), NOW), [])
  })
})
