import type { DirtyEntry, StateEntry } from '../interface.ts'

/** How rows of one kind are kept. */
export interface RowFormat<Id extends number | string, Row> {
  /** The first letter of their keys. */
  readonly prefix: string
  readonly key: (id: Id) => Uint8Array
  /** Of a key that has the prefix; undefined: it is none of this kind. */
  readonly idOf: (key: Uint8Array) => Id | undefined
  readonly encode: (row: Row) => Uint8Array
  /** Undefined for what `encode` would not write. */
  readonly decode: (value: Uint8Array) => Row | undefined
}

/** Rows of one kind under keys with one prefix. Ids sort as their keys do. */
export class Table<Id extends number | string, Row> {
  readonly #format: RowFormat<Id, Row>
  readonly #rows = new Map<Id, Row>()
  readonly #dirty = new Set<Id>()
  /** Told of by `takeDirty`, or restored. */
  readonly #stored = new Set<Id>()

  constructor(format: RowFormat<Id, Row>) {
    this.#format = format
  }

  get size(): number {
    return this.#rows.size
  }

  get(id: Id): Row | undefined {
    return this.#rows.get(id)
  }

  /** In no order that may decide anything. */
  rows(): Iterable<Row> {
    return this.#rows.values()
  }

  ids(): Id[] {
    return sorted(this.#rows.keys())
  }

  /** A new row, or one that was changed. */
  set(id: Id, row: Row): void {
    this.#rows.set(id, row)
    this.#dirty.add(id)
  }

  delete(id: Id): void {
    if (this.#rows.delete(id)) this.#dirty.add(id)
  }

  get prefix(): string {
    return this.#format.prefix
  }

  /** From a state that was kept: it is not new. False when these are not the bytes of a row. */
  restore({ key, value }: StateEntry): boolean {
    const id = this.#format.idOf(key)
    const row = this.#format.decode(value)
    if (id === undefined || row === undefined || this.#rows.has(id)) return false
    this.#rows.set(id, row)
    this.#stored.add(id)
    return true
  }

  /** In key order. What was made and deleted since the last call is not told of. */
  takeDirty(): DirtyEntry[] {
    const result: DirtyEntry[] = []
    for (const id of sorted(this.#dirty)) {
      const row = this.#rows.get(id)
      if (row !== undefined) {
        this.#stored.add(id)
        result.push({ key: this.#format.key(id), value: this.#format.encode(row) })
      } else if (this.#stored.delete(id)) result.push({ key: this.#format.key(id), value: undefined })
    }
    this.#dirty.clear()
    return result
  }

  *entries(): Iterable<StateEntry> {
    for (const id of this.ids()) {
      yield { key: this.#format.key(id), value: this.#format.encode(this.#rows.get(id)!) }
    }
  }
}

function sorted<Id extends number | string>(ids: Iterable<Id>): Id[] {
  return [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
