/** A network of nodes and areas as it really is: who is up, how far they are from each other, who plays where. */
import type { SimRandom } from '../random.ts'

/** Nodes lie on a square whose sides are so many milliseconds of round trip. */
export const PLANE_MS = 120

export interface SimNode {
  readonly number: number
  readonly operator: string
  readonly host: string
  readonly capacity: number
  readonly trust: number
  readonly x: number
  readonly y: number
  status: 'active' | 'leaving' | 'gone'
  isUp: boolean
  /** The tick at which it went down, or did not ask for its lease any more. */
  downTick: number
  sinceTick: number
  heardTick: number
  movedTick: number
  /** What its owner does besides. */
  foreign: number
  /** What it last said of its load. */
  measured: number
  roundTripsMs: ReadonlyMap<number, number>
}

export interface SimArea {
  readonly group: number
  x: number
  y: number
  players: number
  weight: number
  wantedNear: readonly number[]
  voters: readonly number[]
  learners: readonly number[]
  pending: SimChange | undefined
  sinceTick: number
  lost: readonly number[] | undefined
  lostTick: number
}

export interface SimChange {
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  readonly sinceTick: number
  readonly doneTick: number
}

const NEAREST = 16

export function newNode(random: SimRandom, number: number, nodes: number, tick: number): SimNode {
  const stranger = random.chance(0.1)
  return {
    number,
    // Some operators have several nodes, and some hosts too.
    operator: `operator ${random.below(Math.max(2, nodes))}`,
    host: `host ${random.below(Math.max(2, nodes * 2))}`,
    capacity: 600 + 100 * random.below(14),
    trust: number <= 5 ? 1_000 : stranger ? random.below(250) : 250 + random.below(750),
    x: random.below(PLANE_MS),
    y: random.below(PLANE_MS),
    status: 'active',
    isUp: true,
    downTick: 0,
    sinceTick: tick,
    heardTick: tick,
    movedTick: 0,
    foreign: random.chance(0.2) ? random.below(150) : 0,
    measured: 0,
    roundTripsMs: new Map(),
  }
}

export function roundTripMs(a: { x: number; y: number }, b: { x: number; y: number }): number {
  return 2 + Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y))
}

/** Its nearest, as it has just measured them: a tenth more or less than it is. */
export function measuredFrom(node: SimNode, all: readonly SimNode[], random: SimRandom): Map<number, number> {
  const nearest = all
    .filter(each => each !== node && each.isUp)
    .map(each => ({ number: each.number, ms: roundTripMs(node, each) }))
    .sort((a, b) => a.ms - b.ms || a.number - b.number)
    .slice(0, NEAREST)
  return new Map(
    nearest.map(({ number, ms }) => [number, Math.max(1, Math.floor((ms * (90 + random.below(21))) / 100))]),
  )
}

export function newArea(random: SimRandom, group: number): SimArea {
  const area: SimArea = {
    group,
    x: random.below(PLANE_MS),
    y: random.below(PLANE_MS),
    players: 0,
    weight: 0,
    wantedNear: [],
    voters: [],
    learners: [],
    pending: undefined,
    sinceTick: 0,
    lost: undefined,
    lostTick: 0,
  }
  setPlayers(area, random.chance(0.3) ? 0 : random.below(1_000))
  return area
}

export function setPlayers(area: SimArea, players: number): void {
  area.players = Math.max(0, players)
  area.weight = 5 + Math.floor(area.players / 10)
}

/** The gateways of its players: mostly nodes near the place where they live. */
export function gatewaysOf(area: SimArea, nodes: readonly SimNode[]): number[] {
  if (area.players === 0) return []
  return nodes
    .filter(node => node.isUp)
    .map(node => ({ number: node.number, ms: roundTripMs(node, area) }))
    .sort((a, b) => a.ms - b.ms || a.number - b.number)
    .slice(0, 3)
    .map(({ number }) => number)
}
