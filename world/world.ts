import { Area, type PlayerSlot } from './area.ts'
import { type AreaCharter, checkCharter } from './charter.ts'
import { binaryString, compareBytes, startsWith } from './codec/bytes.ts'
import {
  decodeRequest,
  INPUT_MAX_BYTES,
  LOG_AT,
  logTagOf,
  PLAYER_BYTES,
  type Request,
  SESSION_AT,
  SESSION_BYTES,
  sessionNumber,
} from './codec/input.ts'
import type { Outcome } from './codec/outcome.ts'
import { encodeHeader, encodePlayer, entityKey, HEADER_KEY, playerKey } from './codec/state.ts'
import { decodeTick } from './codec/tick.ts'
import type { EntityView } from './entity.ts'
import type { HandoverRules } from './estate.ts'
import {
  type Applied,
  type DirtyEntry,
  HANDOVER_RECORD,
  INPUT_RECORD,
  type Rules,
  type StateEntry,
  TICK_RECORD,
  type WorldHost,
} from './interface.ts'
import { MAX_SESSION_AHEAD_MS, OUTCOMES_KEPT } from './limits.ts'
import { positionAt } from './motion.ts'
import type { Refusal } from './reasons.ts'
import { restoreArea } from './restore.ts'
import { act } from './rules/act.ts'
import { estateOf, type Wish, wishes } from './rules/crossing.ts'
import { populate } from './rules/populate.ts'
import { createCharacter, takeOver } from './rules/presence.ts'
import { advance } from './rules/tick.ts'
import { type Verdict, verdict } from './rules/verdict.ts'

export type { AreaCharter } from './charter.ts'
export type { Cargo, Estate, HandoverRules } from './estate.ts'

/** A new area, populated as its charter says. Throws a `WorldError` `bad-charter`. */
export function createWorld(host: WorldHost, charter: AreaCharter): World {
  checkCharter(charter, host.origin)
  const area = new Area(host, charter)
  area.beginRecord(0)
  area.touchHeader()
  populate(area)
  return new World(area, handoverOf(area))
}

/** The world that gave these `entries()`. They come from a verified snapshot or the own disk: broken ones throw `bad-state`. */
export function restoreWorld(host: WorldHost, charter: AreaCharter, entries: Iterable<StateEntry>): World {
  checkCharter(charter, host.origin)
  const area = new Area(host, charter)
  const handover = handoverOf(area)
  restoreArea(area, handover, entries)
  return new World(area, handover)
}

function handoverOf(area: Area): HandoverRules | undefined {
  return area.charter.borders === 'open' ? area.host.handover?.(estateOf(area)) : undefined
}

/** The rules of one area. The same records give the same bytes everywhere, restored in between or not. */
export class World implements Rules {
  readonly maxInputBytes = INPUT_MAX_BYTES
  /** Undefined where nobody comes or goes. */
  readonly handover: HandoverRules | undefined
  private readonly area: Area
  private readonly logTag: Uint8Array

  constructor(area: Area, handover: HandoverRules | undefined) {
    this.area = area
    this.handover = handover
    const { host } = area
    this.logTag = logTagOf(host.origin, bytes => host.sha256(bytes))
  }

  get tick(): number {
    return this.area.tick
  }

  /** The time of the last tick record, milliseconds since 1970; 0 before the first. */
  get timeMs(): number {
    return this.area.timeMs
  }

  /** How many characters are awake here. */
  get awakeCount(): number {
    return this.area.awake
  }

  /** How many characters are here, awake or asleep. */
  get characterCount(): number {
    return this.area.counts.character
  }

  /** Of those who are awake, how many stand in each quarter, in the order of quadkey digits. */
  awakeByQuarter(): number[] {
    const { charter, tick, players } = this.area
    const quarters = [0, 0, 0, 0]
    for (const { character } of players.values()) {
      const { entity } = character
      if (!entity.awake) continue
      const { xMm, yMm } = positionAt(entity.motion, tick)
      const right = xMm >= charter.xMm + charter.sideMm / 2 ? 1 : 0
      quarters[right + (yMm >= charter.yMm + charter.sideMm / 2 ? 2 : 0)]!++
    }
    return quarters
  }

  /** How many characters are here, awake or asleep. */
  get characters(): number {
    return this.area.counts.character
  }

  /** How many entities the area owns. */
  get entityCount(): number {
    return this.area.slots.size
  }

  /** False when nothing moves, no strike is in the air, nobody is dead, nothing expires and no NPC is thinking. */
  needsTick(): boolean {
    return this.area.due.size > 0 || (this.area.awake > 0 && this.area.counts.npc > 0)
  }

  apply(kind: number, body: Uint8Array, leaf: number): Applied {
    const { area } = this
    area.beginRecord(leaf)
    if (kind === INPUT_RECORD) return this.applyInput(body)
    if (kind === TICK_RECORD) return this.applyTick(body)
    if (kind === HANDOVER_RECORD) return this.applyHandover(body)
    return this.applied()
  }

  /**
   * The cheap filter before proposing. It refuses only what no earlier input still in flight could make right:
   * unreadable bytes, another log's input, a closed session, a duplicate (ask `outcomeOf`). An opening that comes too
   * late passes: its outcome tells the number that would be high enough.
   */
  check(body: Uint8Array): Refusal | undefined {
    const input = this.read(body)
    if ('code' in input) return input
    const player = this.area.playerOf(body)
    if (!player) {
      const code = this.whereabouts(body)
      return code && { code }
    }
    const { session, lastSeq } = player.record
    if (startsWith(body, SESSION_AT, session))
      return input.seq <= lastSeq ? { code: 'duplicate', seq: lastSeq } : undefined
    const closed = sessionNumber(body, SESSION_AT) <= sessionNumber(session)
    return closed && !opensSession(input) ? { code: 'session-closed' } : undefined
  }

  /**
   * The last seq applied for this session; 0 for one that is not open here.
   * @param player bytes that begin with the key
   * @param session bytes that have the session at `sessionAt`
   */
  lastSeq(player: Uint8Array, session: Uint8Array, sessionAt = 0): number {
    return this.openSession(player, session, sessionAt)?.record.lastSeq ?? 0
  }

  /** One of the session's last `OUTCOMES_KEPT` outcomes; none that came of an input elsewhere. */
  outcomeOf(player: Uint8Array, session: Uint8Array, seq: number): Outcome | undefined {
    const record = this.openSession(player, session, 0)?.record
    if (record === undefined || seq <= record.carriedSeq) return undefined
    return record.outcomes.find(outcome => outcome.seq === seq)
  }

  /** Which authority the player's character has gone to from here, the hash of its log's origin; undefined where that is not known. */
  forwardOf(player: Uint8Array): Uint8Array | undefined {
    return this.area.away.forward(binaryString(player, 0, PLAYER_BYTES))?.target
  }

  /** The player's character that is on its way out. */
  crossingOf(player: Uint8Array): string | undefined {
    return this.area.away.crossingOf(binaryString(player, 0, PLAYER_BYTES))
  }

  /** Characters that would go over the border now. */
  wishes(): Iterable<Wish> {
    return wishes(this.area)
  }

  /** The id of the player's character here. */
  characterOf(player: Uint8Array): string | undefined {
    return this.area.playerOf(player)?.record.character
  }

  entity(id: string): EntityView | undefined {
    return this.area.slots.get(id)?.entity
  }

  /** All entities in id order. Not to be changed, and good until the next `apply`. */
  *entities(): Iterable<EntityView> {
    for (const id of [...this.area.slots.keys()].sort()) yield this.area.slots.get(id)!.entity
  }

  /** The canonical bytes, for clients too (`decodeEntity`). Shared: not to be written to. */
  entityBytes(id: string): Uint8Array | undefined {
    const slot = this.area.slots.get(id)
    return slot === undefined ? this.area.away.crossing(id)?.bytes : this.area.encoded(slot)
  }

  /** What changed since the last call, in key order. */
  takeDirty(): DirtyEntry[] {
    const dirty = this.area.takeDirty()
    const changes = this.handover?.takeChanges() ?? []
    return changes.length === 0 ? dirty : dirty.concat(changes).sort(byKey)
  }

  /** All state, in key order. */
  *entries(): Iterable<StateEntry> {
    const { area } = this
    yield { key: HEADER_KEY, value: encodeHeader(area.header()) }
    for (const id of [...area.slots.keys()].sort()) {
      yield { key: entityKey(id), value: area.encoded(area.slots.get(id)!) }
    }
    yield* area.away.entries()
    if (this.handover !== undefined) yield* [...this.handover.entries()].sort(byKey)
    for (const key of [...area.players.keys()].sort()) {
      yield { key: playerKey(key), value: encodePlayer(area.players.get(key)!.record) }
    }
  }

  private applyTick(body: Uint8Array): Applied {
    const to = decodeTick(body)
    if (!to) return this.applied(undefined, { code: 'malformed' })
    if (to.tick <= this.area.tick) return this.applied(undefined, { code: 'stale-tick' })
    advance(this.area, to)
    return this.applied()
  }

  /** A refusal is nobody's fault, unless no honest leader would have logged the record. */
  private applyHandover(body: Uint8Array): Applied {
    const refusal = this.handover === undefined ? 'malformed' : this.handover.apply(body)
    const isFault = refusal === 'malformed' || refusal === 'not-proven'
    return this.applied(undefined, isFault ? { code: 'malformed' } : undefined)
  }

  private applyInput(body: Uint8Array): Applied {
    const input = this.read(body)
    if ('code' in input) return this.applied(undefined, input)
    const { area } = this
    const known = area.playerOf(body)
    const refusal = this.refuseSession(known, input, body)
    if (refusal) return this.applied(this.outcome(input, refusal))

    const { action } = input
    if (!known && action.kind === 'spawn') {
      const player = createCharacter(area, body, action.name)
      return this.settle(player, input, verdict('ok', undefined, player.record.character))
    }
    const player = known!
    if (!startsWith(body, SESSION_AT, player.record.session)) takeOver(player, sessionOf(body))
    return this.settle(player, input, act(area, player, input, body))
  }

  private read(body: Uint8Array): Request | Refusal {
    const input = decodeRequest(body)
    if ('code' in input) return input
    const isOurs = startsWith(body, LOG_AT, this.logTag)
    if (this.handover === undefined) return isOurs ? input : { code: 'other-log' }
    return this.isForHere(body, input, isOurs) ? input : { code: 'other-log' }
  }

  /**
   * A session that has come from elsewhere goes on naming the log that it was opened in. What has passed once may find the
   * session closed later, or the character gone, but never becomes another log's.
   */
  private isForHere(body: Uint8Array, input: Request, isOurs: boolean): boolean {
    const player = this.area.playerOf(body)
    if (player === undefined) return isOurs || this.whereabouts(body) !== undefined
    if (!startsWith(body, SESSION_AT, player.record.session)) return isOurs || !opensSession(input)
    return player.logTag === undefined ? isOurs : startsWith(body, LOG_AT, player.logTag)
  }

  /** Of a player who has no character here: whether it was here, and has gone. */
  private whereabouts(body: Uint8Array): 'crossing' | 'moved' | undefined {
    if (this.handover === undefined) return undefined
    const { away } = this.area
    const player = binaryString(body, 0, PLAYER_BYTES)
    if (away.crossingOf(player) !== undefined) return 'crossing'
    return away.forward(player) === undefined ? undefined : 'moved'
  }

  /** Says why an input has no place in its session. Such an input consumes nothing and is not remembered. */
  private refuseSession(
    player: PlayerSlot | undefined,
    input: Request,
    body: Uint8Array,
  ): Verdict | undefined {
    const { seq } = input
    const record = player?.record
    if (record && startsWith(body, SESSION_AT, record.session)) {
      if (seq <= record.lastSeq) return verdict('duplicate', record.lastSeq)
      return seq > record.lastSeq + 1 ? verdict('gap', record.lastSeq + 1) : undefined
    }
    const gone = record === undefined ? this.whereabouts(body) : undefined
    if (gone !== undefined) return verdict(gone)
    const { charter, counts, timeMs } = this.area
    const last = record ? sessionNumber(record.session) : this.area.away.closed
    const number = sessionNumber(body, SESSION_AT)
    if (number <= last) return verdict('session-closed', last)
    if (!opensSession(input)) return verdict('no-session')
    if (number > timeMs + MAX_SESSION_AHEAD_MS) return verdict('session-ahead', last)
    return !player && counts.character >= charter.capacity
      ? verdict('area-full', charter.capacity)
      : undefined
  }

  /** The input's seq is consumed, whatever the verdict. */
  private settle(player: PlayerSlot, input: Request, decided: Verdict): Applied {
    const { record } = player
    const outcome = this.outcome(input, decided)
    record.lastSeq = input.seq
    record.lastInputTick = this.area.tick
    record.outcomes.push(outcome)
    if (record.outcomes.length > OUTCOMES_KEPT) record.outcomes.shift()
    this.area.touchPlayer(player)
    return this.applied(outcome)
  }

  private outcome({ seq }: Request, { code, entity, value }: Verdict): Outcome {
    return { seq, leaf: this.area.leaf, tick: this.area.tick, code, entity, value }
  }

  private applied(outcome?: Outcome, ignored?: Refusal): Applied {
    const { changed, removed, events } = this.area
    return { outcome, ignored, changed, removed, events }
  }

  private openSession(key: Uint8Array, session: Uint8Array, sessionAt: number): PlayerSlot | undefined {
    const player = this.area.playerOf(key)
    return player && startsWith(session, sessionAt, player.record.session) ? player : undefined
  }
}

const byKey = (a: { readonly key: Uint8Array }, b: { readonly key: Uint8Array }): number =>
  compareBytes(a.key, b.key)

const sessionOf = (body: Uint8Array): Uint8Array => body.slice(SESSION_AT, SESSION_AT + SESSION_BYTES)

const opensSession = ({ seq, action }: Request): boolean => seq === 1 && action.kind === 'spawn'
