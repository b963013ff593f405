/** What is committed and not decided: it may fall off with a change of views, so there is never much of it. */
export interface TailLimits {
  readonly maxBytes: number
  /** Without a decision, though there is something to decide. */
  readonly maxMs: number
}

export const defaultTailLimits: TailLimits = { maxBytes: 16 * 1024 * 1024, maxMs: 10_000 }

/** Seals that are remembered: they are a second apart, and a full tail makes few more. */
const maxSeals = 256

/** Measures a replica's log past the last seal that its members have decided, as far as this replica has seen it grow. */
export class UncertifiedTail {
  readonly #limits: TailLimits
  /** Just after each seal: the log's size, and all bytes until then. */
  #seals: { readonly size: number; readonly bytes: number }[] = []
  #bytes = 0
  #decidedBytes = 0
  /** Since when there has been something to decide, and no decision. */
  #sinceMs: number | undefined
  #nowMs = 0

  constructor(limits: TailLimits) {
    this.#limits = limits
  }

  get sizeBytes(): number {
    return this.#bytes - this.#decidedBytes
  }

  get isFull(): boolean {
    const { maxBytes, maxMs } = this.#limits
    const isOld = this.#sinceMs !== undefined && this.#nowMs - this.#sinceMs >= maxMs
    return isOld || this.sizeBytes >= maxBytes
  }

  /** An entry was applied. */
  applied(bytes: number): void {
    this.#bytes += bytes
  }

  /** A seal was applied as the end of an entry: the log has this size. */
  sealed(size: number): void {
    this.#seals.push({ size, bytes: this.#bytes })
    if (this.#seals.length > maxSeals) this.#seals.shift()
  }

  /** The members have decided the log up to this size. */
  decided(size: number): void {
    const done = this.#seals.filter(seal => seal.size <= size).at(-1)
    if (done === undefined) return
    this.#seals = this.#seals.filter(seal => seal.size > size)
    this.#decidedBytes = done.bytes
    this.#sinceMs = undefined
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs
    if (this.sizeBytes > 0) this.#sinceMs ??= nowMs
    else this.#sinceMs = undefined
  }
}
