import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from '@node-rs/crc32'
import { uncompress } from 'snappyjs'

/**
 * LevelDB looks at the checksums of its tables only when it is told to, which its bindings for Node can't do. A flipped bit in a
 * key's length then ends the process by an assertion, and one in a value is given to the reader. So whoever opens a store has
 * all tables checked once. The format: https://github.com/google/leveldb/blob/main/doc/table_format.md
 */

/** What a table was when it was listed: one that is another by now was written since, or is still being written. */
export interface TableFile {
  readonly name: string
  readonly inode: number
  readonly sizeBytes: number
  readonly changedMs: number
}

interface Block {
  readonly offset: number
  readonly sizeBytes: number
}

const footerBytes = 48
const magic = 0xdb4775248b80fb57n
const compression = { none: 0, snappy: 1 } as const
const maxVarintBytes = 10
/** Of an index, unpacked: LevelDB's tables have some 2 MB, with an entry of some 30 bytes for each 4 KiB. */
const maxIndexBytes = 16 * 1024 * 1024

/** The tables in a store's directory. */
export async function listTables(path: string): Promise<TableFile[]> {
  const names = (await readdir(path)).filter(name => /\.(ldb|sst)$/.test(name))
  const found = await Promise.all(names.map(name => described(path, name)))
  return found.filter(file => file !== undefined)
}

async function described(path: string, name: string): Promise<TableFile | undefined> {
  try {
    const { ino: inode, size: sizeBytes, mtimeMs: changedMs } = await stat(join(path, name))
    return { name, inode, sizeBytes, changedMs }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/**
 * The first of these tables that is not as it was written, and why; undefined when all are. One that LevelDB has merged into
 * others meanwhile is passed over.
 */
export async function damagedTable(path: string, tables: readonly TableFile[]): Promise<string | undefined> {
  for (const { name } of tables) {
    const fault = await readFile(join(path, name)).then(faultOf, error => {
      if (isGone(error)) return undefined
      throw error
    })
    if (fault !== undefined) return `${fault} in ${name}`
  }
  return undefined
}

/** Those that are in both lists, unchanged. */
export function unchanged(before: readonly TableFile[], now: readonly TableFile[]): TableFile[] {
  const text = (file: TableFile): string => JSON.stringify(file)
  const known = new Set(before.map(text))
  return now.filter(file => known.has(text(file)))
}

function faultOf(table: Buffer): string | undefined {
  const footerAt = table.length - footerBytes
  if (footerAt < 0 || table.readBigUInt64LE(table.length - 8) !== magic) return 'no end of a table'
  const handles = new Handles(table.subarray(footerAt, table.length - 8))
  const [metaindex, index] = [handles.next(), handles.next()]
  if (metaindex === undefined || index === undefined || !handles.isPadded) return 'no index'
  const blocks: Block[] = [metaindex, index]
  for (const each of [metaindex, index]) {
    if (!isWhole(table, each)) return 'a false checksum'
    const listed = blocksOf(table, each)
    if (listed === undefined) return 'an unreadable index'
    blocks.push(...listed)
  }
  return blocks.every(block => isWhole(table, block)) ? undefined : 'a false checksum'
}

/** Behind each block: how it is compressed u8 ‖ masked CRC-32C u32 of both. */
function isWhole(table: Buffer, { offset, sizeBytes }: Block): boolean {
  const end = offset + sizeBytes + 1
  if (end + 4 > table.length - footerBytes) return false
  return table.readUInt32LE(end) === masked(crc32c(table.subarray(offset, end)))
}

/** As LevelDB keeps them, since checksums of what holds checksums are weak. */
function masked(sum: number): number {
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0
}

/** The blocks that an index block names. */
function blocksOf(table: Buffer, block: Block): Block[] | undefined {
  const bytes = unpacked(table, block)
  if (bytes === undefined || bytes.length < 4) return undefined
  const entriesEnd = bytes.length - 4 * (bytes.readUInt32LE(bytes.length - 4) + 1)
  if (entriesEnd < 0) return undefined
  const reader = new Handles(bytes.subarray(0, entriesEnd))
  const blocks: Block[] = []
  while (!reader.isAtEnd) {
    const each = reader.nextEntry()
    if (each === undefined) return undefined
    blocks.push(each)
  }
  return blocks
}

function unpacked(table: Buffer, { offset, sizeBytes }: Block): Buffer | undefined {
  const bytes = table.subarray(offset, offset + sizeBytes)
  const kind = table[offset + sizeBytes]
  if (kind === compression.none) return bytes
  if (kind !== compression.snappy) return undefined
  try {
    return Buffer.from(uncompress(bytes, maxIndexBytes))
  } catch {
    return undefined
  }
}

/** Reads handles of blocks: offset varint ‖ size varint. */
class Handles {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Nothing but zeros is left. */
  get isPadded(): boolean {
    return this.#bytes.subarray(this.#at).every(byte => byte === 0)
  }

  next(): Block | undefined {
    const offset = this.#varint()
    const sizeBytes = this.#varint()
    return offset === undefined || sizeBytes === undefined ? undefined : { offset, sizeBytes }
  }

  /** An entry of an index block: shared u, unshared u, value length u, the key's unshared part, the handle. */
  nextEntry(): Block | undefined {
    const [shared, unshared, valueBytes] = [this.#varint(), this.#varint(), this.#varint()]
    if (shared === undefined || unshared === undefined || valueBytes === undefined) return undefined
    const end = this.#at + unshared + valueBytes
    this.#at += unshared
    const block = this.next()
    return this.#at === end && end <= this.#bytes.length ? block : undefined
  }

  #varint(): number | undefined {
    let value = 0
    for (let i = 0; i < maxVarintBytes; i++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : undefined
    }
    return undefined
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
