/** How much of a log was told of, in which view of it. */
export interface Floor {
  readonly view: number
  readonly size: number
}

/**
 * How much of each group's log anybody was told of, by a receipt when it left its authority or by an answered read: a read
 * that is asked for after that must show it, wherever it is asked for. A new view may begin below what was told in the last.
 */
export class Told {
  readonly #floors = new Map<number, Floor>()
  readonly #viewOf: (group: number) => number
  readonly #fail: (problem: string) => void

  /** @param viewOf the newest view that a replica of the group has begun in */
  constructor(viewOf: (group: number) => number, fail: (problem: string) => void) {
    this.#viewOf = viewOf
    this.#fail = fail
  }

  /** The log's size that the group had at least. */
  of(group: number): Floor {
    const view = this.#viewOf(group)
    const known = this.#floors.get(group)
    return known?.view === view ? known : { view, size: 0 }
  }

  tell(group: number, size: number, view: number): void {
    if (view === this.#viewOf(group) && size > this.of(group).size) this.#floors.set(group, { view, size })
  }

  /** A read has shown the state at `size`; `floor` is what `of` said when it was asked for. */
  read(group: number, floor: Floor, size: number): void {
    // Nothing says in which view it was answered, when there have been two.
    if (this.#viewOf(group) !== floor.view) return
    if (size < floor.size)
      this.#fail(`a read shows group ${group} at size ${size}, and ${floor.size} was told before`)
    this.tell(group, size, floor.view)
  }
}
