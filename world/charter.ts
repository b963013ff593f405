import { WorldError } from './errors.ts'
import { ORIGIN_MAX_CHARS } from './limits.ts'
import { isInside, type Position } from './motion.ts'

/** What an area is from its birth on. It stands in the genesis file and as the log's first leaf, so it is not in the state. */
export interface AreaCharter {
  readonly name: string
  readonly quadkey: string
  /** Lower-left corner, in the world's millimetres. */
  readonly xMm: number
  readonly yMm: number
  readonly sideMm: number
  readonly spawns: readonly Position[]
  /** Any whole number from 0 to 2³²−1. Together with the log's origin it places resources and NPCs. */
  readonly seed: number
  readonly resourceCount: number
  readonly npcCount: number
  /** How many characters, awake or asleep, the area takes. */
  readonly capacity: number
  /** Characters may leave over the border, into an area that touches there, and others may come in. Left out: nobody does. */
  readonly borders?: 'open' | undefined
}

const MAX_SIDE_MM = 90_000_000
const MAX_CORNER_MM = 1_125_899_906_842_624

/** Throws `bad-charter` and names the field. */
export function checkCharter(charter: AreaCharter, origin: string): void {
  const whole = (field: keyof AreaCharter, from: number, to: number): void => {
    const value = charter[field]
    if (!Number.isSafeInteger(value) || (value as number) < from || (value as number) > to) {
      throw new WorldError(
        'bad-charter',
        `The charter's ${field} must be a whole number from ${from} to ${to}.`,
      )
    }
  }
  whole('xMm', -MAX_CORNER_MM, MAX_CORNER_MM)
  whole('yMm', -MAX_CORNER_MM, MAX_CORNER_MM)
  whole('sideMm', 100_000, MAX_SIDE_MM)
  whole('seed', 0, 4_294_967_295)
  whole('resourceCount', 0, 20_000)
  whole('npcCount', 0, 20_000)
  whole('capacity', 1, 100_000)
  if (charter.borders !== undefined && charter.borders !== 'open')
    throw new WorldError('bad-charter', "The charter's borders must be open, or left out.")
  if (!/^[\x21-\x7e]+$/.test(origin) || origin.length > ORIGIN_MAX_CHARS) {
    throw new WorldError(
      'bad-charter',
      `The log's origin must be 1 to ${ORIGIN_MAX_CHARS} visible ASCII characters.`,
    )
  }
  const spawnsInside = charter.spawns.every(
    ({ xMm, yMm }) => Number.isSafeInteger(xMm) && Number.isSafeInteger(yMm) && isInside(charter, xMm, yMm),
  )
  if (charter.spawns.length === 0 || charter.spawns.length > 64 || !spawnsInside) {
    throw new WorldError('bad-charter', 'The charter needs 1 to 64 spawn points, all inside the area.')
  }
}
