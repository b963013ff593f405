import { WorldError } from '../errors.ts'
import { ASPECTS, NAME_MAX_CHARS, NAME_PATTERN, ORIGIN_MAX_CHARS, STRUCTURES } from '../limits.ts'
import type { Refusal } from '../reasons.ts'
import { asciiBytes, ByteReader, writer } from './bytes.ts'

/** What a player can ask for. Ids are 32 lower-case hex digits. */
export type Action =
  | { readonly kind: 'spawn'; readonly name: string }
  | { readonly kind: 'move'; readonly vxMmPerTick: number; readonly vyMmPerTick: number }
  | { readonly kind: 'gather'; readonly resource: string }
  | { readonly kind: 'build'; readonly structure: number; readonly xMm: number; readonly yMm: number }
  | { readonly kind: 'strike'; readonly target: string }
  | { readonly kind: 'leave' }
  /** `aspect` is an index into `ASPECTS`. */
  | { readonly kind: 'look'; readonly target: string; readonly aspect: number }

/**
 * player 32 ‖ session 16 ‖ seq u32 ‖ log tag 8 ‖ action: u8 number ‖ its fields (‖ signature 64 where the action is
 * permanent).
 * spawn 1: u8 length ‖ name. move 2: vx i16 ‖ vy i16. gather 3: id 16. build 4: u8 structure ‖ x i64 ‖ y i64.
 * strike 5: id 16. leave 6: nothing. look 7: id 16 ‖ u8 aspect.
 */
export interface Input {
  readonly player: Uint8Array
  /** number u64 (`sessionNumber`) ‖ 8 bytes that the rules only compare. */
  readonly session: Uint8Array
  readonly seq: number
  /** `logTagOf` the one log that this input is for. */
  readonly log: Uint8Array
  readonly action: Action
  /** The player's own, over `inputSignatureMessage`; there exactly when `isPermanent(action)`. */
  readonly signature?: Uint8Array | undefined
}

export const PLAYER_BYTES = 32
export const SESSION_BYTES = 16
export const LOG_TAG_BYTES = 8
export const SIGNATURE_BYTES = 64
/** No input is longer. */
export const INPUT_MAX_BYTES = PLAYER_BYTES + SESSION_BYTES + 4 + LOG_TAG_BYTES + 32 + SIGNATURE_BYTES

export const ACTION_AT = PLAYER_BYTES + SESSION_BYTES + 4 + LOG_TAG_BYTES
const SIGNATURE_CONTEXT = 'freehold/permanent-input/1\n'

/** The beginning of the hash of a log's origin: with it in every input, what was made for one log is nothing in another. */
export function logTagOf(origin: string, sha256: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  return sha256(asciiBytes(origin)).slice(0, LOG_TAG_BYTES)
}

/** A player's sessions go upwards by this number, so that one that was closed can never be opened again. */
export function sessionNumber(session: Uint8Array, at = 0): number {
  // Past 2⁵³ it is inexact, and in any case further ahead than the rules allow.
  const reader = new ByteReader(session, at)
  return reader.u32() * 4_294_967_296 + reader.u32()
}

export const isPermanent = (action: Action): boolean => action.kind === 'build'

export function encodeInput(input: Input): Uint8Array {
  writeUnsigned(input)
  if (isPermanent(input.action)) writer.raw(input.signature ?? new Uint8Array(0), SIGNATURE_BYTES)
  return writer.finish()
}

/**
 * What the player signs: "freehold/permanent-input/1\n" ‖ u16 origin length ‖ origin ‖ player ‖ session ‖ seq ‖ log tag ‖ action.
 * The origin names network, area and birth, so a signature is good in one place, once.
 */
export function inputSignatureMessage(origin: string, input: Omit<Input, 'signature'>): Uint8Array {
  writeUnsigned(input)
  return signatureMessage(origin, writer.finish())
}

/** The same from an encoded input without its signature. */
export function signatureMessage(origin: string, unsigned: Uint8Array): Uint8Array {
  if (origin.length > ORIGIN_MAX_CHARS) throw new WorldError('bad-value', 'The origin is too long.')
  return writer
    .start()
    .raw(asciiBytes(SIGNATURE_CONTEXT))
    .u16(origin.length)
    .raw(asciiBytes(origin))
    .raw(unsigned)
    .finish()
}

/** Where the parts of a body begin that everyone has, after the player's key. */
export const SESSION_AT = PLAYER_BYTES
export const SEQ_AT = SESSION_AT + SESSION_BYTES
export const LOG_AT = SEQ_AT + 4

/** What an input asks for. Who asks, in which session and log, is read from the body where it stands. */
export type Request = Pick<Input, 'seq' | 'action' | 'signature'>

/** Never throws: what is not exactly one input is a refusal. */
export function decodeInput(body: Uint8Array): Input | Refusal {
  const request = decodeRequest(body)
  if ('code' in request) return request
  return {
    player: body.slice(0, SESSION_AT),
    session: body.slice(SESSION_AT, SEQ_AT),
    log: body.slice(LOG_AT, ACTION_AT),
    ...request,
  }
}

/** The same, without copies of what a caller may compare in place. */
export function decodeRequest(body: Uint8Array): Request | Refusal {
  if (body.length <= ACTION_AT || body.length > INPUT_MAX_BYTES) return { code: 'malformed' }
  const seq = new ByteReader(body, SEQ_AT).u32()
  const reader = new ByteReader(body, ACTION_AT)
  const action = readAction(reader)
  if ('code' in action) return action
  const signature = isPermanent(action) ? reader.raw(SIGNATURE_BYTES) : undefined
  if (!reader.done() || seq === 0) return { code: 'malformed' }
  if (action.kind === 'spawn' && !NAME_PATTERN.test(action.name)) return { code: 'bad-name' }
  return { seq, action, signature }
}

function writeUnsigned({ player, session, seq, log, action }: Input): void {
  writer.start().raw(player, PLAYER_BYTES).raw(session, SESSION_BYTES).u32(seq).raw(log, LOG_TAG_BYTES)
  switch (action.kind) {
    case 'spawn':
      if (!NAME_PATTERN.test(action.name))
        throw new WorldError('bad-name', `"${action.name}" can't be a name.`)
      writer.u8(1).text(action.name)
      return
    case 'move':
      writer.u8(2).i16(action.vxMmPerTick).i16(action.vyMmPerTick)
      return
    case 'gather':
      writer.u8(3).id(action.resource)
      return
    case 'build':
      writer.u8(4).u8(action.structure).i53(action.xMm).i53(action.yMm)
      return
    case 'strike':
      writer.u8(5).id(action.target)
      return
    case 'leave':
      writer.u8(6)
      return
    case 'look':
      writer.u8(7).id(action.target).u8(action.aspect)
  }
}

function readAction(reader: ByteReader): Action | Refusal {
  switch (reader.u8()) {
    case 1:
      return { kind: 'spawn', name: reader.text(NAME_MAX_CHARS) }
    case 2:
      return { kind: 'move', vxMmPerTick: reader.i16(), vyMmPerTick: reader.i16() }
    case 3:
      return { kind: 'gather', resource: reader.id() }
    case 4:
      return {
        kind: 'build',
        structure: reader.index(STRUCTURES.length),
        xMm: reader.i53(),
        yMm: reader.i53(),
      }
    case 5:
      return { kind: 'strike', target: reader.id() }
    case 6:
      return { kind: 'leave' }
    case 7:
      return { kind: 'look', target: reader.id(), aspect: reader.index(ASPECTS.length) }
    default:
      return { code: 'unknown-action' }
  }
}
