import type { ByteReader, ByteWriter } from '../finality/bytes.ts'
import { type Lock, readCargo, writeCargo } from './cargo.ts'
import {
  type Authority,
  type Entity,
  type HandoverId,
  nameOf,
  readAuthority,
  readEntity,
  readId,
  writeAuthority,
  writeEntity,
  writeId,
} from './id.ts'
import { maxSuccessors } from './limits.ts'
import { type Change, kindOf, type Layout, Table } from './table.ts'

const byId = { nameOf, writeKey: writeId, readKey: readId }
const byAuthority = {
  nameOf: (authority: Authority) => authority,
  writeKey: writeAuthority,
  readKey: readAuthority,
}
const anEntity = { writeValue: writeEntity, readValue: readEntity }
const aNumber = {
  writeValue: (writer: ByteWriter, n: number) => void writer.u64(n),
  readValue: (reader: ByteReader) => {
    const n = reader.u64()
    reader.require(n > 0)
    return n
  },
}
const aMark = { writeValue: () => {}, readValue: () => true as const }

/** The kinds of entries, by the second byte of their keys. */
export const layouts = {
  /** An entity that is on its way out. */
  lock: layout<HandoverId, Lock>(0x6c, {
    ...byId,
    writeValue: (writer, { entity, cargo }) => {
      writeEntity(writer, entity)
      writeCargo(writer, cargo)
    },
    readValue: reader => ({ entity: readEntity(reader), cargo: readCargo(reader) }),
    entityOf: ({ entity }) => entity,
  }),
  /** It has gone: `id.target` is where to. Kept until the target has forgotten its accept. */
  released: layout<HandoverId, Entity>(0x72, {
    ...{ ...byId, ...anEntity },
    entityOf: entity => entity,
  }),
  /** What has come in. Kept until the source's final release is shown. */
  accept: layout<HandoverId, Entity>(0x61, { ...byId, ...anEntity }),
  /** By source: every id up to this one is decided, and refused unless its accept is here. */
  watermark: layout<Authority, number>(0x77, { ...byAuthority, ...aNumber }),
  /** By target: the last n that was given out. */
  issued: layout<Authority, number>(0x6e, { ...byAuthority, ...aNumber }),
  /** A predecessor whose outcomes, locks and entities have still to come. */
  awaited: layout<Authority, true>(0x65, { ...byAuthority, ...aMark }),
  /** An authority that has ended, for whose ids this one answers: refused unless the accept is here. */
  inherited: layout<Authority, true>(0x69, { ...byAuthority, ...aMark }),
  /** This authority has ended; its successors, in the order in which they share what it held. */
  closed: layout<'', readonly Authority[]>(0x63, {
    ...{ nameOf: () => '', writeKey: () => {}, readKey: () => '' as const },
    writeValue: writeSuccessors,
    readValue: readSuccessors,
  }),
} as const

type AnyTable = Pick<Table<never, never>, 'put' | 'all'>

function layout<K, V>(kind: number, rest: Omit<Layout<K, V>, 'kind'>): Layout<K, V> {
  return { kind, ...rest }
}

export function writeSuccessors(writer: ByteWriter, successors: readonly Authority[]): void {
  writer.u8(successors.length)
  for (const successor of successors) writeAuthority(writer, successor)
}

export function readSuccessors(reader: ByteReader): Authority[] {
  const count = reader.count(reader.u8(), maxSuccessors)
  const successors = Array.from({ length: count }, () => readAuthority(reader))
  reader.require(count > 0 && new Set(successors).size === count)
  return successors
}

/**
 * What one authority's log says of handovers: entries of its state tree and nothing else, so that a replica that was
 * restored, or replays, has the same. Holds no rule: `apply` changes it.
 */
export class HandoverState {
  readonly #changed = new Map<string, () => Change>()
  readonly locks = new Table(layouts.lock, this.#changed)
  readonly released = new Table(layouts.released, this.#changed)
  readonly accepts = new Table(layouts.accept, this.#changed)
  readonly watermarks = new Table(layouts.watermark, this.#changed)
  readonly issued = new Table(layouts.issued, this.#changed)
  readonly awaited = new Table(layouts.awaited, this.#changed)
  readonly inherited = new Table(layouts.inherited, this.#changed)
  readonly closed = new Table(layouts.closed, this.#changed)
  readonly #tables = new Map<number, AnyTable>(
    [
      ...[this.locks, this.released, this.accepts, this.watermarks],
      ...[this.issued, this.awaited, this.inherited, this.closed],
    ].map(table => [table.layout.kind, table]),
  )

  /** @param predecessors of an authority that is born to succeed others */
  static born(predecessors: readonly Authority[]): HandoverState {
    const state = new HandoverState()
    for (const predecessor of predecessors) state.awaited.set(predecessor, true)
    return state
  }

  /** It has inherited all that it was born to, and has not ended. */
  get isOpen(): boolean {
    return this.awaited.size === 0 && this.closed.size === 0
  }

  /** What an id that names `self` or an authority that it inherited from has come to. */
  outcomeOf(self: Authority, id: HandoverId): 'accepted' | 'declined' | 'open' | undefined {
    if (id.target !== self && !this.inherited.has(id.target)) return undefined
    if (this.accepts.has(id)) return 'accepted'
    if (id.target !== self) return 'declined'
    return id.n <= (this.watermarks.get(id.source) ?? 0) ? 'declined' : 'open'
  }

  /** Every id of this source up to `n` is decided. */
  raise(source: Authority, n: number): void {
    if (n > (this.watermarks.get(source) ?? 0)) this.watermarks.set(source, n)
  }

  /** Puts an entry back, from a snapshot, or takes it away. False when it is not handover's, or malformed. */
  put(key: Uint8Array, value: Uint8Array | undefined): boolean {
    return this.#tables.get(kindOf(key) ?? -1)?.put(key, value) ?? false
  }

  /** All there is. */
  entries(): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
    return [...this.#tables.values()].flatMap(table => [...table.all()])
  }

  /** What changed since the last call. */
  takeChanges(): Change[] {
    const changes = [...this.#changed.values()].map(change => change())
    this.#changed.clear()
    return changes
  }
}
