import { ORIGIN_MAX_CHARS, OUTCOMES_KEPT } from '../limits.ts'
import { ByteReader, bytesOfBinaryString, ID_BYTES, writer } from './bytes.ts'
import { type Outcome, readOutcome, writeOutcome } from './outcome.ts'

/**
 * State keys: 'a' the area's header; 'e' ‖ id 16 an entity; 'p' ‖ player key 32 a player's sessions and outcomes;
 * 'f' ‖ player key 32 where its character has gone; 'f' alone what is remembered of those forgotten. What begins with 'h' is handover's.
 */
export const HEADER_KEY = Uint8Array.of(0x61)
export const entityKey = (id: string): Uint8Array => writer.start().u8(0x65).id(id).finish()
export const playerKey = (key: string): Uint8Array =>
  writer.start().u8(0x70).raw(bytesOfBinaryString(key)).finish()

export const forwardKey = (key: string): Uint8Array =>
  writer.start().u8(0x66).raw(bytesOfBinaryString(key)).finish()

/** Where a player's character went from here. */
export interface ForwardRecord {
  /** The hash of its log's origin, 32 bytes. */
  readonly target: Uint8Array
  /** At which it was let go. */
  readonly leaf: number
  /** The number of the session that it went with. */
  readonly session: number
}

export const encodeForward = ({ target, leaf, session }: ForwardRecord): Uint8Array =>
  writer.start().raw(target, 32).u53(leaf).u53(session).finish()

export function decodeForward(bytes: Uint8Array): ForwardRecord | undefined {
  const reader = new ByteReader(bytes)
  const forward = { target: reader.raw(32), leaf: reader.u53(), session: reader.u53() }
  return reader.done() ? forward : undefined
}

/** The greatest session number of the forwards that are forgotten. */
export const encodeClosed = (session: number): Uint8Array => writer.start().u53(session).finish()

export function decodeClosed(bytes: Uint8Array): number | undefined {
  const reader = new ByteReader(bytes)
  const session = reader.u53()
  return reader.done() && session > 0 ? session : undefined
}

export interface AreaHeader {
  readonly rulesVersion: number
  readonly tick: number
  readonly timeMs: number
  readonly characters: number
  readonly npcs: number
  readonly resources: number
  readonly structures: number
}

export interface PlayerRecord {
  readonly character: string
  /** The newest one: those with a lower number are closed. */
  session: Uint8Array
  lastSeq: number
  lastInputTick: number
  /** The newest last, at most `OUTCOMES_KEPT`, all of this session. */
  outcomes: Outcome[]
  /** The origin of the log in which the session was opened, when that is another one: its inputs go on naming it. */
  log: string | undefined
  /** Up to this seq it was applied elsewhere: those outcomes' leaves are another log's. 0 for a session that never moved. */
  carriedSeq: number
}

const FORMAT = 1

/** format u8 ‖ rules version u16 ‖ tick u64 ‖ timeMs u64 ‖ characters, npcs, resources, structures u32 */
export function encodeHeader(header: AreaHeader): Uint8Array {
  writer.start().u8(FORMAT).u16(header.rulesVersion).u53(header.tick).u53(header.timeMs)
  writer.u32(header.characters).u32(header.npcs).u32(header.resources).u32(header.structures)
  return writer.finish()
}

export function decodeHeader(bytes: Uint8Array): AreaHeader | undefined {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== FORMAT) return undefined
  const header = {
    rulesVersion: reader.u16(),
    tick: reader.u53(),
    timeMs: reader.u53(),
    characters: reader.u32(),
    npcs: reader.u32(),
    resources: reader.u32(),
    structures: reader.u32(),
  }
  return reader.done() ? header : undefined
}

/**
 * character 16 ‖ session 16 ‖ lastSeq u32 ‖ lastInputTick u64 ‖ u8 count ‖ outcomes, and for a session that has moved
 * carriedSeq u32 ‖ u8 length ‖ the origin of the log in which it was opened, nothing for this one.
 */
export function encodePlayer(player: PlayerRecord): Uint8Array {
  writer
    .start()
    .id(player.character)
    .raw(player.session, ID_BYTES)
    .u32(player.lastSeq)
    .u53(player.lastInputTick)
  writer.u8(player.outcomes.length)
  for (const outcome of player.outcomes) writeOutcome(outcome)
  if (hasMoved(player)) writer.u32(player.carriedSeq).text(player.log ?? '')
  return writer.finish()
}

export function decodePlayer(bytes: Uint8Array): PlayerRecord | undefined {
  const reader = new ByteReader(bytes)
  const player: PlayerRecord = {
    character: reader.id(),
    session: reader.raw(ID_BYTES),
    lastSeq: reader.u32(),
    lastInputTick: reader.u53(),
    outcomes: [],
    log: undefined,
    carriedSeq: 0,
  }
  for (let left = reader.index(OUTCOMES_KEPT + 1); left > 0; left--) player.outcomes.push(readOutcome(reader))
  if (reader.done()) return player
  player.carriedSeq = reader.u32()
  player.log = reader.text(ORIGIN_MAX_CHARS) || undefined
  return reader.done() && hasMoved(player) ? player : undefined
}

const hasMoved = ({ log, carriedSeq }: PlayerRecord): boolean => log !== undefined || carriedSeq > 0
