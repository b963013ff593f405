/** A whole state as a manifest and compressed chunks, and back. */
import { equalBytes } from '../bytes.ts'
import { type StateEntry, StateTree } from '../state/state-tree.ts'
import { type ChunkRefusal, openChunk, packChunk } from './chunk.ts'
import { type ChunkInfo, decodeManifest, encodeManifest, type Manifest, maxSealBytes } from './manifest.ts'

/** What the writer aims at before compression; an entry that is larger gets a chunk of its own. */
const chunkRawBytes = 256 * 1024

export interface Snapshot {
  readonly manifest: Uint8Array
  readonly chunks: readonly Uint8Array[]
}

/** @throws RangeError when an entry, or what is to be said about the seal, is past the limits of the format */
export function writeSnapshot(
  state: StateTree | Iterable<StateEntry>,
  sealInfo: Uint8Array,
  rawBytes: number = chunkRawBytes,
): Snapshot {
  if (sealInfo.length > maxSealBytes)
    throw new RangeError(`${sealInfo.length} bytes about a seal are too many.`)
  const tree = state instanceof StateTree ? state : treeOf(state)
  const chunks: Uint8Array[] = []
  const infos: ChunkInfo[] = []
  for (const { entries, path } of tree.subtrees(rawBytes)) {
    const { packed, rawBytes } = packChunk(entries)
    chunks.push(packed)
    infos.push({ entries: entries.length, packedBytes: packed.length, rawBytes, path })
  }
  const manifest = encodeManifest({ stateRoot: tree.root(), sealInfo, chunks: infos })
  return { manifest, chunks }
}

export type SnapshotRefusal = ChunkRefusal | 'malformed-manifest' | 'wrong-state-root' | 'missing-chunks'

export type SnapshotResult =
  | {
      readonly ok: true
      readonly entries: readonly StateEntry[]
      /** The state tree over the entries, ready to go on. */
      readonly tree: StateTree
      readonly sealInfo: Uint8Array
    }
  /** `chunk` is the one that was refused. */
  | { readonly ok: false; readonly code: SnapshotRefusal; readonly chunk?: number }

/** The manifest, if it is one and for this state root (which the caller knows from a seal). */
export function openManifest(bytes: Uint8Array, stateRoot: Uint8Array): Manifest | undefined {
  const manifest = decodeManifest(bytes)
  return manifest && equalBytes(manifest.stateRoot, stateRoot) ? manifest : undefined
}

/** Every entry under a sealed state root: each chunk proves itself, and all of them together give the root again. */
export function readSnapshot(snapshot: Snapshot, stateRoot: Uint8Array): SnapshotResult {
  const manifest = decodeManifest(snapshot.manifest)
  if (!manifest) return { ok: false, code: 'malformed-manifest' }
  if (!equalBytes(manifest.stateRoot, stateRoot)) return { ok: false, code: 'wrong-state-root' }
  if (snapshot.chunks.length !== manifest.chunks.length) return { ok: false, code: 'missing-chunks' }
  const entries: StateEntry[] = []
  for (const [i, packed] of snapshot.chunks.entries()) {
    const chunk = openChunk(manifest, i, packed)
    if (!chunk.ok) return { ok: false, code: chunk.code, chunk: i }
    for (const entry of chunk.entries) entries.push(entry)
  }
  const tree = treeOf(entries)
  // Chunks could each be true and one of them be listed twice, or another be left out.
  if (tree.size !== entries.length || !equalBytes(tree.root(), stateRoot))
    return { ok: false, code: 'missing-chunks' }
  return { ok: true, entries, tree, sealInfo: manifest.sealInfo }
}

function treeOf(entries: Iterable<StateEntry>): StateTree {
  const tree = new StateTree()
  for (const { key, value } of entries) tree.set(key, value)
  return tree
}
