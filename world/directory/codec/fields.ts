import type { ByteReader, ByteWriter } from '../../codec/bytes.ts'
import {
  ADDRESS_MAX_CHARS,
  MAX_ADDRESSES,
  MAX_GATEWAYS,
  MAX_MEMBERS,
  MAX_ROUND_TRIPS,
  OPERATOR_MAX_CHARS,
  QUADKEY_MAX_DIGITS,
} from '../limits.ts'
import type { Load, NodeFacts, Resources, RoundTrip, Voter } from '../types.ts'

export const KEY_BYTES = 32
export const HASH_BYTES = 32
export const SIGNATURE_BYTES = 64

const toUtf8 = new TextEncoder()
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** It is shown on terminals. */
const CONTROL = /\p{Cc}/u

/** A name that people gave: 1 to 64 UTF-16 units without control characters. */
export function isName(name: string): boolean {
  const fits = name.length > 0 && name.length <= OPERATOR_MAX_CHARS && !CONTROL.test(name)
  return fits && name.isWellFormed()
}

export function writeName(writer: ByteWriter, name: string): void {
  const bytes = toUtf8.encode(name)
  writer.u8(bytes.length).raw(bytes)
}

export function readName(reader: ByteReader): string {
  const bytes = reader.raw(reader.u8())
  try {
    const name = fromUtf8.decode(bytes)
    if (!isName(name)) reader.ok = false
    return name
  } catch {
    reader.ok = false
    return ''
  }
}

export function isQuadkey(text: string): boolean {
  return text.length > 0 && text.length <= QUADKEY_MAX_DIGITS && /^[0-3]+$/.test(text)
}

export function readQuadkey(reader: ByteReader): string {
  const text = reader.text(QUADKEY_MAX_DIGITS)
  if (!isQuadkey(text)) reader.ok = false
  return text
}

/** u8 count ‖ text each. At least one. */
export function writeAddresses(writer: ByteWriter, addresses: readonly string[]): void {
  writer.u8(addresses.length)
  for (const address of addresses) writer.text(address)
}

export function readAddresses(reader: ByteReader): string[] {
  return list(reader, 1, MAX_ADDRESSES, () => {
    const address = reader.text(ADDRESS_MAX_CHARS)
    if (address.length === 0) reader.ok = false
    return address
  })
}

/** identity 32 ‖ operator ‖ addresses ‖ vote 32 ‖ cosign 32 ‖ log 32 ‖ endorsement 64 */
export function writeNodeFacts(writer: ByteWriter, node: NodeFacts): void {
  writer.raw(node.identity, KEY_BYTES)
  writeName(writer, node.operator)
  writeAddresses(writer, node.addresses)
  writer.raw(node.vote, KEY_BYTES).raw(node.cosign, KEY_BYTES).raw(node.log, KEY_BYTES)
  writer.raw(node.endorsement, SIGNATURE_BYTES)
}

export function readNodeFacts(reader: ByteReader): NodeFacts {
  return {
    identity: reader.raw(KEY_BYTES),
    operator: readName(reader),
    addresses: readAddresses(reader),
    vote: reader.raw(KEY_BYTES),
    cosign: reader.raw(KEY_BYTES),
    log: reader.raw(KEY_BYTES),
    endorsement: reader.raw(SIGNATURE_BYTES),
  }
}

/** cpu, memory, disk, bandwidth u32 */
export function writeResources(writer: ByteWriter, { cpu, memory, disk, bandwidth }: Resources): void {
  writer.u32(cpu).u32(memory).u32(disk).u32(bandwidth)
}

export function readResources(reader: ByteReader): Resources {
  return { cpu: reader.u32(), memory: reader.u32(), disk: reader.u32(), bandwidth: reader.u32() }
}

/** players, awake u32 ‖ inputs u32 four times ‖ gateways */
export function writeLoad(writer: ByteWriter, { players, awake, inputs, gateways }: Load): void {
  writer.u32(players).u32(awake)
  for (const each of inputs) writer.u32(each)
  writeNumbers(writer, gateways)
}

export function readLoad(reader: ByteReader): Load {
  const load = {
    ...{ players: reader.u32(), awake: reader.u32() },
    inputs: [reader.u32(), reader.u32(), reader.u32(), reader.u32()] as const,
    gateways: readNumbers(reader),
  }
  if (load.gateways.length > MAX_GATEWAYS) reader.ok = false
  return load
}

/** u8 count ‖ (node u32 ‖ ms u16) each */
export function writeRoundTrips(writer: ByteWriter, roundTrips: readonly RoundTrip[]): void {
  writer.u8(roundTrips.length)
  for (const { node, ms } of roundTrips) writer.u32(node).u16(ms)
}

export function readRoundTrips(reader: ByteReader): RoundTrip[] {
  const trips = list(reader, 0, MAX_ROUND_TRIPS, () => ({ node: reader.u32(), ms: reader.u16() }))
  ascending(
    reader,
    trips.map(({ node }) => node),
  )
  return trips
}

/** u8 count ‖ (node u32 ‖ key 32) each */
export function writeVoters(writer: ByteWriter, voters: readonly Voter[]): void {
  writer.u8(voters.length)
  for (const { node, key } of voters) writer.u32(node).raw(key, KEY_BYTES)
}

export function readVoters(reader: ByteReader): Voter[] {
  const voters = list(reader, 0, MAX_MEMBERS, () => ({ node: reader.u32(), key: reader.raw(KEY_BYTES) }))
  ascending(
    reader,
    voters.map(({ node }) => node),
  )
  return voters
}

/** u8 count ‖ u32 each, none twice. Their order says something. */
export function writeNumbers(writer: ByteWriter, numbers: readonly number[]): void {
  writer.u8(numbers.length)
  for (const number of numbers) writer.u32(number)
}

export function readNumbers(reader: ByteReader): number[] {
  const numbers = list(reader, 0, MAX_MEMBERS, () => reader.u32())
  if (new Set(numbers).size !== numbers.length) reader.ok = false
  return numbers
}

/** A count in one byte, and so many. */
export function list<T>(reader: ByteReader, from: number, to: number, read: () => T): T[] {
  const count = reader.u8()
  if (count < from || count > to) reader.ok = false
  const items: T[] = []
  while (reader.ok && items.length < count) items.push(read())
  return items
}

/** One value has one encoding: so sets are written in their order. */
export function ascending(reader: ByteReader, numbers: readonly number[]): void {
  if (!numbers.every((number, i) => i === 0 || number > numbers[i - 1]!)) reader.ok = false
}
