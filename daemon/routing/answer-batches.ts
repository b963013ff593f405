/** Collects the answers of one turn: one frame for each batch that has some. */
export class AnswerBatches<Answer> {
  readonly #schedule: (run: () => void) => void
  readonly #send: (batch: number, answers: readonly Answer[]) => void
  #waiting = new Map<number, Answer[]>()

  /** `schedule` runs a function at the end of the turn. */
  constructor(
    schedule: (run: () => void) => void,
    send: (batch: number, answers: readonly Answer[]) => void,
  ) {
    this.#schedule = schedule
    this.#send = send
  }

  add(batch: number, answer: Answer): void {
    if (this.#waiting.size === 0) this.#schedule(() => this.#flush())
    const answers = this.#waiting.get(batch)
    if (answers === undefined) this.#waiting.set(batch, [answer])
    else answers.push(answer)
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = new Map()
    for (const [batch, answers] of waiting) this.#send(batch, answers)
  }
}
