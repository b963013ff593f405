/**
 * The auditor's own reader of a state as nodes keep it (docs/protocol.md, "Served over HTTP"): a manifest, and chunks of which each
 * is all that the state tree has below one of its nodes.
 */
import { zstdDecompressSync } from 'node:zlib'
import type { StateEntry } from '../../world/interface.ts'
import { sha256 } from '../crypto.ts'
import { equalBytes, view } from '../verify/bytes.ts'
import { type PathStep, rootAbove, stateRoot } from '../verify/state.ts'

/** A piece's bytes, cut off just past `maxBytes`; undefined where there is none. */
export type ReadPiece = (name: string, maxBytes: number) => Promise<Uint8Array | undefined>

export type ReadState =
  | { readonly ok: true; readonly state: readonly StateEntry[] }
  /** It isn't there, or not all of it. */
  | { readonly ok: false; readonly code: 'missing' }
  /** The piece of this name isn't what the sealed root covers. */
  | { readonly ok: false; readonly code: 'wrong'; readonly piece: string }

export interface SnapshotChunk {
  readonly entries: number
  readonly packedBytes: number
  readonly rawBytes: number
  /** From the chunk's node up to the root. */
  readonly path: readonly PathStep[]
}

export interface SnapshotManifest {
  readonly stateRoot: Uint8Array
  /** For whoever goes on from it as a replica. */
  readonly info: Uint8Array
  readonly chunks: readonly SnapshotChunk[]
}

const maxManifestBytes = 16 * 1024 * 1024
const maxChunkRawBytes = 16 * 1024 * 1024
const maxChunkPackedBytes = maxChunkRawBytes + 128 * 1024
const maxInfoBytes = 65_536
const maxChunks = 65_536
/** Of a whole state: in memory it takes some times as much. */
const maxStateBytes = 512 * 1024 * 1024
const stepBytes = 4 + 32
const keyBytes = 32

/** The whole state under a root that a seal names. */
export async function readState(read: ReadPiece, root: Uint8Array): Promise<ReadState> {
  const bytes = await read('manifest', maxManifestBytes)
  if (bytes === undefined) return { ok: false, code: 'missing' }
  const manifest = parseManifest(bytes)
  if (manifest === undefined || !equalBytes(manifest.stateRoot, root)) return wrong('manifest')
  if (manifest.chunks.reduce((sum, { rawBytes }) => sum + rawBytes, 0) > maxStateBytes)
    return wrong('manifest')
  const all: StateEntry[] = []
  for (const [number, chunk] of manifest.chunks.entries()) {
    const packed = await read(String(number), maxChunkPackedBytes)
    if (packed === undefined) return { ok: false, code: 'missing' }
    const entries = openChunk(chunk, packed, root)
    if (entries === undefined) return wrong(String(number))
    for (const entry of entries) all.push(entry)
  }
  // Each chunk may be true and one be left out, or be listed twice.
  const whole = stateRoot(all)
  if (whole === undefined || !equalBytes(whole, root)) return wrong('manifest')
  const state = all.map(worldEntry)
  return state.includes(undefined) ? wrong('manifest') : { ok: true, state: state as StateEntry[] }
}

function wrong(piece: string): ReadState {
  return { ok: false, code: 'wrong', piece }
}

/** Undefined unless the bytes are exactly one manifest. */
export function parseManifest(bytes: Uint8Array): SnapshotManifest | undefined {
  if (bytes.length < 41 || bytes.length > maxManifestBytes || bytes[0] !== 1) return undefined
  const numbers = view(bytes)
  const infoEnd = 37 + numbers.getUint32(33)
  if (infoEnd > 37 + maxInfoBytes || infoEnd + 4 > bytes.length) return undefined
  const count = numbers.getUint32(infoEnd)
  const chunks: SnapshotChunk[] = []
  let at = infoEnd + 4
  while (chunks.length < count) {
    const pathAt = at + 14
    if (count > maxChunks || pathAt > bytes.length) return undefined
    const [entries, packedBytes, rawBytes] = [0, 4, 8].map(by => numbers.getUint32(at + by)) as [
      number,
      number,
      number,
    ]
    at = pathAt + stepBytes * numbers.getUint16(at + 12)
    const path = at <= bytes.length ? readPath(bytes.subarray(pathAt, at)) : undefined
    if (path === undefined || entries === 0) return undefined
    if (packedBytes > maxChunkPackedBytes || rawBytes > maxChunkRawBytes) return undefined
    chunks.push({ entries, packedBytes, rawBytes, path })
  }
  if (at !== bytes.length) return undefined
  return { stateRoot: bytes.slice(1, 33), info: bytes.slice(37, infoEnd), chunks }
}

/** Bits fall, from the chunk upwards; there are 256. */
function readPath(bytes: Uint8Array): PathStep[] | undefined {
  const path: PathStep[] = []
  for (let at = 0; at < bytes.length; at += stepBytes) {
    const bit = view(bytes).getUint32(at)
    if (bit >= (path.at(-1)?.bit ?? 8 * keyBytes)) return undefined
    path.push({ bit, sibling: bytes.slice(at + 4, at + stepBytes) })
  }
  return path
}

function openChunk(
  { entries: count, packedBytes, rawBytes, path }: SnapshotChunk,
  packed: Uint8Array,
  root: Uint8Array,
): StateEntry[] | undefined {
  const raw = packed.length === packedBytes ? unpacked(packed, rawBytes) : undefined
  const entries = raw && parseEntries(raw)
  const own = entries?.length === count ? stateRoot(entries) : undefined
  if (entries === undefined || own === undefined) return undefined
  const above = rootAbove(own, entries[0]!.key, path)
  return equalBytes(above, root) ? entries : undefined
}

/** Never more than was announced, whatever the bytes say. */
function unpacked(packed: Uint8Array, rawBytes: number): Uint8Array | undefined {
  try {
    const raw = zstdDecompressSync(packed, { maxOutputLength: Math.max(1, rawBytes) })
    return raw.length === rawBytes ? raw : undefined
  } catch {
    return undefined
  }
}

/** Key 32 ‖ value length u32 ‖ value, one after another. */
export function parseEntries(raw: Uint8Array): StateEntry[] | undefined {
  const entries: StateEntry[] = []
  for (let at = 0; at < raw.length; ) {
    const valueAt = at + keyBytes + 4
    if (valueAt > raw.length) return undefined
    const end = valueAt + view(raw).getUint32(at + keyBytes)
    if (end > raw.length) return undefined
    entries.push({ key: raw.slice(at, at + keyBytes), value: raw.slice(valueAt, end) })
    at = end
  }
  return entries
}

/** The tree has it under the hash of its key, with key length u8 ‖ key before the value. */
function worldEntry({ key: hash, value: whole }: StateEntry): StateEntry | undefined {
  const valueAt = 1 + (whole[0] ?? whole.length)
  if (valueAt > whole.length) return undefined
  const key = whole.subarray(1, valueAt)
  return equalBytes(sha256(key), hash) ? { key, value: whole.subarray(valueAt) } : undefined
}
