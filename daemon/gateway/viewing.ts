import type { GatewayPorts } from './core.ts'
import type { GhostFeeds } from './feeds.ts'
import { ViewFrame } from './frames.ts'
import type { AreaGhosts } from './ghosts.ts'
import { Interest, ROUNDS_PER_SURVEY, Scratch, type Sight } from './interest.ts'
import type { Connection, Session } from './session.ts'

/** Each client gets a view this often. */
const ROUND_MS = 100
/** A round is served in so many parts, so that no part holds up the inputs for long. */
const PARTS = 5
/** With nothing to show, a client still hears the tick this often, and knows that the line is up. */
const QUIET_MS = 1_000

/** Decides whose turn it is to get a view, and where each client looks. */
export class Viewing {
  private readonly feeds: GhostFeeds
  private readonly ports: GatewayPorts
  private readonly scratch = new Scratch()
  private readonly quiet = new ViewFrame()
  private round = 0
  private part = PARTS
  private roundMs = 0

  constructor(feeds: GhostFeeds, ports: GatewayPorts) {
    this.feeds = feeds
    this.ports = ports
  }

  /** Serves the parts of the round that are due. */
  tick(connections: ReadonlyMap<number, Connection>, nowMs: number): void {
    if (this.part >= PARTS) {
      if (nowMs - this.roundMs < ROUND_MS) return
      // After a pause there is nothing to catch up with.
      this.roundMs = nowMs - this.roundMs > 2 * ROUND_MS ? nowMs : this.roundMs + ROUND_MS
      this.round++
      this.part = 0
      this.feeds.settle(nowMs)
    }
    const due = Math.min(PARTS, Math.floor(((nowMs - this.roundMs) * PARTS) / ROUND_MS) + 1)
    if (due <= this.part) return
    const from = this.part
    this.part = due
    for (const connection of connections.values()) {
      const turn = connection.id % PARTS
      if (connection.session !== undefined && turn >= from && turn < due)
        this.show(connection, connection.session, nowMs)
    }
  }

  private show(connection: Connection, session: Session, nowMs: number): void {
    const area = session.place?.area ?? session.shown
    const ghosts = this.feeds.use(area, nowMs)
    if (ghosts === undefined) return
    if (connection.slowSinceMs !== undefined) {
      // Nothing is queued for it: the next view that it gets holds all that has changed.
      this.ports.count('gateway_views_withheld_total')
      return
    }
    const index = session.areaNames.indexOf(area)
    if (index < 0) return
    const view = this.view(connection, session, ghosts, index, nowMs)
    if (view === undefined && nowMs - session.viewedMs < QUIET_MS) return
    session.viewedMs = nowMs
    this.ports.count('gateway_views_total')
    this.ports.send(connection.id, view ?? this.quiet.finish(index, ghosts.tickAt(nowMs), false))
  }

  private view(
    connection: Connection,
    session: Session,
    ghosts: AreaGhosts,
    index: number,
    nowMs: number,
  ): Uint8Array | undefined {
    const sight = session.place?.sight ?? ownSight(session, ghosts)
    if (sight === undefined) return undefined
    if (session.place === undefined) this.feeds.useNeighbours(ghosts.info, sight, nowMs)
    const isNew = session.interest?.ghosts !== ghosts
    if (session.interest === undefined || isNew) session.interest = new Interest(ghosts, sight.limit)
    // Surveys are spread over the rounds by the connection's number.
    const survey = isNew || (this.round + Math.floor(connection.id / PARTS)) % ROUNDS_PER_SURVEY === 0
    return session.interest.view(sight, survey, index, nowMs, this.scratch)
  }
}

/** Around the session's own entity; undefined until it has one. */
function ownSight(session: Session, ghosts: AreaGhosts): Sight | undefined {
  const slot = ghosts.playerSlot(session.player)
  if (slot === undefined) return undefined
  return { xMm: ghosts.xMm[slot]!, yMm: ghosts.yMm[slot]!, ...session.ownSight }
}
