import type { Action, EntityView, Position } from '../../client/index.ts'
import {
  BUILD_REACH_MM,
  GATHER_REACH_MM,
  MAX_SPEED_MM_PER_TICK,
  PROTECTED_RADIUS_MM,
  STRIKE_REACH_MM,
  STRUCTURES,
} from '../../world/codec.ts'

/** What a bot can see when it decides. */
export interface Surroundings {
  readonly own: EntityView | undefined
  positionOf(entity: EntityView): Position
  ofKind(kind: EntityView['kind']): Iterable<EntityView>
}

/** How many of a kind a bot looks at before it decides: it is no better informed than a hasty player, and cheap. */
const LOOKED_AT = 24
/** Bots stay about as close to where they came in, so that there is company. */
const ROAM_MM = 60_000
const ARRIVED_MM = 3_000
const CAMPFIRE = 0

/** One bot's will: what it does next follows from its dice and from what it sees. */
export class Mind {
  private readonly dice: () => number
  private readonly peaceful: boolean
  private readonly goals: readonly Position[]
  private goal: Position | undefined
  private home: Position | undefined

  /** Who is peaceful strikes nobody. Between other things it goes from goal to goal. */
  constructor(dice: () => number, peaceful = false, goals: readonly Position[] = []) {
    this.dice = dice
    this.peaceful = peaceful
    this.goals = goals
  }

  /** Undefined while there is nothing that it could do: it isn't in the world, or dead. */
  decide(view: Surroundings): Action | undefined {
    const { own } = view
    if (own?.kind !== 'character' || own.respawnTick > 0) return undefined
    const here = view.positionOf(own)
    this.home ??= here
    const mood = this.dice()
    if (this.goals.length > 0 && this.dice() < 0.5) return this.travel(here)
    if (mood < 0.3) return this.gather(view, here)
    if (mood < 0.4) return this.build(own.items, here) ?? this.gather(view, here)
    if (mood < 0.5 && !this.peaceful) return this.strike(view, own.id, here)
    return this.wander(here)
  }

  /** Takes from the nearest resource, or goes there. Undefined as for `decide`. */
  forage(view: Surroundings): Action | undefined {
    const { own } = view
    if (own?.kind !== 'character' || own.respawnTick > 0) return undefined
    const here = view.positionOf(own)
    this.home ??= here
    return this.gather(view, here)
  }

  private travel(here: Position): Action {
    if (this.goal === undefined || distance(here, this.goal) < ARRIVED_MM)
      this.goal = this.goals[Math.floor(this.dice() * this.goals.length)]!
    return this.walk(here, this.goal)
  }

  private wander(here: Position): Action {
    const home = this.home!
    if (distance(here, home) > ROAM_MM) return this.walk(here, home)
    if (this.dice() < 0.15) return { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 }
    const target = { xMm: home.xMm + this.spread(ROAM_MM), yMm: home.yMm + this.spread(ROAM_MM) }
    return this.walk(here, target)
  }

  private gather(view: Surroundings, here: Position): Action {
    const resource = nearest(view, 'resource', here, it => it.kind === 'resource' && it.stock > 0)
    if (resource === undefined) return this.wander(here)
    const there = view.positionOf(resource)
    return distance(here, there) <= GATHER_REACH_MM
      ? { kind: 'gather', resource: resource.id }
      : this.walk(here, there)
  }

  private build(items: readonly number[], here: Position): Action | undefined {
    const { cost } = STRUCTURES[CAMPFIRE]!
    if (cost.some((need, item) => (items[item] ?? 0) < need)) return undefined
    if (distance(here, this.home!) < PROTECTED_RADIUS_MM) return undefined
    const reach = BUILD_REACH_MM / 2
    const [xMm, yMm] = [here.xMm + this.spread(reach), here.yMm + this.spread(reach)]
    return { kind: 'build', structure: CAMPFIRE, xMm: Math.round(xMm), yMm: Math.round(yMm) }
  }

  private strike(view: Surroundings, self: string, here: Position): Action {
    const kind = this.dice() < 0.5 ? 'npc' : 'character'
    const target = nearest(
      view,
      kind,
      here,
      it => it.id !== self && 'respawnTick' in it && it.respawnTick === 0,
    )
    if (target === undefined) return this.wander(here)
    const there = view.positionOf(target)
    return distance(here, there) <= STRIKE_REACH_MM
      ? { kind: 'strike', target: target.id }
      : this.walk(here, there)
  }

  /** Towards a place, at a pace that gets there in about a second when it is close. */
  private walk(from: Position, to: Position): Action {
    const [dx, dy] = [to.xMm - from.xMm, to.yMm - from.yMm]
    const far = Math.max(1, Math.hypot(dx, dy))
    const speed = Math.min(MAX_SPEED_MM_PER_TICK * (0.4 + 0.5 * this.dice()), far / 10)
    const part = speed / far
    return { kind: 'move', vxMmPerTick: Math.trunc(dx * part), vyMmPerTick: Math.trunc(dy * part) }
  }

  private spread(reachMm: number): number {
    return (this.dice() * 2 - 1) * reachMm
  }
}

function nearest(
  view: Surroundings,
  kind: EntityView['kind'],
  here: Position,
  suits: (entity: EntityView) => boolean,
): EntityView | undefined {
  let best: EntityView | undefined
  let bestMm = Number.POSITIVE_INFINITY
  let looked = 0
  for (const entity of view.ofKind(kind)) {
    if (looked++ >= LOOKED_AT) break
    if (!suits(entity)) continue
    const farMm = distance(here, view.positionOf(entity))
    if (farMm >= bestMm) continue
    best = entity
    bestMm = farMm
  }
  return best
}

function distance(a: Position, b: Position): number {
  return Math.hypot(a.xMm - b.xMm, a.yMm - b.yMm)
}
