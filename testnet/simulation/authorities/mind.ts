import {
  type Action,
  GATHER_REACH_MM,
  type Position,
  positionAt,
  STRIKE_REACH_MM,
} from '../../../world/codec.ts'
import type { World } from '../../../world/world.ts'
import type { SimRandom } from '../random.ts'

/** At most what the rules allow along both axes. */
const STEP_MM_PER_TICK = 450

/** Of the wishes of those who may go over borders, so many lead to the next one. */
const TO_THE_BORDER_PERCENT = 60
const RUN_MM_PER_TICK = 690

/** The same for players who go to and fro between areas that lie side by side, each so wide. */
export function decideToCross(
  random: SimRandom,
  player: Uint8Array,
  world: World | undefined,
  sideMm: number,
): Action {
  const own = world?.characterOf(player)
  const character = own === undefined ? undefined : world!.entity(own)
  if (character === undefined || random.below(100) >= TO_THE_BORDER_PERCENT)
    return decide(random, player, world)
  const { xMm } = positionAt(character.motion, world!.tick)
  const isRight = ((xMm % sideMm) + sideMm) % sideMm > sideMm / 2
  return { kind: 'move', vxMmPerTick: isRight ? RUN_MM_PER_TICK : -RUN_MM_PER_TICK, vyMmPerTick: 0 }
}

/** A player's next wish: mostly something that the rules allow, sometimes not, since refusals are logged too. */
export function decide(random: SimRandom, player: Uint8Array, world: World | undefined): Action {
  const own = world?.characterOf(player)
  const character = own === undefined ? undefined : world!.entity(own)
  if (world === undefined || character === undefined) return wander(random)
  const here = positionAt(character.motion, world.tick)
  const dice = random.below(100)
  if (dice < 35) return gather(random, world, here)
  if (dice < 50) return strike(random, world, here, character.id)
  if (dice < 60) {
    const near = (at: number): number => at + random.below(6_000) - 3_000
    return { kind: 'build', structure: random.below(3), xMm: near(here.xMm), yMm: near(here.yMm) }
  }
  return dice < 62 ? { kind: 'leave' } : wander(random)
}

function gather(random: SimRandom, world: World, here: Position): Action {
  const found = nearest(world, here, entity => entity.kind === 'resource')
  if (found === undefined) return wander(random)
  return found.distance <= GATHER_REACH_MM
    ? { kind: 'gather', resource: found.id }
    : towards(here, found.position)
}

function strike(random: SimRandom, world: World, here: Position, own: string): Action {
  const found = nearest(
    world,
    here,
    entity => entity.id !== own && (entity.kind === 'character' || entity.kind === 'npc'),
  )
  if (found === undefined) return wander(random)
  return found.distance <= STRIKE_REACH_MM
    ? { kind: 'strike', target: found.id }
    : towards(here, found.position)
}

function wander(random: SimRandom): Action {
  const speed = (): number => random.below(2 * STEP_MM_PER_TICK + 1) - STEP_MM_PER_TICK
  return { kind: 'move', vxMmPerTick: speed(), vyMmPerTick: speed() }
}

function towards(here: Position, there: Position): Action {
  const speed = (from: number, to: number): number =>
    Math.max(-STEP_MM_PER_TICK, Math.min(STEP_MM_PER_TICK, Math.round((to - from) / 5)))
  return { kind: 'move', vxMmPerTick: speed(here.xMm, there.xMm), vyMmPerTick: speed(here.yMm, there.yMm) }
}

type Entities = ReturnType<World['entities']>
type EntityOf = Entities extends Iterable<infer E> ? E : never

function nearest(
  world: World,
  here: Position,
  fits: (entity: EntityOf) => boolean,
): { id: string; position: Position; distance: number } | undefined {
  let best: { id: string; position: Position; distance: number } | undefined
  for (const entity of world.entities()) {
    if (!fits(entity)) continue
    const position = positionAt(entity.motion, world.tick)
    const distance = Math.max(Math.abs(position.xMm - here.xMm), Math.abs(position.yMm - here.yMm))
    if (best === undefined || distance < best.distance) best = { id: entity.id, position, distance }
  }
  return best
}
