/** A chunk: entries as `key 32 ‖ value length u32 ‖ value`, one after another, compressed with zstd. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { equalBytes, putU32, readU32 } from '../bytes.ts'
import { keyBit } from '../state/node-hash.ts'
import { rootOfPath } from '../state/proof.ts'
import { type StateEntry, StateTree } from '../state/state-tree.ts'
import { type ChunkInfo, type Manifest, maxChunkRawBytes } from './manifest.ts'

export type ChunkRefusal = 'no-such-chunk' | 'wrong-size' | 'not-compressed' | 'malformed' | 'wrong-root'

export type ChunkResult =
  | { readonly ok: true; readonly entries: readonly StateEntry[] }
  | { readonly ok: false; readonly code: ChunkRefusal }

const keyBytes = 32
const entryHeadBytes = keyBytes + 4

/** @throws RangeError when a key doesn't have 32 bytes, or the chunk is larger than the format allows */
export function packChunk(entries: readonly StateEntry[]): { packed: Uint8Array; rawBytes: number } {
  const rawBytes = entries.reduce((sum, { value }) => sum + entryHeadBytes + value.length, 0)
  if (rawBytes > maxChunkRawBytes)
    throw new RangeError(`A chunk of ${rawBytes} bytes is too large for a snapshot.`)
  const raw = new Uint8Array(rawBytes)
  let at = 0
  for (const { key, value } of entries) {
    if (key.length !== keyBytes)
      throw new RangeError(`A snapshot's keys have ${keyBytes} bytes, not ${key.length}.`)
    raw.set(key, at)
    putU32(raw, at + keyBytes, value.length)
    raw.set(value, at + entryHeadBytes)
    at += entryHeadBytes + value.length
  }
  return { packed: zstdCompressSync(raw), rawBytes }
}

/** The entries of a chunk, once it is certain that they are exactly what the state root has in that place. */
export function openChunk(manifest: Manifest, index: number, packed: Uint8Array): ChunkResult {
  const info = manifest.chunks[index]
  if (!info) return { ok: false, code: 'no-such-chunk' }
  if (packed.length !== info.packedBytes) return { ok: false, code: 'wrong-size' }
  const raw = decompress(packed, info.rawBytes)
  if (!raw) return { ok: false, code: 'not-compressed' }
  const entries = readEntries(raw)
  if (!entries || entries.length !== info.entries) return { ok: false, code: 'malformed' }
  return belongs(entries, info, manifest.stateRoot)
    ? { ok: true, entries }
    : { ok: false, code: 'wrong-root' }
}

/** Never grows past what the manifest announced, whatever the bytes say. */
function decompress(packed: Uint8Array, rawBytes: number): Uint8Array | undefined {
  try {
    const raw = zstdDecompressSync(packed, { maxOutputLength: Math.max(1, rawBytes) })
    return raw.length === rawBytes ? raw : undefined
  } catch {
    return undefined
  }
}

function readEntries(raw: Uint8Array): StateEntry[] | undefined {
  const entries: StateEntry[] = []
  for (let at = 0; at < raw.length; ) {
    if (raw.length - at < entryHeadBytes) return undefined
    const end = at + entryHeadBytes + readU32(raw, at + keyBytes)
    if (raw.length < end) return undefined
    entries.push({ key: raw.subarray(at, at + keyBytes), value: raw.subarray(at + entryHeadBytes, end) })
    at = end
  }
  return entries
}

function belongs(entries: readonly StateEntry[], info: ChunkInfo, stateRoot: Uint8Array): boolean {
  const first = entries[0]!.key
  const onPath = (key: Uint8Array) => info.path.every(({ bit }) => keyBit(key, bit) === keyBit(first, bit))
  if (!entries.every(entry => onPath(entry.key))) return false
  const tree = new StateTree()
  for (const { key, value } of entries) tree.set(key, value)
  return tree.size === entries.length && equalBytes(rootOfPath(tree.root(), first, info.path), stateRoot)
}
