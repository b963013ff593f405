import type { Position } from '../../world/codec.ts'
import { AreaGhosts } from './ghosts.ts'
import type { GatewayLimits } from './limits.ts'
import type { AreaInfo, AuthorityRouter } from './router.ts'

/** A character runs so far in some seconds. */
const NEAR_BORDER_MM = 40_000

interface Feed {
  readonly ghosts: AreaGhosts
  readonly unsubscribe: () => void
  usedMs: number
}

/** The areas that somebody here looks at: one subscription each, however many clients. */
export class GhostFeeds {
  private readonly router: AuthorityRouter
  private readonly limits: GatewayLimits
  private readonly tickMs: number
  private readonly crossed: (player: string, to: string) => void
  private readonly feeds = new Map<string, Feed>()
  private lastHandle = 0

  /** @param crossed a player's character, by the hex of the key, is another area's now: the hash of that one's log's origin */
  constructor(
    router: AuthorityRouter,
    limits: GatewayLimits,
    tickMs: number,
    crossed: (player: string, to: string) => void,
  ) {
    this.crossed = crossed
    this.router = router
    this.limits = limits
    this.tickMs = tickMs
  }

  get stats(): { areas: number; ghosts: number; dropped: number; unreadable: number } {
    const stats = { areas: this.feeds.size, ghosts: 0, dropped: 0, unreadable: 0 }
    for (const { ghosts } of this.feeds.values()) {
      stats.ghosts += ghosts.size
      stats.dropped += ghosts.dropped
      stats.unreadable += ghosts.unreadable
    }
    return stats
  }

  /** The ghosts of an area, subscribing to it when nobody looked at it before. Undefined when there is no such area. */
  use(area: string, nowMs: number): AreaGhosts | undefined {
    const known = this.feeds.get(area)
    if (known !== undefined) {
      known.usedMs = nowMs
      return known.ghosts
    }
    const info = this.router.areas().find(({ name }) => name === area)
    if (info === undefined) return undefined
    const ghosts = new AreaGhosts(info, {
      maxEntities: this.limits.ghostsPerArea,
      maxEvents: this.limits.eventsPerArea,
      tickMs: this.tickMs,
      newHandle: () => ++this.lastHandle,
      crossed: this.crossed,
    })
    ghosts.settle(nowMs)
    this.feeds.set(area, { ghosts, unsubscribe: this.router.subscribe(area, ghosts), usedMs: nowMs })
    return ghosts
  }

  /** So that who goes over the border there is seen on the other side at once. */
  useNeighbours(area: AreaInfo, { xMm, yMm }: Position, nowMs: number): void {
    if (area.borders !== 'open' || distanceInside(area, xMm, yMm) > NEAR_BORDER_MM) return
    for (const other of this.router.areas()) {
      const isNear = other.borders === 'open' && -distanceInside(other, xMm, yMm) <= NEAR_BORDER_MM
      if (isNear && other.name !== area.name) this.use(other.name, nowMs)
    }
  }

  /** The area that the player's entity is in, as far as the ghosts here show. */
  areaOf(player: string): string | undefined {
    for (const [area, { ghosts }] of this.feeds) if (ghosts.playerSlot(player) !== undefined) return area
    return undefined
  }

  settle(nowMs: number): void {
    for (const { ghosts } of this.feeds.values()) ghosts.settle(nowMs)
  }

  sweep(nowMs: number): void {
    for (const [area, feed] of [...this.feeds]) {
      if (nowMs - feed.usedMs < this.limits.lingerMs) continue
      feed.unsubscribe()
      this.feeds.delete(area)
    }
  }

  stop(): void {
    for (const feed of this.feeds.values()) feed.unsubscribe()
    this.feeds.clear()
  }
}

/** To the nearest border from inside; below 0 outside. */
function distanceInside({ xMm, yMm, sideMm }: AreaInfo, atXMm: number, atYMm: number): number {
  const x = Math.min(atXMm - xMm, xMm + sideMm - atXMm)
  const y = Math.min(atYMm - yMm, yMm + sideMm - atYMm)
  return Math.min(x, y)
}
