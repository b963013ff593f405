import { equalBytes } from '../../storage/bytes.ts'
import { snapshotChunkKey } from '../../storage/keys.ts'
import { leafBundleOp } from '../../storage/log/bodies-here.ts'
import { leafDataBytes, leafDataHashes } from '../../storage/log/record.ts'
import { rootOfSubtree, rootUpTo, type Subtree, subtreesOf } from '../../storage/log/subtree.ts'
import { tileHeight, tileWidth } from '../../storage/log/tree.ts'
import { openChunk } from '../../storage/snapshot/chunk.ts'
import type { StoreOp } from '../../storage/store.ts'
import type { PeerId } from '../ports.ts'
import type { SnapshotReply } from './snapshot.pb.js'
import type { ProvenManifest, WantedSnapshot } from './snapshot-proof.ts'
import { maxPieceHeight } from './snapshot-server.ts'

export type Piece =
  | { readonly kind: 'chunk'; readonly number: number }
  | { readonly kind: 'leaves'; readonly subtree: Subtree }

export type Arrival =
  | { readonly ok: true; readonly ops: readonly StoreOp[] }
  | { readonly ok: false; readonly code: string }

/** Whether a piece is on the disk from an attempt before. */
export type IsHere = (piece: Piece) => boolean

/**
 * What has to be fetched for a snapshot, from whom it is being fetched, and whether what came is what the members have
 * decided. Each piece proves itself, so they come from several peers at once and in any order.
 */
export class Download {
  readonly #group: number
  readonly #wanted: WantedSnapshot
  readonly #proven: ProvenManifest
  readonly #waiting: Piece[]
  readonly #asked = new Map<PeerId, Piece>()
  /** Leaf data behind the last whole bundle, by first leaf: they are kept in memory. */
  readonly #tail = new Map<number, Uint8Array>()
  #root: Uint8Array | undefined

  /** @param from a multiple of 256: leaves below are here */
  constructor(group: number, wanted: WantedSnapshot, proven: ProvenManifest, from: number, isHere: IsHere) {
    this.#group = group
    this.#wanted = wanted
    this.#proven = proven
    this.#waiting = piecesOf(proven, from, wanted.size).filter(
      piece => isLastOf(piece, wanted.size) || !isHere(piece),
    )
  }

  get manifest(): Uint8Array {
    return this.#proven.bytes
  }

  get proven(): ProvenManifest {
    return this.#proven
  }

  get isDone(): boolean {
    return this.#waiting.length === 0 && this.#asked.size === 0
  }

  /** Leaf data behind the last whole bundle, once it is done. */
  get tail(): Uint8Array {
    return Buffer.concat([...this.#tail].sort(([a], [b]) => a - b).map(([, data]) => data))
  }

  /** Of the log at the state, as the last leaves prove it, once it is done. */
  get root(): Uint8Array {
    return this.#root!
  }

  /** What to ask this peer for; undefined when nothing is left that it could give. */
  next(peer: PeerId): Piece | undefined {
    const piece = this.#waiting.pop()
    if (piece !== undefined) this.#asked.set(peer, piece)
    return piece
  }

  /** The peer ended, or has not what it was asked for: somebody else is asked. */
  lost(peer: PeerId): void {
    const piece = this.#asked.get(peer)
    this.#asked.delete(peer)
    if (piece !== undefined) this.#waiting.push(piece)
  }

  /** What the peer answered. When it is not what was decided, somebody else is asked, and this one should not be. */
  arrived(peer: PeerId, reply: SnapshotReply): Arrival {
    const piece = this.#asked.get(peer)!
    const arrival =
      piece.kind === 'chunk' ? this.#chunk(piece.number, reply) : this.#leaves(piece.subtree, reply)
    if (arrival.ok) this.#asked.delete(peer)
    else this.lost(peer)
    return arrival
  }

  #chunk(number: number, { data }: SnapshotReply): Arrival {
    const opened = openChunk(this.#proven.manifest, number, data ?? new Uint8Array())
    if (!opened.ok) return opened
    return { ok: true, ops: [{ key: snapshotChunkKey(this.#group, this.#wanted.size, number), value: data }] }
  }

  #leaves(subtree: Subtree, { data, proof }: SnapshotReply): Arrival {
    const { size, root } = this.#wanted.final
    const count = 2 ** subtree.height
    if (data?.length !== count * leafDataBytes || proof === undefined)
      return { ok: false, code: 'wrong-size' }
    const hashes = leafDataHashes(data)
    const own = rootOfSubtree(subtree, hashes, size, proof)
    if (own === undefined || !equalBytes(own, root)) return { ok: false, code: 'wrong-root' }
    if (endOf(subtree) === this.#wanted.size) this.#root = rootUpTo(subtree, hashes, size, proof)
    if (subtree.height < tileHeight) {
      this.#tail.set(subtree.first, data)
      return { ok: true, ops: [] }
    }
    const ops: StoreOp[] = []
    for (let first = 0; first < count; first += tileWidth) {
      const bundle = data.subarray(first * leafDataBytes, (first + tileWidth) * leafDataBytes)
      ops.push(leafBundleOp(this.#group, (subtree.first + first) / tileWidth, bundle))
    }
    return { ok: true, ops }
  }
}

const endOf = ({ first, height }: Subtree): number => first + 2 ** height

/** It proves all before it, and is fetched again where the disk has it. */
function isLastOf(piece: Piece, size: number): boolean {
  return piece.kind === 'leaves' && endOf(piece.subtree) === size
}

/** The state last, so that it is asked for first. */
export function piecesOf({ manifest }: ProvenManifest, from: number, size: number): Piece[] {
  const leaves = subtreesOf(from, size, maxPieceHeight).map((subtree): Piece => ({ kind: 'leaves', subtree }))
  return [...leaves.reverse(), ...manifest.chunks.map((_, number): Piece => ({ kind: 'chunk', number }))]
}
