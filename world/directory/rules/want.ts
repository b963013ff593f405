import { type Verdict, verdict } from '../../rules/verdict.ts'
import { holdTile } from '../begin.ts'
import { BASE_DIGITS, BASE_TILE_MM, MAX_AUTHORITIES } from '../limits.ts'
import type { DirectoryState } from '../state.ts'
import type { AreaFacts, Policy } from '../types.ts'

/** Where characters appear, as hundredths of the tile's side: near its middle, so that they meet. */
const SPAWNS = [
  [48, 48],
  [52, 48],
  [48, 52],
  [52, 52],
] as const

/** Makes the area of a base tile that nobody holds. The next placement gives it members. The outcome's value: its group. */
export function want(state: DirectoryState, quadkey: string): Verdict {
  if (quadkey.length !== BASE_DIGITS) return verdict('not-a-base-tile')
  if (state.tiles.get(quadkey) !== undefined) return verdict('tile-held', state.tiles.get(quadkey))
  if (state.authorities.size >= MAX_AUTHORITIES) return verdict('too-many-authorities', MAX_AUTHORITIES)
  return verdict('ok', makeArea(state, quadkey))
}

/** A new area with a group, and so a birth, that never was before. */
export function makeArea(state: DirectoryState, quadkey: string): number {
  const { header } = state
  const group = header.nextGroup++
  state.touchHeader()
  state.setAuthority({
    ...{ group, kind: 'area', name: `area/${quadkey}`, birth: group, area: areaOf(quadkey, state.policy) },
    ...{ epoch: 0, lastEpoch: 0, members: [], leading: [], learners: [], orders: [] },
    ...{ orderedMs: header.passedMs, lost: undefined },
  })
  holdTile(state, quadkey, group)
  state.tell(`tile/${quadkey}`)
  return group
}

function areaOf(quadkey: string, { seed, resourceCount, npcCount, capacity }: Policy): AreaFacts {
  let [x, y] = [0, 0]
  let sideMm = BASE_TILE_MM
  for (const digit of quadkey) {
    x = x * 2 + (Number(digit) & 1)
    y = y * 2 + (Number(digit) >> 1)
  }
  for (let digits = BASE_DIGITS; digits < quadkey.length; digits++) sideMm /= 2
  const [xMm, yMm] = [x * sideMm, y * sideMm]
  const spawns = SPAWNS.map(([right, up]) => ({
    xMm: xMm + (sideMm / 100) * right,
    yMm: yMm + (sideMm / 100) * up,
  }))
  return { quadkey, xMm, yMm, sideMm, spawns, seed, resourceCount, npcCount, capacity }
}
