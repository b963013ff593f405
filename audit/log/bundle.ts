/**
 * One bundle of up to 256 leaves as three files tell it: the records' bodies, the leaves (tile/entries) and the leaves'
 * hashes (tile/0). Each is checked against the other two, so that the odd one is named.
 */
import { fastLeafHash, sha256 } from '../crypto.ts'
import type { Findings } from '../findings.ts'
import { equalBytes } from '../verify/bytes.ts'

export interface BundleFiles {
  readonly firstLeaf: number
  /** Leaves in it. */
  readonly width: number
  readonly bodies: NamedFile
  readonly entries: NamedFile
  readonly tile: NamedFile
}

export interface NamedFile {
  readonly path: string
  /** Undefined where it is missing. */
  readonly bytes: Uint8Array | undefined
}

/** A record whose body is proven to be the one that its leaf names. */
export interface CheckedRecord {
  readonly kind: number
  readonly rulesVersion: number
  /** 16 bytes. */
  readonly salt: Uint8Array
  readonly body: Uint8Array
}

export interface CheckedLeaf {
  /** Undefined where the files don't tell it, or not which of two. */
  readonly hash: Uint8Array | undefined
  readonly record: CheckedRecord | undefined
}

const recordVersion = 1
const recordKinds = 8
const leafBytes = 36
const entryBytes = 2 + leafBytes
const saltBytes = 16
const maxBodyBytes = 65_000

export const maxBundleBytes = {
  bodies: 256 * (saltBytes + 4 + maxBodyBytes),
  entries: 256 * entryBytes,
  tile: 256 * 32,
} as const

/** @param withBodies false where the whole log comes without them */
export function checkBundle(
  files: BundleFiles,
  rulesVersion: number,
  withBodies: boolean,
  findings: Findings,
): CheckedLeaf[] {
  const { firstLeaf, width, entries, tile } = files
  const reader = new BodyReader(files.bodies.bytes ?? new Uint8Array(0))
  const leaves: CheckedLeaf[] = []
  for (let i = 0; i < width; i++) {
    const leaf = firstLeaf + i
    const entry = entryAt(entries.bytes, i)
    const hash = hashAt(tile.bytes, i)
    const named = entry?.subarray(4)
    const blame = (
      file: NamedFile,
      code: 'wrong-body' | 'wrong-entry' | 'wrong-tile',
      what: string,
    ): void => {
      if (file.bytes === undefined) findings.add('missing-file', file.path, leaf, leaf, 'the file is missing')
      else findings.add(code, file.path, leaf, leaf, what)
    }
    const read = reader.next(
      digest =>
        (named !== undefined && equalBytes(named, digest)) ||
        headerFor(hash, digest, rulesVersion) !== undefined,
    )
    if (read?.damagedLength) blame(files.bodies, 'wrong-body', "the body's length is wrong")
    const entryHash = entry && fastLeafHash(entry)
    const checked =
      entryHash !== undefined && hash !== undefined && equalBytes(entryHash, hash)
        ? { hash, header: entry, named }
        : settle(entry, entryHash, hash, read?.digest, rulesVersion)
    if (checked.odd === 'entry') blame(entries, 'wrong-entry', 'the entry is not what body and tile say')
    if (checked.odd === 'tile') blame(tile, 'wrong-tile', 'the hash is not what body and entry say')
    if (checked.odd === 'unknown') {
      const what = 'entry and tile disagree, and no body tells which of them is right'
      for (const file of [entries, tile]) {
        if (file.bytes === undefined) blame(file, 'wrong-entry', '')
        else findings.add('copies-disagree', file.path, leaf, leaf, what)
      }
    }
    const proven = read !== undefined && checked.named !== undefined && equalBytes(checked.named, read.digest)
    if (!proven && withBodies && checked.odd !== 'unknown')
      blame(files.bodies, 'wrong-body', 'the body is not the one that its leaf names')
    const record = proven ? recordOf(checked.header!, read) : undefined
    leaves.push({ hash: checked.hash, record })
  }
  checkEnds(files, reader, withBodies, findings)
  return leaves
}

interface Settled {
  readonly hash: Uint8Array | undefined
  /** The record's header, and the digest of salt and body, that belong to the hash. */
  readonly header: Uint8Array | undefined
  readonly named: Uint8Array | undefined
  readonly odd?: 'entry' | 'tile' | 'unknown'
}

/** Entry and tile differ: the body decides which of them goes with it. */
function settle(
  entry: Uint8Array | undefined,
  entryHash: Uint8Array | undefined,
  hash: Uint8Array | undefined,
  digest: Uint8Array | undefined,
  rulesVersion: number,
): Settled {
  const header = digest && headerFor(hash, digest, rulesVersion)
  if (header !== undefined) return { hash, header, named: digest, odd: 'entry' }
  const named = entry?.subarray(4)
  if (digest !== undefined && named !== undefined && equalBytes(named, digest))
    return { hash: entryHash, header: entry, named, odd: 'tile' }
  return { hash: undefined, header: undefined, named: undefined, odd: 'unknown' }
}

/** The header with which a record of this digest has this leaf hash; there are only as many as there are kinds. */
function headerFor(
  hash: Uint8Array | undefined,
  digest: Uint8Array,
  rulesVersion: number,
): Uint8Array | undefined {
  if (hash === undefined) return undefined
  const leaf = new Uint8Array(leafBytes)
  leaf.set([recordVersion, 0, rulesVersion >> 8, rulesVersion & 255])
  leaf.set(digest, 4)
  for (let kind = 1; kind <= recordKinds; kind++) {
    leaf[1] = kind
    if (equalBytes(fastLeafHash(leaf), hash)) return leaf.subarray(0, 4)
  }
  return undefined
}

function recordOf(header: Uint8Array, { salt, body }: ReadBody): CheckedRecord {
  // A header of another version has no kind that the rules know.
  const kind = header[0] === recordVersion ? header[1]! : 0
  return { kind, rulesVersion: header[2]! * 256 + header[3]!, salt, body }
}

function checkEnds(files: BundleFiles, reader: BodyReader, withBodies: boolean, findings: Findings): void {
  const { width, firstLeaf, bodies, entries, tile } = files
  const last = firstLeaf + width - 1
  const longer = (file: NamedFile, length: number): void => {
    if (file.bytes !== undefined && file.bytes.length > length)
      findings.add('trailing-bytes', file.path, last, last, 'the file goes on behind its last leaf')
  }
  longer(entries, width * entryBytes)
  longer(tile, width * 32)
  if (withBodies && !reader.lost) longer(bodies, reader.at)
}

function entryAt(bytes: Uint8Array | undefined, i: number): Uint8Array | undefined {
  const at = i * entryBytes
  if (bytes === undefined || at + entryBytes > bytes.length) return undefined
  return bytes[at] === 0 && bytes[at + 1] === leafBytes ? bytes.subarray(at + 2, at + entryBytes) : undefined
}

function hashAt(bytes: Uint8Array | undefined, i: number): Uint8Array | undefined {
  return bytes !== undefined && (i + 1) * 32 <= bytes.length
    ? bytes.subarray(i * 32, (i + 1) * 32)
    : undefined
}

interface ReadBody {
  readonly salt: Uint8Array
  readonly body: Uint8Array
  /** SHA-256(salt ‖ body). */
  readonly digest: Uint8Array
  readonly damagedLength: boolean
}

const saltedBody = Buffer.alloc(saltBytes + maxBodyBytes)

/** Reads salt 16 ‖ length u32 ‖ body, one after another. */
class BodyReader {
  readonly #bytes: Uint8Array
  readonly #numbers: DataView
  at = 0
  /** Where the next body begins isn't known any more. */
  lost = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** @param isRight tells the digest of the body that belongs here */
  next(isRight: (digest: Uint8Array) => boolean): ReadBody | undefined {
    if (this.lost || this.at + saltBytes + 4 > this.#bytes.length) {
      this.lost = true
      return undefined
    }
    const length = this.#numbers.getUint32(this.at + saltBytes)
    const digest = this.#digest(length)
    if (digest !== undefined && isRight(digest)) return this.#take(length, digest, false)
    // One flipped bit in the length would make all that follows unreadable: look for the one that fits.
    for (let bit = 0; bit < 32; bit++) {
      const meant = (length ^ (1 << bit)) >>> 0
      const other = this.#digest(meant)
      if (other !== undefined && isRight(other)) return this.#take(meant, other, true)
    }
    if (digest !== undefined) return this.#take(length, digest, false)
    this.lost = true
    return undefined
  }

  #take(length: number, digest: Uint8Array, damagedLength: boolean): ReadBody {
    const start = this.at + saltBytes + 4
    this.at = start + length
    const salt = this.#bytes.subarray(start - 4 - saltBytes, start - 4)
    return { salt, body: this.#bytes.subarray(start, this.at), digest, damagedLength }
  }

  #digest(length: number): Uint8Array | undefined {
    const start = this.at + saltBytes + 4
    if (length > maxBodyBytes || start + length > this.#bytes.length) return undefined
    saltedBody.set(this.#bytes.subarray(this.at, this.at + saltBytes))
    saltedBody.set(this.#bytes.subarray(start, start + length), saltBytes)
    return sha256(saltedBody.subarray(0, saltBytes + length))
  }
}
