/**
 * How much of each group's log anybody was told of, by a receipt when it left its authority or by an answered read: a read
 * that is asked for after that must show it, wherever it is asked for.
 */
export class Told {
  readonly #sizes = new Map<number, number>()
  readonly #fail: (problem: string) => void

  constructor(fail: (problem: string) => void) {
    this.#fail = fail
  }

  /** The log's size that the group had at least. */
  of(group: number): number {
    return this.#sizes.get(group) ?? 0
  }

  tell(group: number, size: number): void {
    if (size > this.of(group)) this.#sizes.set(group, size)
  }

  /** A read has shown the state at `size`; `floor` is what `of` said when it was asked for. */
  read(group: number, floor: number, size: number): void {
    if (size < floor) this.#fail(`a read shows group ${group} at size ${size}, and ${floor} was told before`)
    this.tell(group, size)
  }
}
