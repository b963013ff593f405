import { createHash } from 'node:crypto'

const TAIL_LINES = 200

/** Everything that happened, as one running SHA-256, and its last lines in words for whoever looks into a failure. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #tail: string[] = []
  #events = 0

  get events(): number {
    return this.#events
  }

  /** `bytes` is what was delivered, where something was. */
  add(atUs: number, line: string, bytes?: Uint8Array): void {
    const text = `${atUs} ${line}`
    this.#hash.update(`${text} ${bytes?.length ?? ''}\n`)
    if (bytes !== undefined) this.#hash.update(bytes)
    this.#tail[this.#events++ % TAIL_LINES] = text
  }

  /** Hex SHA-256 over all so far. */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  tail(lines: number): string[] {
    const count = Math.min(lines, TAIL_LINES, this.#events)
    return Array.from({ length: count }, (_, i) => this.#tail[(this.#events - count + i) % TAIL_LINES]!)
  }
}
