import { ByteReader, type ByteWriter, writer } from '../../codec/bytes.ts'
import {
  ACTION_AT,
  LOG_AT,
  LOG_TAG_BYTES,
  PLAYER_BYTES,
  SEQ_AT,
  SESSION_AT,
  SESSION_BYTES,
  signatureMessage,
} from '../../codec/input.ts'
import type { Refusal } from '../../reasons.ts'
import {
  DIRECTORY_INPUT_MAX_BYTES,
  MAX_CERTIFICATES,
  MAX_LED_PER_REPORT,
  MAX_OPERATORS,
  VERSION_MAX_CHARS,
} from '../limits.ts'
import type { Load, NodeFacts, Resources, RoundTrip } from '../types.ts'
import type { AdminNonce } from './command.ts'
import {
  ascending,
  KEY_BYTES,
  list,
  readAddresses,
  readLoad,
  readNodeFacts,
  readQuadkey,
  readResources,
  readRoundTrips,
  SIGNATURE_BYTES,
  writeAddresses,
  writeLoad,
  writeNodeFacts,
  writeResources,
  writeRoundTrips,
} from './fields.ts'

/** Of an authority that the reporting node leads. */
export interface LedLoad extends Load {
  readonly group: number
}

/** What has changed; the rest stays as it was reported before. */
export interface ReportedFacts {
  readonly version?: string | undefined
  readonly incarnation?: number | undefined
  /** What the owner gives, and what is used of it. */
  readonly capacity?: Resources | undefined
  readonly load?: Resources | undefined
  /** To the nearest nodes, by node, ascending, at most 16. */
  readonly roundTrips?: readonly RoundTrip[] | undefined
  readonly addresses?: readonly string[] | undefined
  /** By group, ascending; those that are not named stay as they were. */
  readonly led?: readonly LedLoad[] | undefined
}

export interface OperatorSignature {
  readonly key: Uint8Array
  /** Over `commandMessage`. */
  readonly signature: Uint8Array
}

export type DirectoryAction =
  /** Opens a session, as its first input. */
  | { readonly kind: 'open' }
  | { readonly kind: 'report'; readonly facts: ReportedFacts }
  /** Certificates as members write them (docs/finality.md), in the order in which they shall be anchored. */
  | { readonly kind: 'anchor'; readonly certificates: readonly Uint8Array[] }
  | { readonly kind: 'admit'; readonly node: NodeFacts }
  | { readonly kind: 'leave' }
  /** `command`: `encodeCommand`. `signatures`: by key, ascending. */
  | {
      readonly kind: 'command'
      readonly nonce: AdminNonce
      readonly command: Uint8Array
      readonly signatures: readonly OperatorSignature[]
    }
  /** Somebody is to hold this base tile. */
  | { readonly kind: 'want'; readonly quadkey: string }
  /**
   * What this node holds of an authority that is to be re-formed in this epoch, below which it signs nothing any more. `proof`: a quorum of
   * votes of either kind, as members write it, for a seal up to which it has the log; undefined: it has nothing.
   */
  | {
      readonly kind: 'holds'
      readonly group: number
      readonly epoch: number
      readonly proof: Uint8Array | undefined
    }

/**
 * What a node asks of the directory: identity key 32 ‖ session 16 ‖ seq u32 ‖ log tag 8 ‖ action: u8 number ‖ its fields ‖
 * signature 64 of that identity over `inputSignatureMessage`. Session and log tag as in an area's input.
 * open 1: nothing. report 2: u8 flags (1 version, 2 incarnation, 4 capacity, 8 load, 16 round trips, 32 addresses, 64 led) ‖ those
 * fields. anchor 3: u8 count ‖ (u16 length ‖ certificate) each. admit 4: the node. leave 5: nothing.
 * command 7: number u32 ‖ expiry u32 ‖ u16 length ‖ command ‖ u8 count ‖ (key 32 ‖ signature 64) each. want 8: quadkey.
 * holds 9: group, epoch u32 ‖ u8 (‖ u16 length ‖ proof).
 * 6 is kept for evidence.
 */
export interface DirectoryInput {
  readonly identity: Uint8Array
  readonly session: Uint8Array
  readonly seq: number
  readonly log: Uint8Array
  readonly action: DirectoryAction
  readonly signature: Uint8Array
}

export type DirectoryRequest = Pick<DirectoryInput, 'seq' | 'action' | 'signature'>

/** Throws a `WorldError` for what could not be read. */
export function encodeDirectoryInput(input: DirectoryInput): Uint8Array {
  writeUnsigned(input)
  return writer.raw(input.signature, SIGNATURE_BYTES).finish()
}

/** What the node signs with its identity. */
export function directorySignatureMessage(
  origin: string,
  input: Omit<DirectoryInput, 'signature'>,
): Uint8Array {
  writeUnsigned(input)
  return signatureMessage(origin, writer.finish())
}

/** The same of an encoded input. */
export function signedPartOf(origin: string, body: Uint8Array): Uint8Array {
  return signatureMessage(origin, body.subarray(0, body.length - SIGNATURE_BYTES))
}

/** Never throws: what is not exactly one input is a refusal. */
export function decodeDirectoryInput(body: Uint8Array): DirectoryInput | Refusal {
  const request = decodeDirectoryRequest(body)
  if ('code' in request) return request
  const [identity, session] = [body.slice(0, SESSION_AT), body.slice(SESSION_AT, SEQ_AT)]
  return { identity, session, log: body.slice(LOG_AT, ACTION_AT), ...request }
}

/** The same, without copies of what a caller may compare in place. */
export function decodeDirectoryRequest(body: Uint8Array): DirectoryRequest | Refusal {
  if (body.length <= ACTION_AT || body.length > DIRECTORY_INPUT_MAX_BYTES) return { code: 'malformed' }
  const seq = new ByteReader(body, SEQ_AT).u32()
  const reader = new ByteReader(body, ACTION_AT)
  const action = readAction(reader)
  if (action === undefined) return { code: 'unknown-action' }
  const signature = reader.raw(SIGNATURE_BYTES)
  return reader.done() && seq > 0 ? { seq, action, signature } : { code: 'malformed' }
}

function writeUnsigned({ identity, session, seq, log, action }: Omit<DirectoryInput, 'signature'>): void {
  writer.start().raw(identity, PLAYER_BYTES).raw(session, SESSION_BYTES).u32(seq).raw(log, LOG_TAG_BYTES)
  switch (action.kind) {
    case 'open':
      writer.u8(1)
      return
    case 'report':
      writer.u8(2)
      writeFacts(writer, action.facts)
      return
    case 'anchor':
      writer.u8(3).u8(action.certificates.length)
      for (const bytes of action.certificates) writer.u16(bytes.length).raw(bytes)
      return
    case 'admit':
      writer.u8(4)
      writeNodeFacts(writer, action.node)
      return
    case 'leave':
      writer.u8(5)
      return
    case 'command': {
      const { nonce, command, signatures } = action
      writer
        .u8(7)
        .u32(nonce.number)
        .u32(nonce.expiresS)
        .u16(command.length)
        .raw(command)
        .u8(signatures.length)
      for (const { key, signature } of signatures) writer.raw(key, KEY_BYTES).raw(signature, SIGNATURE_BYTES)
      return
    }
    case 'want':
      writer.u8(8).text(action.quadkey)
      return
    case 'holds': {
      const { group, epoch, proof } = action
      writer
        .u8(9)
        .u32(group)
        .u32(epoch)
        .bool(proof !== undefined)
      if (proof !== undefined) writer.u16(proof.length).raw(proof)
    }
  }
}

function readAction(reader: ByteReader): DirectoryAction | undefined {
  switch (reader.u8()) {
    case 1:
      return { kind: 'open' }
    case 2:
      return { kind: 'report', facts: readFacts(reader) }
    case 3: {
      const certificates = list(reader, 1, MAX_CERTIFICATES, () => reader.raw(reader.u16()))
      return { kind: 'anchor', certificates }
    }
    case 4:
      return { kind: 'admit', node: readNodeFacts(reader) }
    case 5:
      return { kind: 'leave' }
    case 7: {
      const nonce = { number: reader.u32(), expiresS: reader.u32() }
      const command = reader.raw(reader.u16())
      const signatures = list(reader, 1, MAX_OPERATORS, () => readOperatorSignature(reader))
      return { kind: 'command', nonce, command, signatures }
    }
    case 8:
      return { kind: 'want', quadkey: readQuadkey(reader) }
    case 9: {
      const [group, epoch] = [reader.u32(), reader.u32()]
      return { kind: 'holds', group, epoch, proof: reader.bool() ? reader.raw(reader.u16()) : undefined }
    }
    default:
      return undefined
  }
}

function readOperatorSignature(reader: ByteReader): OperatorSignature {
  return { key: reader.raw(KEY_BYTES), signature: reader.raw(SIGNATURE_BYTES) }
}

const FLAGS = {
  version: 1,
  incarnation: 2,
  capacity: 4,
  load: 8,
  roundTrips: 16,
  addresses: 32,
  led: 64,
} as const

function writeFacts(writer: ByteWriter, facts: ReportedFacts): void {
  const names = Object.keys(FLAGS) as (keyof typeof FLAGS)[]
  writer.u8(names.reduce((flags, name) => flags + (facts[name] === undefined ? 0 : FLAGS[name]), 0))
  const { version, incarnation, capacity, load, roundTrips, addresses, led } = facts
  if (version !== undefined) writer.text(version)
  if (incarnation !== undefined) writer.u32(incarnation)
  if (capacity !== undefined) writeResources(writer, capacity)
  if (load !== undefined) writeResources(writer, load)
  if (roundTrips !== undefined) writeRoundTrips(writer, roundTrips)
  if (addresses !== undefined) writeAddresses(writer, addresses)
  if (led !== undefined) writeLed(writer, led)
}

function readFacts(reader: ByteReader): ReportedFacts {
  const flags = reader.index(128)
  const has = (name: keyof typeof FLAGS): boolean => (flags & FLAGS[name]) !== 0
  return {
    version: has('version') ? reader.text(VERSION_MAX_CHARS) : undefined,
    incarnation: has('incarnation') ? reader.u32() : undefined,
    capacity: has('capacity') ? readResources(reader) : undefined,
    load: has('load') ? readResources(reader) : undefined,
    roundTrips: has('roundTrips') ? readRoundTrips(reader) : undefined,
    addresses: has('addresses') ? readAddresses(reader) : undefined,
    led: has('led') ? readLed(reader) : undefined,
  }
}

/** u8 count ‖ (group u32 ‖ players u32 ‖ awake u32 ‖ inputs u32 four times ‖ gateways) each */
function writeLed(writer: ByteWriter, led: readonly LedLoad[]): void {
  writer.u8(led.length)
  for (const { group, ...load } of led) {
    writer.u32(group)
    writeLoad(writer, load)
  }
}

function readLed(reader: ByteReader): LedLoad[] {
  const led = list(reader, 1, MAX_LED_PER_REPORT, () => ({ group: reader.u32(), ...readLoad(reader) }))
  ascending(
    reader,
    led.map(({ group }) => group),
  )
  return led
}
