/**
 * Deterministic draws: Chris Doty-Humphrey's sfc32 over seed words out of a hash. Fair, not secret: who knows the
 * log's origin and the leaf can compute them, as every replica and auditor has to.
 */
export class Draw {
  private a: number
  private b: number
  private c: number
  private counter: number

  constructor(seed: Uint32Array, w0 = 0, w1 = 0) {
    this.a = (seed[0]! ^ w0) | 0
    this.b = (seed[1]! ^ w1) | 0
    this.c = seed[2]! | 0
    this.counter = seed[3]! | 1
    for (let round = 0; round < 12; round++) this.next()
  }

  /** 32 bits. */
  next(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number n with 0 ≤ n < below; below ≤ 2⁴⁰, where the bias of the remainder is under 2⁻¹³. */
  below(below: number): number {
    const high = this.next() >>> 11
    return (high * 4294967296 + this.next()) % below
  }
}

export function seedWords(hash: Uint8Array): Uint32Array {
  const words = new Uint32Array(4)
  for (let i = 0; i < 4; i++) {
    words[i] = (hash[4 * i]! << 24) | (hash[4 * i + 1]! << 16) | (hash[4 * i + 2]! << 8) | hash[4 * i + 3]!
  }
  return words
}
