import { type ByteReader, ByteWriter, parse } from '../finality/bytes.ts'
import type { Entity } from './id.ts'

/** How the entries of one kind are written: the key's first byte is 'h', the second one says which kind. */
export interface Layout<K, V> {
  readonly kind: number
  /** A text that no other key has. */
  readonly nameOf: (key: K) => string
  readonly writeKey: (writer: ByteWriter, key: K) => void
  readonly readKey: (reader: ByteReader) => K
  readonly writeValue: (writer: ByteWriter, value: V) => void
  readonly readValue: (reader: ByteReader) => V
  /** Where entries are also looked for by what they are about. */
  readonly entityOf?: (value: V) => Entity
}

const prefix = 0x68

export function keyBytesOf<K, V>(layout: Layout<K, V>, key: K): Uint8Array {
  const writer = new ByteWriter().u8(prefix).u8(layout.kind)
  layout.writeKey(writer, key)
  return writer.finish()
}

export function valueBytesOf<K, V>(layout: Layout<K, V>, value: V): Uint8Array {
  const writer = new ByteWriter()
  layout.writeValue(writer, value)
  return writer.finish()
}

/** Undefined unless the bytes are exactly one value of this kind. */
export function readValueOf<K, V>(layout: Layout<K, V>, bytes: Uint8Array): V | undefined {
  return parse(bytes, layout.readValue)
}

/** The kind of a state key that is handover's; undefined for others. */
export function kindOf(key: Uint8Array): number | undefined {
  return key.length >= 2 && key[0] === prefix ? key[1] : undefined
}

interface Held<K, V> {
  /** `nameOf(key)`. */
  readonly name: string
  readonly key: K
  readonly value: V
}

/** Entries of one kind, in the order in which they came; what changes is told. */
export class Table<K, V> {
  readonly layout: Layout<K, V>
  readonly #held = new Map<string, Held<K, V>>()
  readonly #byEntity = new Map<Entity, K>()
  readonly #changed: Map<string, () => Change>

  constructor(layout: Layout<K, V>, changed: Map<string, () => Change>) {
    this.layout = layout
    this.#changed = changed
  }

  get size(): number {
    return this.#held.size
  }

  get(key: K): V | undefined {
    return this.#held.get(this.layout.nameOf(key))?.value
  }

  has(key: K): boolean {
    return this.#held.has(this.layout.nameOf(key))
  }

  /** The newest entry about this entity. */
  about(entity: Entity): K | undefined {
    return this.#byEntity.get(entity)
  }

  set(key: K, value: V): void {
    const name = this.layout.nameOf(key)
    this.#store(name, key, value)
    this.#tell(name, key)
  }

  delete(key: K): void {
    const name = this.layout.nameOf(key)
    if (this.#remove(name)) this.#tell(name, key)
  }

  entries(): Iterable<Held<K, V>> {
    return this.#held.values()
  }

  /** The same as they stand on a disk. */
  *all(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    const { layout } = this
    for (const { key, value } of this.#held.values())
      yield { key: keyBytesOf(layout, key), value: valueBytesOf(layout, value) }
  }

  /** An entry as it stands on a disk or in a payload. False when it is none of this kind. */
  put(keyBytes: Uint8Array, valueBytes: Uint8Array | undefined): boolean {
    const key = parse(keyBytes.subarray(2), this.layout.readKey)
    if (key === undefined) return false
    const name = this.layout.nameOf(key)
    if (valueBytes === undefined) return this.#remove(name)
    const value = parse(valueBytes, this.layout.readValue)
    if (value === undefined) return false
    this.#store(name, key, value)
    return true
  }

  #store(name: string, key: K, value: V): void {
    this.#remove(name)
    this.#held.set(name, { name, key, value })
    const { entityOf } = this.layout
    if (entityOf !== undefined) this.#byEntity.set(entityOf(value), key)
  }

  #remove(name: string): boolean {
    const held = this.#held.get(name)
    if (held === undefined) return false
    this.#held.delete(name)
    const { entityOf, nameOf } = this.layout
    if (entityOf === undefined) return true
    const entity = entityOf(held.value)
    const newest = this.#byEntity.get(entity)
    if (newest !== undefined && nameOf(newest) === name) this.#byEntity.delete(entity)
    return true
  }

  #tell(name: string, key: K): void {
    const { layout } = this
    this.#changed.set(`${layout.kind}${name}`, () => {
      const held = this.#held.get(name)
      return { key: keyBytesOf(layout, key), value: held && valueBytesOf(layout, held.value) }
    })
  }
}

/** An entry of the state tree that changed; undefined deletes it. */
export interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}
