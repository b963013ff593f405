import { type Box, boxOf } from '../canvas/camera.ts'
import type { AuthorityView } from './api.ts'
import type { Point } from './motion.ts'

/** Around the points where people arrive, by the area's name. */
export type Towns = ReadonlyMap<string, Box>

interface Named {
  readonly name?: unknown
  readonly spawns?: unknown
}

const isPoint = (value: unknown): value is Point =>
  typeof (value as Point | null)?.xMm === 'number' && typeof (value as Point).yMm === 'number'

/** Where each area of a genesis file has its spawn points. Empty when the bytes are no genesis file. */
export function townsOf(genesis: Uint8Array): Towns {
  const towns = new Map<string, Box>()
  for (const { name, spawns } of authoritiesIn(genesis)) {
    const box = Array.isArray(spawns) ? boxOf(spawns.filter(isPoint)) : undefined
    if (typeof name === 'string' && box !== undefined) towns.set(name, box)
  }
  return towns
}

function authoritiesIn(genesis: Uint8Array): Named[] {
  try {
    const { authorities } = JSON.parse(new TextDecoder().decode(genesis)) as { authorities?: unknown }
    return Array.isArray(authorities) ? authorities.filter(it => typeof it === 'object' && it !== null) : []
  } catch {
    return []
  }
}

/** An area's town; its middle while the genesis file isn't known. */
export function townIn(area: AuthorityView, towns: Towns): Box {
  const xMm = area.xMm + area.sideMm / 2
  const yMm = area.yMm + area.sideMm / 2
  return towns.get(area.name) ?? { left: xMm, right: xMm, bottom: yMm, top: yMm }
}

export const middleOf = ({ left, right, bottom, top }: Box): Point => ({
  xMm: (left + right) / 2,
  yMm: (bottom + top) / 2,
})

export const mostPopulated = (areas: readonly AuthorityView[]): AuthorityView | undefined =>
  areas.reduce<AuthorityView | undefined>(
    (most, area) => (most === undefined || area.players > most.players ? area : most),
    undefined,
  )
