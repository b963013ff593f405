/** The values of the directory's state that are about authorities. */
import type { ByteReader, ByteWriter } from '../../codec/bytes.ts'
import { MAX_MEMBERS, MAX_OPEN_ORDERS } from '../limits.ts'
import {
  type Anchor,
  type AnchorRow,
  type Answer,
  type AreaFacts,
  AUTHORITY_KINDS,
  type AuthorityLoad,
  type AuthorityRecord,
  type Counted,
  type Order,
  REFORMING_PHASES,
  type Reforming,
  type WorldBlock,
} from '../types.ts'
import {
  ascending,
  HASH_BYTES,
  list,
  readLoad,
  readNumbers,
  readQuadkey,
  readVoters,
  writeLoad,
  writeNumbers,
  writeVoters,
} from './fields.ts'
import { codecOf, named, numbered, single } from './rows.ts'

const NAME_MAX_CHARS = 64
const MAX_SPAWNS = 64

/**
 * group u32 ‖ kind u8 ‖ name ‖ birth u32 ‖ area u8 (‖ area) ‖ epoch, last epoch u32 ‖ members ‖ leading ‖ learners ‖
 * u8 count ‖ orders ‖ ordered u64 ‖ lost u8 (‖ holders)
 */
export const authorityRow = numbered<AuthorityRecord>(
  'g',
  (writer, row) => {
    writer.u32(row.group).u8(AUTHORITY_KINDS.indexOf(row.kind)).text(row.name).u32(row.birth)
    writer.bool(row.area !== undefined)
    if (row.area !== undefined) writeArea(writer, row.area)
    writer.u32(row.epoch).u32(row.lastEpoch)
    writeVoters(writer, row.members)
    writeNumbers(writer, row.leading)
    writeNumbers(writer, row.learners)
    writer.u8(row.orders.length)
    for (const order of row.orders) writeOrder(writer, order)
    writer.u53(row.orderedMs).bool(row.lost !== undefined)
    if (row.lost !== undefined) writeNumbers(writer, row.lost)
  },
  reader => ({
    group: reader.u32(),
    kind: AUTHORITY_KINDS[reader.index(AUTHORITY_KINDS.length)]!,
    name: reader.text(NAME_MAX_CHARS),
    birth: reader.u32(),
    area: reader.bool() ? readArea(reader) : undefined,
    ...{ epoch: reader.u32(), lastEpoch: reader.u32() },
    members: readVoters(reader),
    leading: readNumbers(reader),
    learners: readNumbers(reader),
    orders: list(reader, 0, MAX_OPEN_ORDERS, () => readOrder(reader)),
    orderedMs: reader.u53(),
    lost: reader.bool() ? readNumbers(reader) : undefined,
  }),
)

/** quadkey ‖ x, y, side i64 ‖ u8 count ‖ (x i64 ‖ y i64) each ‖ seed, resources, NPCs, capacity u32 */
function writeArea(writer: ByteWriter, area: AreaFacts): void {
  writer.text(area.quadkey).i53(area.xMm).i53(area.yMm).i53(area.sideMm).u8(area.spawns.length)
  for (const { xMm, yMm } of area.spawns) writer.i53(xMm).i53(yMm)
  writer.u32(area.seed).u32(area.resourceCount).u32(area.npcCount).u32(area.capacity)
}

function readArea(reader: ByteReader): AreaFacts {
  return {
    quadkey: readQuadkey(reader),
    ...{ xMm: reader.i53(), yMm: reader.i53(), sideMm: reader.i53() },
    spawns: list(reader, 1, MAX_SPAWNS, () => ({ xMm: reader.i53(), yMm: reader.i53() })),
    ...{ seed: reader.u32(), resourceCount: reader.u32(), npcCount: reader.u32(), capacity: reader.u32() },
  }
}

/** number u64 ‖ voters ‖ learners ‖ before */
function writeOrder(writer: ByteWriter, order: Order): void {
  writer.u53(order.number)
  writeNumbers(writer, order.voters)
  writeNumbers(writer, order.learners)
  writeNumbers(writer, order.before)
}

function readOrder(reader: ByteReader): Order {
  return {
    number: reader.u53(),
    ...{ voters: readNumbers(reader), learners: readNumbers(reader), before: readNumbers(reader) },
  }
}

/** epoch, view u32 ‖ height u64 ‖ hash 32 ‖ size u64 ‖ root 32 */
function writeAnchor(writer: ByteWriter, anchor: Anchor): void {
  writer.u32(anchor.epoch).u32(anchor.view).u53(anchor.height).raw(anchor.hash, HASH_BYTES)
  writer.u53(anchor.size).raw(anchor.root, HASH_BYTES)
}

function readAnchor(reader: ByteReader): Anchor {
  return {
    ...{ epoch: reader.u32(), view: reader.u32(), height: reader.u53(), hash: reader.raw(HASH_BYTES) },
    ...{ size: reader.u53(), root: reader.raw(HASH_BYTES) },
  }
}

/** The anchor ‖ the size that the last world block covers u64 */
export const anchorRow = numbered<AnchorRow>(
  'h',
  (writer, { anchor, blockSize }) => {
    writeAnchor(writer, anchor)
    writer.u53(blockSize)
  },
  reader => ({ anchor: readAnchor(reader), blockSize: reader.u53() }),
)

/** node u32 ‖ held u8 (‖ anchor) */
function writeAnswer(writer: ByteWriter, { node, held }: Answer): void {
  writer.u32(node).bool(held !== undefined)
  if (held !== undefined) writeAnchor(writer, held)
}

function readAnswer(reader: ByteReader): Answer {
  return { node: reader.u32(), held: reader.bool() ? readAnchor(reader) : undefined }
}

/** group u32 ‖ phase u8 ‖ epoch u32 ‖ since u64 ‖ asked ‖ answers u8 ‖ each ‖ voting epoch u32 ‖ members ‖ base u8 (‖ anchor) */
export const reformingRow = numbered<Reforming>(
  'e',
  (writer, row) => {
    writer.u32(row.group).u8(REFORMING_PHASES.indexOf(row.phase)).u32(row.epoch).u53(row.sinceMs)
    writeNumbers(writer, row.asked)
    writer.u8(row.answers.length)
    for (const answer of row.answers) writeAnswer(writer, answer)
    writer.u32(row.voting.epoch)
    writeVoters(writer, row.voting.members)
    writer.bool(row.base !== undefined)
    if (row.base !== undefined) writeAnchor(writer, row.base)
  },
  reader => {
    const row = {
      ...{ group: reader.u32(), phase: REFORMING_PHASES[reader.index(REFORMING_PHASES.length)]! },
      ...{ epoch: reader.u32(), sinceMs: reader.u53(), asked: readNumbers(reader) },
      answers: list(reader, 0, MAX_MEMBERS, () => readAnswer(reader)),
      voting: { epoch: reader.u32(), members: readVoters(reader) },
      base: reader.bool() ? readAnchor(reader) : undefined,
    }
    const answered = row.answers.map(({ node }) => node)
    ascending(reader, row.asked)
    ascending(reader, answered)
    return row
  },
)

/** What a world block's root covers of an authority: group u32 ‖ the anchor. */
const certificateLeaf = codecOf<{ group: number; anchor: Anchor }>(
  (writer, { group, anchor }) => {
    writer.u32(group)
    writeAnchor(writer, anchor)
  },
  reader => ({ group: reader.u32(), anchor: readAnchor(reader) }),
)
export const encodeCertificateLeaf = certificateLeaf.encode

/** node u32 ‖ reported u64 ‖ the load */
export const loadRow = numbered<AuthorityLoad>(
  'w',
  (writer, row) => {
    writer.u32(row.node).u53(row.reportedMs)
    writeLoad(writer, row)
  },
  reader => ({ node: reader.u32(), reportedMs: reader.u53(), ...readLoad(reader) }),
)

/** Of a tile by its quadkey: the group that holds it u32; 0: it was split into its four quarters. */
export const tileRow = named<number>(
  'q',
  (writer, group) => {
    writer.u32(group)
  },
  reader => reader.u32(),
)

/**
 * number u64 ‖ previous 32 ‖ tick u64 ‖ timeMs u64 ‖ certificates (count u64 ‖ root 32) ‖ records u64 ‖ player actions, NPC
 * decisions, structure changes (count u64 ‖ root 32 each)
 */
export const blockRow = single<WorldBlock>(
  'b',
  (writer, block) => {
    writer.u53(block.number).raw(block.previous, HASH_BYTES).u53(block.tick).u53(block.timeMs)
    writeCounted(writer, block.certificates)
    writer.u53(block.records)
    writeCounted(writer, block.playerActions)
    writeCounted(writer, block.npcDecisions)
    writeCounted(writer, block.structureChanges)
  },
  reader => ({
    ...{ number: reader.u53(), previous: reader.raw(HASH_BYTES), tick: reader.u53(), timeMs: reader.u53() },
    ...{ certificates: readCounted(reader), records: reader.u53(), playerActions: readCounted(reader) },
    ...{ npcDecisions: readCounted(reader), structureChanges: readCounted(reader) },
  }),
)

function writeCounted(writer: ByteWriter, { count, root }: Counted): void {
  writer.u53(count).raw(root, HASH_BYTES)
}

function readCounted(reader: ByteReader): Counted {
  return { count: reader.u53(), root: reader.raw(HASH_BYTES) }
}
