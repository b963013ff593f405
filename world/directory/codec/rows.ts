/** The values of the directory's state, one encoding each, and their keys: one letter, and what tells rows of a kind apart. */
import { ByteReader, type ByteWriter, bytesOfBinaryString, ID_BYTES, writer } from '../../codec/bytes.ts'
import { type Outcome, readOutcome, writeOutcome } from '../../codec/outcome.ts'
import { OUTCOMES_KEPT } from '../../limits.ts'
import { VERSION_MAX_CHARS } from '../limits.ts'
import type { RowFormat } from '../table.ts'
import {
  type AdoptedRules,
  type Header,
  NODE_STATUSES,
  type NodeRecord,
  type NodeReport,
  type Operators,
  type Policy,
  type Presence,
} from '../types.ts'
import {
  type AdminNonce,
  readNamedKeys,
  readPolicy,
  readRecovery,
  writeNamedKeys,
  writePolicy,
  writeRecovery,
} from './command.ts'
import {
  HASH_BYTES,
  list,
  readNodeFacts,
  readResources,
  readRoundTrips,
  writeNodeFacts,
  writeResources,
  writeRoundTrips,
} from './fields.ts'
import { NONCE_BYTES } from './tick.ts'

/** A node's session with the directory. */
export interface SessionRow {
  /** The newest one: those with a lower number are closed. */
  session: Uint8Array
  lastSeq: number
  /** The newest last, at most `OUTCOMES_KEPT`, all of this session. */
  outcomes: Outcome[]
}

type Write<Row> = (writer: ByteWriter, row: Row) => void
type Read<Row> = (reader: ByteReader) => Row

export function codecOf<Row>(write: Write<Row>, read: Read<Row>) {
  return {
    encode: (row: Row): Uint8Array => {
      writer.start()
      write(writer, row)
      return writer.finish()
    },
    decode: (value: Uint8Array): Row | undefined => {
      const reader = new ByteReader(value)
      const row = read(reader)
      return reader.done() ? row : undefined
    },
  }
}

/** The only one of its kind; its id is 0. */
export function single<Row>(prefix: string, write: Write<Row>, read: Read<Row>): RowFormat<0, Row> {
  const key = bytesOfBinaryString(prefix)
  return {
    prefix,
    key: () => key,
    idOf: ({ length }) => (length === 1 ? 0 : undefined),
    ...codecOf(write, read),
  }
}

/** By a number, u32 in the key. */
export function numbered<Row>(prefix: string, write: Write<Row>, read: Read<Row>): RowFormat<number, Row> {
  const idOf = (key: Uint8Array): number | undefined =>
    key.length === 5 ? new ByteReader(key, 1).u32() : undefined
  const key = (id: number): Uint8Array => writer.start().u8(prefix.charCodeAt(0)).u32(id).finish()
  return { prefix, key, idOf, ...codecOf(write, read) }
}

/** By a text, one byte a character. */
export function named<Row>(prefix: string, write: Write<Row>, read: Read<Row>): RowFormat<string, Row> {
  const idOf = (key: Uint8Array): string => String.fromCharCode(...key.subarray(1))
  return { prefix, key: id => bytesOfBinaryString(prefix + id), idOf, ...codecOf(write, read) }
}

const FORMAT = 1

/** format u8 ‖ rules version u16 ‖ tick, timeMs, passedMs, resumedMs, blockMs u64 ‖ next node, group u32 ‖ next order u64 */
export const headerRow = single<Header>(
  'd',
  (writer, header) => {
    writer.u8(FORMAT).u16(header.rulesVersion).u53(header.tick).u53(header.timeMs)
    writer.u53(header.passedMs).u53(header.resumedMs).u53(header.blockMs)
    writer.u32(header.nextNode).u32(header.nextGroup).u53(header.nextOrder)
  },
  reader => {
    if (reader.u8() !== FORMAT) reader.ok = false
    return {
      ...{ rulesVersion: reader.u16(), tick: reader.u53(), timeMs: reader.u53() },
      ...{ passedMs: reader.u53(), resumedMs: reader.u53(), blockMs: reader.u53() },
      ...{ nextNode: reader.u32(), nextGroup: reader.u32(), nextOrder: reader.u53() },
    }
  },
)

export const policyRow = single<Policy>('y', writePolicy, readPolicy)

export const operatorsRow = single<Operators>(
  'o',
  (writer, { operators, recovery }) => {
    writeNamedKeys(writer, operators)
    writeRecovery(writer, recovery)
  },
  reader => ({ operators: readNamedKeys(reader), recovery: readRecovery(reader) }),
)

/** version u16 ‖ content hash 32 ‖ since leaf u64 */
export const rulesRow = single<AdoptedRules>(
  'v',
  (writer, rules) => {
    writer.u16(rules.version).raw(rules.contentHash, HASH_BYTES).u53(rules.sinceLeaf)
  },
  reader => ({ version: reader.u16(), contentHash: reader.raw(HASH_BYTES), sinceLeaf: reader.u53() }),
)

/** number u32 ‖ status u8 ‖ vouched u8 ‖ sponsor u32 ‖ what the node said of itself */
export const nodeRow = numbered<NodeRecord>(
  'n',
  (writer, node) => {
    writer.u32(node.number).u8(NODE_STATUSES.indexOf(node.status)).bool(node.isVouched).u32(node.sponsor)
    writeNodeFacts(writer, node)
  },
  reader => ({
    number: reader.u32(),
    status: NODE_STATUSES[reader.index(NODE_STATUSES.length)]!,
    isVouched: reader.bool(),
    sponsor: reader.u32(),
    ...readNodeFacts(reader),
  }),
)

/** flags u8 (1 heard, 2 expected, 4 signed) ‖ renewed u64 ‖ nonce 8 ‖ since, moved, known, leased u64 ‖ expected, signed, invalid u32 ‖ idle inputs u16 */
export const presenceRow = numbered<Presence>(
  'l',
  (writer, row) => {
    writer.u8((row.isHeard ? 1 : 0) + (row.isExpected ? 2 : 0) + (row.hasSigned ? 4 : 0))
    writer
      .u53(row.renewedMs)
      .raw(row.nonce, NONCE_BYTES)
      .u53(row.sinceMs)
      .u53(row.movedMs)
      .u53(row.knownMs)
      .u53(row.leasedMs)
    writer.u32(row.expectedBlocks).u32(row.signedBlocks).u32(row.invalidProposals).u16(row.idleInputs)
  },
  reader => {
    const flags = reader.index(8)
    return {
      ...{ isHeard: (flags & 1) > 0, isExpected: (flags & 2) > 0, hasSigned: (flags & 4) > 0 },
      ...{ renewedMs: reader.u53(), nonce: reader.raw(NONCE_BYTES) },
      ...{ sinceMs: reader.u53(), movedMs: reader.u53() },
      ...{ knownMs: reader.u53(), leasedMs: reader.u53() },
      ...{ expectedBlocks: reader.u32(), signedBlocks: reader.u32(), invalidProposals: reader.u32() },
      idleInputs: reader.u16(),
    }
  },
)

/** reported u64 ‖ version ‖ incarnation u32 ‖ capacity ‖ load ‖ round trips */
export const reportRow = numbered<NodeReport>(
  'r',
  (writer, row) => {
    writer.u53(row.reportedMs).text(row.version).u32(row.incarnation)
    writeResources(writer, row.capacity)
    writeResources(writer, row.load)
    writeRoundTrips(writer, row.roundTrips)
  },
  reader => ({
    ...{ reportedMs: reader.u53(), version: reader.text(VERSION_MAX_CHARS), incarnation: reader.u32() },
    ...{ capacity: readResources(reader), load: readResources(reader), roundTrips: readRoundTrips(reader) },
  }),
)

/** session 16 ‖ lastSeq u32 ‖ u8 count ‖ outcomes */
export const sessionRow = numbered<SessionRow>(
  's',
  (writer, { session, lastSeq, outcomes }) => {
    writer.raw(session, ID_BYTES).u32(lastSeq).u8(outcomes.length)
    for (const outcome of outcomes) writeOutcome(outcome)
  },
  reader => ({
    session: reader.raw(ID_BYTES),
    lastSeq: reader.u32(),
    outcomes: list(reader, 0, OUTCOMES_KEPT, () => readOutcome(reader)),
  }),
)

/** expiry u32 ‖ number u32: those that expire first come first. */
export const nonceRow = named<AdminNonce>(
  'c',
  (writer, { expiresS, number }) => {
    writer.u32(expiresS).u32(number)
  },
  reader => ({ expiresS: reader.u32(), number: reader.u32() }),
)

export const nonceId = (nonce: AdminNonce): string => String.fromCharCode(...nonceRow.encode(nonce))
