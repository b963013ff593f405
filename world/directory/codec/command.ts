import { asciiBytes, ByteReader, type ByteWriter, writer } from '../../codec/bytes.ts'
import { WorldError } from '../../errors.ts'
import { ORIGIN_MAX_CHARS } from '../../limits.ts'
import { MAX_OPERATORS } from '../limits.ts'
import { ADMISSIONS, type NamedKey, type NodeFacts, type Operators, type Policy } from '../types.ts'
import { HASH_BYTES, KEY_BYTES, list, readName, readNodeFacts, writeName, writeNodeFacts } from './fields.ts'

/** What operators can ask for. Numbers: admit 1, ban 2, unban 3, retire 4, set-operators 5, set-recovery 6, set-policy 7, adopt-rules 8. */
export type Command =
  | { readonly kind: 'admit'; readonly node: NodeFacts }
  | { readonly kind: 'ban' | 'unban' | 'retire'; readonly number: number }
  | { readonly kind: 'set-operators'; readonly operators: readonly NamedKey[] }
  | { readonly kind: 'set-recovery'; readonly recovery: Operators['recovery'] }
  | { readonly kind: 'set-policy'; readonly policy: Policy }
  | { readonly kind: 'adopt-rules'; readonly version: number; readonly contentHash: Uint8Array }

/** Of one command, given by whoever writes it: number u32 ‖ expiry u32, so it is used once, and never after its time. */
export interface AdminNonce {
  readonly number: number
  /** In whole seconds of ticks: tick × tickMs / 1000. At most `MAX_NONCE_AHEAD_S` ahead. */
  readonly expiresS: number
}

const CONTEXT = 'freehold/admin/1\n'

/** u8 number ‖ its fields. A node's number: u32. */
export function encodeCommand(command: Command): Uint8Array {
  writer.start()
  switch (command.kind) {
    case 'admit':
      writer.u8(1)
      writeNodeFacts(writer, command.node)
      break
    case 'ban':
      writer.u8(2).u32(command.number)
      break
    case 'unban':
      writer.u8(3).u32(command.number)
      break
    case 'retire':
      writer.u8(4).u32(command.number)
      break
    case 'set-operators':
      writer.u8(5)
      writeNamedKeys(writer, command.operators)
      break
    case 'set-recovery':
      writer.u8(6)
      writeRecovery(writer, command.recovery)
      break
    case 'set-policy':
      writer.u8(7)
      writePolicy(writer, command.policy)
      break
    case 'adopt-rules':
      writer.u8(8).u16(command.version).raw(command.contentHash, HASH_BYTES)
  }
  return writer.finish()
}

export function decodeCommand(bytes: Uint8Array): Command | undefined {
  const reader = new ByteReader(bytes)
  const command = readCommand(reader)
  return reader.done() ? command : undefined
}

function readCommand(reader: ByteReader): Command | undefined {
  switch (reader.u8()) {
    case 1:
      return { kind: 'admit', node: readNodeFacts(reader) }
    case 2:
      return { kind: 'ban', number: reader.u32() }
    case 3:
      return { kind: 'unban', number: reader.u32() }
    case 4:
      return { kind: 'retire', number: reader.u32() }
    case 5:
      return { kind: 'set-operators', operators: readNamedKeys(reader) }
    case 6:
      return { kind: 'set-recovery', recovery: readRecovery(reader) }
    case 7:
      return { kind: 'set-policy', policy: readPolicy(reader) }
    case 8:
      return { kind: 'adopt-rules', version: reader.u16(), contentHash: reader.raw(HASH_BYTES) }
    default:
      return undefined
  }
}

/** What an operator signs: "freehold/admin/1\n" ‖ u16 origin length ‖ origin ‖ number u32 ‖ expiry u32 ‖ command. */
export function commandMessage(
  origin: string,
  { number, expiresS }: AdminNonce,
  command: Uint8Array,
): Uint8Array {
  if (origin.length > ORIGIN_MAX_CHARS) throw new WorldError('bad-value', 'The origin is too long.')
  writer.start().raw(asciiBytes(CONTEXT)).u16(origin.length).raw(asciiBytes(origin))
  return writer.u32(number).u32(expiresS).raw(command).finish()
}

/** u8 count ‖ (name ‖ key 32) each, by key, ascending. At least one. */
export function writeNamedKeys(writer: ByteWriter, keys: readonly NamedKey[]): void {
  writer.u8(keys.length)
  for (const { name, key } of keys) {
    writeName(writer, name)
    writer.raw(key, KEY_BYTES)
  }
}

export function readNamedKeys(reader: ByteReader): NamedKey[] {
  const keys = list(reader, 1, MAX_OPERATORS, () => ({ name: readName(reader), key: reader.raw(KEY_BYTES) }))
  ascendingKeys(
    reader,
    keys.map(({ key }) => key),
  )
  return keys
}

/** u8 threshold ‖ u8 count ‖ key 32 each, ascending. The threshold is more than half of them, and at most all. */
export function writeRecovery(writer: ByteWriter, { keys, threshold }: Operators['recovery']): void {
  writer.u8(threshold).u8(keys.length)
  for (const key of keys) writer.raw(key, KEY_BYTES)
}

export function readRecovery(reader: ByteReader): Operators['recovery'] {
  const threshold = reader.u8()
  const keys = list(reader, 1, MAX_OPERATORS, () => reader.raw(KEY_BYTES))
  ascendingKeys(reader, keys)
  if (threshold * 2 <= keys.length || threshold > keys.length) reader.ok = false
  return { keys, threshold }
}

/** admission u8 ‖ replicas u8 ‖ observers u8 ‖ trust, seed, resources, NPCs, capacity u32 */
export function writePolicy(writer: ByteWriter, policy: Policy): void {
  writer.u8(ADMISSIONS.indexOf(policy.admission)).u8(policy.replicas).u8(policy.observers)
  writer
    .u32(policy.trustS)
    .u32(policy.seed)
    .u32(policy.resourceCount)
    .u32(policy.npcCount)
    .u32(policy.capacity)
}

export function readPolicy(reader: ByteReader): Policy {
  const policy = {
    admission: ADMISSIONS[reader.index(ADMISSIONS.length)]!,
    replicas: reader.u8(),
    observers: reader.u8(),
    trustS: reader.u32(),
    seed: reader.u32(),
    resourceCount: reader.u32(),
    npcCount: reader.u32(),
    capacity: reader.u32(),
  }
  if (!isPolicy(policy)) reader.ok = false
  return policy
}

/** Within what areas and groups can be made of (world/charter.ts). */
export function isPolicy(policy: Policy): boolean {
  const { replicas, observers, trustS, resourceCount, npcCount, capacity } = policy
  const members = replicas >= 1 && replicas <= 9 && observers <= 9 && trustS > 0
  return members && resourceCount <= 20_000 && npcCount <= 20_000 && capacity >= 1 && capacity <= 100_000
}

function ascendingKeys(reader: ByteReader, keys: readonly Uint8Array[]): void {
  if (!keys.every((key, i) => i === 0 || compareBytes(keys[i - 1]!, key) < 0)) reader.ok = false
}

/** Negative when `a` comes first. Of one length. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}
