import { equalBytes } from '../../storage/bytes.ts'
import { treeKey, treeValue } from '../../storage/state/entry.ts'
import { StateTree } from '../../storage/state/state-tree.ts'
import { type ByteReader, ByteWriter, parse } from '../finality/bytes.ts'
import { type Authority, writeAuthority } from './id.ts'
import type { InheritRecord } from './record.ts'
import { type Proven, witness } from './shown.ts'
import { HandoverState, readSuccessors, writeSuccessors } from './state.ts'
import { type Change, kindOf } from './table.ts'
import type { Held, Refusal, Surroundings } from './types.ts'

/**
 * Takes over what a predecessor left: *all* its accepts, and that it answers for it, as every other successor does; of its
 * locks and entities those that fall to it.
 */
export function inherit(
  state: HandoverState,
  around: Surroundings,
  record: InheritRecord,
  payload: readonly Change[] | undefined,
): Refusal | undefined {
  const { self, estate, verify } = around
  const { predecessor } = record
  if (!state.awaited.has(predecessor)) return 'not-awaited'
  const proven = verify(record.final)
  if (proven === undefined || !proven.isAnchored || proven.authority !== predecessor) return 'not-proven'
  if (payload === undefined || !isWhole(payload, proven.stateRoot)) return 'no-payload'
  const left = new HandoverState()
  for (const { key, value } of payload) {
    if (kindOf(key) !== undefined && !left.put(key, value)) return 'no-payload'
  }
  const successors = left.closed.get('') ?? ordered(record, proven, around)
  if (successors === undefined || left.awaited.size > 0) return 'not-successor'
  const place = successors.indexOf(self)
  if (place < 0) return 'not-successor'

  const falls = (held: Held): boolean => estate.heirOf(held, successors.length) === place
  state.awaited.delete(predecessor)
  state.inherited.set(predecessor, true)
  for (const { key } of left.inherited.entries()) state.inherited.set(key, true)
  for (const { key, value } of left.accepts.entries()) state.accepts.set(key, value)
  for (const { key, value } of left.locks.entries()) if (falls(value)) state.locks.set(key, value)
  for (const { key, value } of left.released.entries()) if (place === 0) state.released.set(key, value)
  for (const held of estate.held(payload)) if (falls(held)) estate.put(held.entity, held.cargo)
  return undefined
}

/** Whether these are all entries of the state that has this root, each once. */
function isWhole(entries: readonly Change[], root: Uint8Array): boolean {
  const tree = new StateTree()
  for (const { key, value } of entries) {
    if (value !== undefined) tree.set(treeKey(key), treeValue(key, value))
  }
  return tree.size === entries.length && equalBytes(tree.root(), root)
}

/** The directory's order that an authority ends at this height, since it is dark for good. */
export interface Order {
  readonly height: number
  readonly successors: readonly Authority[]
}

/** Under which key the directory's state has the order that ends an authority. */
export function orderKey(authority: Authority): Uint8Array {
  const writer = new ByteWriter().u8(0x68).u8(0x6f)
  writeAuthority(writer, authority)
  return writer.finish()
}

export function encodeOrder({ height, successors }: Order): Uint8Array {
  const writer = new ByteWriter().u64(height)
  writeSuccessors(writer, successors)
  return writer.finish()
}

/** Undefined unless the bytes are exactly one order. */
export function decodeOrder(bytes: Uint8Array): Order | undefined {
  return parse(bytes, (reader: ByteReader) => ({ height: reader.u64(), successors: readSuccessors(reader) }))
}

function ordered(
  { predecessor, order }: InheritRecord,
  { height }: Proven,
  { directory, verify }: Surroundings,
): readonly Authority[] | undefined {
  const by = order && witness(order, verify)
  if (by === undefined || by.proven.authority !== directory) return undefined
  const value = by.value(orderKey(predecessor))
  const given = value && decodeOrder(value)
  return given?.height === height ? given.successors : undefined
}
