import { snapshotChunkKey, snapshotManifestKey } from '../../storage/keys.ts'
import type { BodiesHere } from '../../storage/log/bodies-here.ts'
import { tileWidth } from '../../storage/log/tree.ts'
import type { Store } from '../../storage/store.ts'
import type { KeptSnapshot } from './snapshots.ts'

export interface KeptView {
  /** The first leaf from which on all bodies are here, in whole bundles. */
  readonly bodiesFrom: number
  /** Leaves in the log at each state that is here, ascending. */
  readonly snapshots: readonly number[]
}

/** What anybody may read of the states that this node keeps: those below what it shows of the log. */
export class ServedSnapshots {
  readonly #store: Store
  readonly #group: number
  readonly #here: () => readonly KeptSnapshot[]

  /** @param here the states that this node keeps, oldest first: anybody may ask, so nothing is read to find out */
  constructor(store: Store, group: number, here: () => readonly KeptSnapshot[]) {
    this.#store = store
    this.#group = group
    this.#here = here
  }

  /** @param shownSize leaves under the published checkpoint */
  kept({ from, gapFrom, gapTo }: BodiesHere, shownSize: number): KeptView {
    const first = gapFrom < gapTo ? Math.max(from, gapTo) : from
    const bodiesFrom = Math.min(shownSize, Math.ceil(first / tileWidth) * tileWidth)
    const sizes = this.#here().map(({ size }) => size)
    return { bodiesFrom, snapshots: sizes.filter(size => size < shownSize) }
  }

  /** Undefined for what is not here, or not any more. */
  async piece(size: number, piece: 'manifest' | number): Promise<Uint8Array | undefined> {
    const kept = this.#here().find(snapshot => snapshot.size === size)
    if (kept === undefined) return undefined
    if (piece === 'manifest') return await this.#store.get(snapshotManifestKey(this.#group, size))
    if (piece >= kept.chunkCount) return undefined
    return await this.#store.get(snapshotChunkKey(this.#group, size, piece))
  }
}
