import { createHash } from 'node:crypto'

const TAIL_LINES = 200
/** Hashed at a time: a call for each line would cost more than the hashing. */
const BLOCK_BYTES = 1 << 16

/** Everything that happened, as one running SHA-256, and its last lines in words for whoever looks into a failure. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #block = Buffer.allocUnsafe(BLOCK_BYTES)
  readonly #tail: string[] = []
  #blockBytes = 0
  #events = 0

  get events(): number {
    return this.#events
  }

  /** `line` is Latin-1; `bytes` is what was delivered, where something was. */
  add(atUs: number, line: string, bytes?: Uint8Array): void {
    const text = `${atUs} ${line}`
    const header = `${text} ${bytes?.length ?? ''}\n`
    this.#makeRoom(header.length)
    this.#blockBytes += this.#block.write(header, this.#blockBytes, 'latin1')
    if (bytes !== undefined) this.#addBytes(bytes)
    this.#tail[this.#events++ % TAIL_LINES] = text
  }

  /** Hex SHA-256 over all so far. */
  digest(): string {
    this.#makeRoom(BLOCK_BYTES)
    return this.#hash.copy().digest('hex')
  }

  tail(lines: number): string[] {
    const count = Math.min(lines, TAIL_LINES, this.#events)
    return Array.from({ length: count }, (_, i) => this.#tail[(this.#events - count + i) % TAIL_LINES]!)
  }

  #addBytes(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length)
    if (bytes.length > BLOCK_BYTES) return void this.#hash.update(bytes)
    this.#block.set(bytes, this.#blockBytes)
    this.#blockBytes += bytes.length
  }

  #makeRoom(bytes: number): void {
    if (this.#blockBytes + bytes <= BLOCK_BYTES) return
    this.#hash.update(this.#block.subarray(0, this.#blockBytes))
    this.#blockBytes = 0
  }
}
