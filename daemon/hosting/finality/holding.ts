/** A hold is so many times as long as a view may bring nothing on at first: what one attempt to stall costs is a small part of it. */
const holdPerProgress = 60
const maxDoublings = 4

export interface View {
  readonly epoch: number
  readonly view: number
}

interface Entered extends View {
  readonly atMs: number
  readonly doublings: number
}

/**
 * For how long a replica that enters a view follows the view's first leader only (consensus/groups/holding.ts). In the first view of
 * an epoch Raft is free. Each later one comes after one that brought nothing on, perhaps since a member that lies had taken its
 * Raft instance over, so nobody is believed to lead it who was not agreed upon. It blames nobody.
 */
export class Holding {
  readonly #firstMs: number
  readonly #entered = new Map<number, Entered>()

  /** @param progressMs how long a view may bring nothing on, before it is given up for the first time */
  constructor(progressMs: number) {
    this.#firstMs = progressMs * holdPerProgress
  }

  /** Returns ms; the same for the same view. Views that fail soon after their hold double it, bounded; longer service ends that. */
  enters(group: number, { epoch, view }: View, nowMs: number): number {
    const last = this.#entered.get(group)
    const isSame = last?.epoch === epoch && last.view === view
    const doublings = isSame ? last.doublings : this.#doublingsAfter(last, nowMs)
    if (!isSame) this.#entered.set(group, { epoch, view, atMs: nowMs, doublings })
    return view === 0 ? 0 : this.#firstMs * 2 ** doublings
  }

  #doublingsAfter(last: Entered | undefined, nowMs: number): number {
    if (last === undefined || last.view === 0) return 0
    const heldMs = this.#firstMs * 2 ** last.doublings
    const lastedMs = nowMs - last.atMs
    if (lastedMs < heldMs) return last.doublings
    return lastedMs < 2 * heldMs ? Math.min(last.doublings + 1, maxDoublings) : 0
  }
}
