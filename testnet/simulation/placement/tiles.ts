/** Tiles under crowds that come and go: what splits, what merges, and whether the two leave each other alone. */
import { createHash } from 'node:crypto'
import { type Division, divide, hotspots } from '../../../world/directory/placement/divide.ts'
import { type Tile, Tiles } from '../../../world/directory/placement/tiles.ts'
import { beginTrend, observe } from '../../../world/directory/placement/trend.ts'
import { SimRandom } from '../random.ts'
import { demand } from './violation.ts'

export interface TilesOutcome {
  readonly trace: string
  readonly divisions: ReadonlyMap<string, number>
  readonly mostPercent: number
}

const CAPACITY = 5_000
const BASE_SIDE_MM = 10_000_000
const MIN_SIDE_MM = 2_500_000
const BASES = ['00', '01', '02', '03']
const TICKS = 5_400
/** After these no crowd begins to come or go. */
const WEATHER_TICKS = 1_800
const REST_TICKS = 600
/** How long a split or a merge takes. */
const DIVIDING_TICKS = 20
/** What was merged is not split again so soon, and what was split not merged, unless it is full. */
const CHASE_TICKS = 120
/** A crowd that grows by no more than this a second, for so long, is seen coming. */
const SLOW_PER_TICK = 60
const SEEN_TICKS = 60

/** People around a place: so many are there, and so many come (or go) each tick, from one tick until another. */
interface Crowd {
  readonly place: string
  readonly perTick: number
  readonly since: number
  readonly until: number
  count: number
}

/** Where people are is known to a depth below the smallest tile. */
const DEPTH = 4

class Land {
  readonly tiles = new Tiles()
  readonly crowds: Crowd[] = []
  readonly dividing = new Map<string, { division: Division; tick: number }>()
  /** By tile: the tick at which it was made by a merge. */
  readonly merged = new Map<string, number>()
  readonly leaves = new Map<string, Tile>()

  put(tile: Tile): void {
    this.leaves.set(tile.quadkey, tile)
    this.tiles.put(tile)
  }

  drop(quadkey: string): void {
    this.leaves.delete(quadkey)
    this.tiles.drop(quadkey)
  }

  make(quadkey: string, sideMm: number, tick: number): void {
    const players = this.playersIn(quadkey)
    const trend = beginTrend(tick, players)
    this.put({ quadkey, sideMm, capacity: CAPACITY, players, trend, sinceTick: tick, isBusy: false })
  }

  playersIn(quadkey: string): number {
    return this.crowds.reduce((sum, { place, count }) => sum + (place.startsWith(quadkey) ? count : 0), 0)
  }

  report(tick: number): void {
    for (const tile of [...this.leaves.values()]) {
      const players = this.playersIn(tile.quadkey)
      const trend = observe(tile.trend, tick, players, CAPACITY)
      this.put({ ...tile, players, trend })
    }
  }

  begin(division: Division, tick: number): void {
    const keys = division.kind === 'split' ? [division.quadkey] : childrenOf(division.quadkey)
    for (const key of keys) this.put({ ...this.leaves.get(key)!, isBusy: true })
    this.dividing.set(division.quadkey, { division, tick })
  }

  end(tick: number): void {
    for (const [quadkey, { division, tick: began }] of [...this.dividing]) {
      if (tick - began < DIVIDING_TICKS) continue
      this.dividing.delete(quadkey)
      const parts = childrenOf(quadkey)
      const { sideMm } = this.leaves.get(division.kind === 'split' ? quadkey : parts[0]!)!
      for (const old of division.kind === 'split' ? [quadkey] : parts) this.drop(old)
      if (division.kind === 'split') for (const part of parts) this.make(part, sideMm / 2, tick)
      else {
        this.make(quadkey, sideMm * 2, tick)
        this.merged.set(quadkey, tick)
      }
    }
  }
}

/** @throws Violation */
export function runTiles({ seed }: { readonly seed: number }): TilesOutcome {
  const random = new SimRandom(seed).fork('tiles')
  const land = new Land()
  const trace = createHash('sha256')
  const divisions = new Map<string, number>()
  for (const base of BASES) land.make(base, BASE_SIDE_MM, 0)
  let last = 0
  let mostPercent = 0
  for (let tick = 1; tick <= TICKS; tick++) {
    if (tick < WEATHER_TICKS && random.chance(0.01)) land.crowds.push(crowd(random, land, tick))
    for (const each of land.crowds) {
      if (tick < each.until) each.count = Math.max(0, each.count + each.perTick)
    }
    land.end(tick)
    land.report(tick)
    for (const division of divide(land.tiles, tick)) {
      judge(land, division, tick)
      land.begin(division, tick)
      const why = division.kind === 'split' ? division.why : 'merge'
      divisions.set(why, (divisions.get(why) ?? 0) + 1)
      trace.update(JSON.stringify([tick, division]))
      last = tick
    }
    mostPercent = Math.max(mostPercent, watch(land, tick))
  }
  demand(
    TICKS - last >= REST_TICKS,
    () => `tiles not at rest: a division ${TICKS - last} ticks before the end`,
  )
  atRest(land)
  return { trace: trace.digest('hex'), divisions, mostPercent }
}

function crowd(random: SimRandom, land: Land, tick: number): Crowd {
  const going = land.crowds.filter(each => each.count > 0 && tick >= each.until)
  const lasts = 60 + random.below(200)
  if (going.length > 0 && random.chance(0.5)) {
    const from = going[random.below(going.length)]!
    land.crowds.splice(land.crowds.indexOf(from), 1)
    return { ...from, perTick: -Math.ceil(from.count / lasts), since: tick, until: tick + lasts + 1 }
  }
  const quadrants = Array.from({ length: DEPTH }, () => random.below(4)).join('')
  const place = BASES[random.below(BASES.length)]! + quadrants
  // Some are there all at once.
  if (random.chance(0.1))
    return { place, count: 2_000 + random.below(6_000), perTick: 0, since: tick, until: tick }
  return {
    place,
    count: 0,
    perTick: 1 + random.below(random.chance(0.5) ? 60 : 20),
    since: tick,
    until: tick + lasts,
  }
}

function judge(land: Land, division: Division, tick: number): void {
  const { quadkey } = division
  const about = `tile ${quadkey} at ${tick}: `
  if (division.kind === 'split') {
    const tile = land.leaves.get(quadkey)
    demand(tile !== undefined && !tile.isBusy, () => `${about}split while it is not there, or busy`)
    demand(tile!.sideMm > MIN_SIDE_MM, () => `${about}split below the smallest size`)
    demand(tile!.players * 2 >= CAPACITY, () => `${about}split with ${tile!.players} players`)
    const merged = land.merged.get(quadkey)
    const isChased = merged !== undefined && tick - merged < CHASE_TICKS && tile!.players * 5 < CAPACITY * 4
    demand(!isChased, () => `${about}split ${tick - merged!} ticks after it was merged`)
    return
  }
  const four = childrenOf(quadkey).map(child => land.leaves.get(child))
  demand(
    four.every(each => each !== undefined && !each.isBusy),
    () => `${about}merged of tiles that are not there, or busy`,
  )
  const sum = four.reduce((players, each) => players + each!.players, 0)
  demand(sum * 10 < CAPACITY * 4, () => `${about}merged with ${sum} players`)
  const youngest = Math.max(...four.map(each => each!.sinceTick))
  demand(tick - youngest >= CHASE_TICKS, () => `${about}merged ${tick - youngest} ticks after a split`)
}

/** What is full is being split; a crowd that grows for a while never fills a tile that could be split. Gives the fullest one's percentage. */
function watch(land: Land, tick: number): number {
  let most = 0
  for (const { quadkey, players, sideMm, isBusy, sinceTick } of land.leaves.values()) {
    const percent = Math.floor((players * 100) / CAPACITY)
    most = Math.max(most, percent)
    if (percent < 80) continue
    const about = `tile ${quadkey} at ${tick}: `
    const shown = hotspots(land.tiles, tick).some(each => each.quadkey === quadkey)
    demand(shown || tick - sinceTick < CHASE_TICKS, () => `${about}${percent} % full, and no hotspot`)
    if (sideMm <= MIN_SIDE_MM) continue
    demand(isBusy || percent < 100, () => `${about}${percent} % full, and not split`)
    demand(
      isBusy || tick - sinceTick < CHASE_TICKS,
      () => `${about}${percent} % full for long, and not split`,
    )
    const near = land.crowds.filter(each => each.place.startsWith(quadkey))
    const perTick = near.reduce((sum, each) => sum + (tick < each.until ? Math.max(0, each.perTick) : 0), 0)
    const youngest = Math.max(sinceTick + CHASE_TICKS, ...near.map(({ since }) => since))
    const isSlow = perTick > 0 && perTick <= SLOW_PER_TICK && tick - youngest >= SEEN_TICKS
    demand(!isSlow || percent < 100, () => `${about}filled by a crowd that was seen coming`)
  }
  return most
}

function atRest(land: Land): void {
  const sizes = [...land.leaves.values()]
  for (const { quadkey, sideMm, players } of sizes)
    demand(
      sideMm <= MIN_SIDE_MM || players * 10 < CAPACITY * 8,
      () => `tile ${quadkey} at rest: ${players} players`,
    )
  const parents = new Set(
    sizes.filter(tile => tile.sideMm < BASE_SIDE_MM).map(tile => tile.quadkey.slice(0, -1)),
  )
  for (const parent of parents) {
    const four = childrenOf(parent).map(child => land.leaves.get(child))
    if (four.some(each => each === undefined)) continue
    const sum = four.reduce((players, each) => players + each!.players, 0)
    demand(sum * 10 >= CAPACITY * 4, () => `tiles in ${parent} at rest: ${sum} players, and not merged`)
  }
}

function childrenOf(quadkey: string): string[] {
  return [0, 1, 2, 3].map(quadrant => `${quadkey}${quadrant}`)
}
