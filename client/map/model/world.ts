import type { Placed } from './entities.ts'
import type { Sight } from './link.ts'
import { isMoving, positionAt, SmoothTick } from './motion.ts'

interface Source {
  readonly sight: Sight
  readonly clock: SmoothTick
}

/**
 * Everything that is seen now, from every link to a gateway that is open (one a watched area, one's own session).
 * An entity that two links show is drawn once, as the link that was first shown has it.
 */
export class SeenWorld {
  readonly #sources = new Map<string, Source>()
  readonly #tickMs: number

  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  show(link: string, sight: Sight): void {
    this.#sources.set(link, { sight, clock: new SmoothTick(this.#tickMs) })
  }

  hide(link: string): void {
    this.#sources.delete(link)
  }

  /** Where everything is at `nowMs`. */
  place(nowMs: number): Placed[] {
    const placed = new Map<string, Placed>()
    for (const { sight, clock } of this.#sources.values()) {
      const tick = clock.follow(sight.tick, nowMs)
      for (const entity of sight.entities.values()) {
        if (placed.has(entity.id)) continue
        const moving = isMoving(entity.motion, tick)
        placed.set(entity.id, { entity, area: sight.area, tick, moving, ...positionAt(entity.motion, tick) })
      }
    }
    return [...placed.values()]
  }
}
