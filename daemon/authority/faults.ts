import type { Fault } from './types.ts'

interface Span {
  readonly fault: Fault
  /** The last leaf that counts as one with it. */
  readonly toLeaf: number
}

const maxSpans = 64

/**
 * The faults in a log that the members have not decided yet, by leaf. A decision may pass the lowest, so the others are kept
 * too; of more than 64 the highest are taken together, with all that lies between them.
 */
export class Faults {
  readonly #spans: Span[] = []

  get first(): Fault | undefined {
    return this.#spans[0]?.fault
  }

  add(fault: Fault): void {
    this.#add({ fault, toLeaf: fault.leaf })
  }

  addAll(others: Faults): void {
    for (const span of others.#spans) this.#add(span)
  }

  #add(span: Span): void {
    const at = this.#spans.findIndex(({ fault }) => fault.leaf > span.fault.leaf)
    this.#spans.splice(at === -1 ? this.#spans.length : at, 0, span)
    if (this.#spans.length <= maxSpans) return
    const [lower, higher] = this.#spans.splice(-2) as [Span, Span]
    this.#spans.push({ fault: lower.fault, toLeaf: Math.max(lower.toLeaf, higher.toLeaf) })
  }

  /** The members have decided the log up to this size: what lies below is no longer held against anybody. */
  decided(size: number): void {
    const left = this.#spans.filter(({ toLeaf }) => toLeaf >= size)
    const cut = left.map(span => {
      const { fault, toLeaf } = span
      return fault.leaf < size ? { fault: { ...fault, leaf: size }, toLeaf } : span
    })
    this.#spans.splice(0, this.#spans.length, ...cut)
  }
}
