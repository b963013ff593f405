import type { Claim, SignedCheckpoint } from '../evidence/log-keys.ts'

/** What was first heard of one log at one size. */
export interface Place {
  readonly size: number
  root: Uint8Array
  /** It is what this node's own log had at that size. */
  settled: boolean
  /** Whose signature was verified; undefined when this node has the root by itself. */
  proven: SignedCheckpoint | undefined
  /** What nodes said of themselves with this very root, unverified, by their number. */
  readonly claims: Map<number, Claim>
  /** What was signed against it, while this node's own log had not got there. */
  readonly rivals: SignedCheckpoint[]
}

export function newPlace(size: number, root: Uint8Array, proven?: SignedCheckpoint): Place {
  return { size, root, settled: proven === undefined, proven, claims: new Map(), rivals: [] }
}

/** The sizes of one log that are remembered. */
export class Places {
  readonly #places = new Map<number, Place>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get(size: number): Place | undefined {
    return this.#places.get(size)
  }

  values(): Iterable<Place> {
    return this.#places.values()
  }

  add(place: Place): void {
    this.#places.set(place.size, place)
    if (this.#places.size > this.#most) this.#places.delete(this.#leastUseful(place))
  }

  /**
   * What this node's own log has shown to be right can be looked up again: the oldest of those goes first. Else the
   * largest, since the log comes to the others sooner; else, where nothing is ever settled here, the oldest.
   */
  #leastUseful(added: Place): number {
    let largest = added.size
    let canSettle = false
    for (const { size, settled } of this.#places.values()) {
      if (settled && size !== added.size) return size
      canSettle ||= settled
      largest = Math.max(largest, size)
    }
    return canSettle ? largest : this.#places.keys().next().value!
  }
}
