import type { StoreEntry, StoreRange } from '../../storage/store.ts'

/** Bytes by bytes, in byte order: a sorted array of keys beside a map. Keys are held as Latin-1 text, which sorts alike. */
export class OrderedMap {
  readonly #keys: string[] = []
  readonly #values = new Map<string, Uint8Array>()

  get size(): number {
    return this.#keys.length
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(textOf(key))
  }

  set(key: Uint8Array, value: Uint8Array | undefined): void {
    const text = textOf(key)
    if (value === undefined) this.#delete(text)
    else if (this.#values.has(text)) this.#values.set(text, value)
    else {
      this.#keys.splice(this.#position(text), 0, text)
      this.#values.set(text, value)
    }
  }

  range(range: StoreRange): StoreEntry[] {
    const keys = this.#keys.slice(this.#position(textOf(range.from)), this.#position(textOf(range.to)))
    if (range.reverse) keys.reverse()
    return keys.slice(0, range.limit ?? keys.length).map(text => ({
      key: new Uint8Array(Buffer.from(text, 'latin1')),
      value: this.#values.get(text)!,
    }))
  }

  copy(): OrderedMap {
    const copy = new OrderedMap()
    for (const key of this.#keys) {
      copy.#keys.push(key)
      copy.#values.set(key, this.#values.get(key)!)
    }
    return copy
  }

  #delete(text: string): void {
    if (this.#values.delete(text)) this.#keys.splice(this.#position(text), 1)
  }

  /** The first position whose key is not below `text`. */
  #position(text: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#keys[middle]! < text) low = middle + 1
      else high = middle
    }
    return low
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
