import { snapshotChunkKey, snapshotManifestKey } from '../../storage/keys.ts'
import type { BodiesHere } from '../../storage/log/bodies-here.ts'
import { tileWidth } from '../../storage/log/tree.ts'
import type { Store } from '../../storage/store.ts'
import { keptSnapshots } from './snapshots.ts'

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

  constructor(store: Store, group: number) {
    this.#store = store
    this.#group = group
  }

  /** @param shownSize leaves under the published checkpoint */
  async kept({ from, gapFrom, gapTo }: BodiesHere, shownSize: number): Promise<KeptView> {
    const first = gapFrom < gapTo ? Math.max(from, gapTo) : from
    const bodiesFrom = Math.min(shownSize, Math.ceil(first / tileWidth) * tileWidth)
    const sizes = (await keptSnapshots(this.#store, this.#group)).map(({ size }) => size)
    return { bodiesFrom, snapshots: sizes.filter(size => size < shownSize) }
  }

  async piece(size: number, piece: 'manifest' | number): Promise<Uint8Array | undefined> {
    const manifest = await this.#store.get(snapshotManifestKey(this.#group, size))
    // Chunks without one are of a state that is still being fetched.
    if (piece === 'manifest' || manifest === undefined) return manifest
    return await this.#store.get(snapshotChunkKey(this.#group, size, piece))
  }
}
