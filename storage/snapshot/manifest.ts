/**
 * The list of a snapshot's chunks. Each chunk is a whole subtree of the state tree: all keys that begin with some bits. The
 * path from the subtree to the sealed root stands here, so that a chunk is verified by itself, whoever sent it.
 *
 *   format u8 = 1 ‖ state root 32 ‖ seal length u32 ‖ seal ‖ chunk count u32 ‖ chunk × count
 *   chunk = entries u32 ‖ packed bytes u32 ‖ raw bytes u32 ‖ steps u16 ‖ (bit u32 ‖ sibling 32) × steps
 */
import { copyBytes, putU16, putU32, readU16, readU32 } from '../bytes.ts'
import type { PathStep } from '../state/proof.ts'

const snapshotFormat = 1
export const maxSealBytes = 65_536
const maxChunks = 65_536
/** Of a chunk before compression. One entry may be larger than what the writer aims at, but not than this. */
export const maxChunkRawBytes = 16 * 1024 * 1024
const maxManifestBytes = 64 * 1024 * 1024
/** zstd makes incompressible bytes a little longer. */
const maxChunkPackedBytes = maxChunkRawBytes + 128 * 1024
/** Keys have 256 bits. */
const maxPathSteps = 256

export interface ChunkInfo {
  readonly entries: number
  /** Compressed. */
  readonly packedBytes: number
  readonly rawBytes: number
  /** From the chunk's subtree up to the state root. */
  readonly path: readonly PathStep[]
}

export interface Manifest {
  readonly stateRoot: Uint8Array
  /** Whatever the authority needs to go on from this snapshot: its seal and what proves it. */
  readonly sealInfo: Uint8Array
  readonly chunks: readonly ChunkInfo[]
}

const headBytes = 1 + 32 + 4
const chunkHeadBytes = 14
const stepBytes = 36

export function encodeManifest({ stateRoot, sealInfo, chunks }: Manifest): Uint8Array {
  let length = headBytes + sealInfo.length + 4
  for (const chunk of chunks) length += chunkHeadBytes + chunk.path.length * stepBytes
  const bytes = new Uint8Array(length)
  bytes[0] = snapshotFormat
  bytes.set(stateRoot, 1)
  putU32(bytes, 33, sealInfo.length)
  bytes.set(sealInfo, headBytes)
  let at = headBytes + sealInfo.length
  putU32(bytes, at, chunks.length)
  at += 4
  for (const chunk of chunks) {
    putU32(bytes, at, chunk.entries)
    putU32(bytes, at + 4, chunk.packedBytes)
    putU32(bytes, at + 8, chunk.rawBytes)
    putU16(bytes, at + 12, chunk.path.length)
    at += chunkHeadBytes
    for (const { bit, sibling } of chunk.path) {
      putU32(bytes, at, bit)
      bytes.set(sibling, at + 4)
      at += stepBytes
    }
  }
  return bytes
}

/** Undefined unless the bytes are exactly a manifest of this format within its limits. */
export function decodeManifest(bytes: Uint8Array): Manifest | undefined {
  if (bytes.length < headBytes + 4 || bytes.length > maxManifestBytes || bytes[0] !== snapshotFormat)
    return undefined
  const sealLength = readU32(bytes, 33)
  let at = headBytes + sealLength
  if (sealLength > maxSealBytes || bytes.length < at + 4) return undefined
  const count = readU32(bytes, at)
  at += 4
  if (count > maxChunks) return undefined
  const chunks: ChunkInfo[] = []
  while (chunks.length < count) {
    if (bytes.length < at + chunkHeadBytes) return undefined
    const steps = readU16(bytes, at + 12)
    const end = at + chunkHeadBytes + steps * stepBytes
    const path =
      steps <= maxPathSteps && bytes.length >= end ? readPath(bytes, at + chunkHeadBytes, steps) : undefined
    const info = {
      entries: readU32(bytes, at),
      packedBytes: readU32(bytes, at + 4),
      rawBytes: readU32(bytes, at + 8),
    }
    if (!path || info.rawBytes > maxChunkRawBytes || info.packedBytes > maxChunkPackedBytes) return undefined
    if (info.entries === 0) return undefined
    chunks.push({ ...info, path })
    at = end
  }
  if (at !== bytes.length) return undefined
  return {
    stateRoot: copyBytes(bytes, 1, 33),
    sealInfo: copyBytes(bytes, headBytes, headBytes + sealLength),
    chunks,
  }
}

function readPath(bytes: Uint8Array, start: number, steps: number): PathStep[] | undefined {
  const path: PathStep[] = []
  let above = Number.POSITIVE_INFINITY
  for (let at = start; path.length < steps; at += stepBytes) {
    const bit = readU32(bytes, at)
    if (bit >= above) return undefined
    path.push({ bit, sibling: copyBytes(bytes, at + 4, at + stepBytes) })
    above = bit
  }
  return path
}
