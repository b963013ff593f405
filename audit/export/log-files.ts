import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fastLeafHash, fastNodeHash, sha256 } from '../crypto.ts'
import { pathOf, tileWidth } from '../log/paths.ts'
import { concat } from '../verify/bytes.ts'
import { RootOfLeaves, rootOfLeafHashes } from '../verify/merkle.ts'
import { kindNumber } from '../verify/record-kinds.ts'

const recordVersion = 1

/** What restores one record. */
export interface Row {
  readonly leaf: number
  readonly kind: string
  readonly rules: number
  readonly salt: Uint8Array
  readonly body: Uint8Array
}

/** Bundles, bodies and tiles of a growing log, written as they fill. */
export class LogFiles {
  readonly #dir: string
  readonly #log = new RootOfLeaves(fastNodeHash)
  #entries: Uint8Array[] = []
  #bodies: Uint8Array[] = []
  /** Of each level, the hashes of the tile that is not full yet. */
  readonly #tiles: { hashes: Uint8Array[]; index: number }[] = []

  constructor(dir: string) {
    this.#dir = dir
  }

  get size(): number {
    return this.#log.size
  }

  root(): Uint8Array {
    return this.#log.root()
  }

  add({ kind, rules, salt, body }: Row): void {
    const header = Uint8Array.of(recordVersion, kindNumber(kind)!, rules >> 8, rules & 255)
    const leaf = concat(header, sha256(concat(salt, body)))
    const hash = fastLeafHash(leaf)
    this.#entries.push(concat(Uint8Array.of(0, leaf.length), leaf))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    this.#bodies.push(concat(salt, length, body))
    this.#log.add(hash)
    this.#addHash(0, Uint8Array.from(hash))
    if (this.#entries.length === tileWidth) this.#writeBundle()
  }

  end(): void {
    if (this.#entries.length > 0) this.#writeBundle()
    for (const [level, { hashes }] of this.#tiles.entries()) if (hashes.length > 0) this.#writeTile(level)
  }

  #addHash(level: number, hash: Uint8Array): void {
    this.#tiles[level] ??= { hashes: [], index: 0 }
    const tile = this.#tiles[level]!
    tile.hashes.push(hash)
    if (tile.hashes.length < tileWidth) return
    this.#writeTile(level)
    const full = tile.hashes
    this.#tiles[level] = { hashes: [], index: tile.index + 1 }
    this.#addHash(level + 1, rootOfLeafHashes(full))
  }

  #writeTile(level: number): void {
    const { hashes, index } = this.#tiles[level]!
    this.#write({ section: level, index, width: hashes.length }, hashes)
  }

  #writeBundle(): void {
    const index = Math.floor((this.size - 1) / tileWidth)
    const width = this.#entries.length
    this.#write({ section: 'entries', index, width }, this.#entries)
    this.#write({ section: 'bodies', index, width }, this.#bodies)
    this.#entries = []
    this.#bodies = []
  }

  #write(resource: Parameters<typeof pathOf>[0], parts: readonly Uint8Array[]): void {
    write(join(this.#dir, pathOf(resource)), concat(...parts))
  }
}

/** Makes the folders above it. */
export function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}
