/** Numbers for the places in growing arrays: the last one given back is taken first. */
export class Slots {
  readonly #free: number[] = []
  #next = 0

  /** How many are taken now. */
  get used(): number {
    return this.#next - this.#free.length
  }

  take(): number {
    return this.#free.pop() ?? this.#next++
  }

  release(slot: number): void {
    this.#free.push(slot)
  }
}
