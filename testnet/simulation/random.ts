import type { Random } from '../../daemon/ports.ts'

/**
 * Seeded numbers for the simulator: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators"), its state filled by splitmix32. Reproducible, and of no use for anything secret.
 */
export class SimRandom implements Random {
  readonly #seed: number
  readonly #state = new Uint32Array(4)

  constructor(seed: number) {
    this.#seed = seed >>> 0
    let mixed = this.#seed
    for (let i = 0; i < 4; i++) {
      mixed = (mixed + 0x9e3779b9) >>> 0
      this.#state[i] = avalanche(mixed)
    }
  }

  /** A generator of its own for one part of the simulation, so that drawing more in one part leaves the others as they were. */
  fork(label: string): SimRandom {
    let hash = avalanche(this.#seed ^ 0x85ebca6b)
    for (let i = 0; i < label.length; i++) hash = avalanche((hash ^ label.charCodeAt(i)) + 0x9e3779b9)
    return new SimRandom(hash)
  }

  below(below: number): number {
    if (below <= 1) return 0
    return Math.floor(this.fraction() * below)
  }

  /** 0 ≤ f < 1 with 53 random bits. */
  fraction(): number {
    const high = this.#next() >>> 5
    const low = this.#next() >>> 6
    return (high * 0x4000000 + low) / 0x20000000000000
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability
  }

  between(from: number, to: number): number {
    return from + this.fraction() * (to - from)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i += 4) {
      let word = this.#next()
      for (let j = i; j < i + 4 && j < length; j++, word >>>= 8) bytes[j] = word & 255
    }
    return bytes
  }

  #next(): number {
    const s = this.#state
    const s1 = s[1]!
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0
    s[2]! ^= s[0]!
    s[3]! ^= s1
    s[1]! ^= s[2]!
    s[0]! ^= s[3]!
    s[2]! ^= s1 << 9
    s[3] = rotateLeft(s[3]!, 11)
    return result
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

function avalanche(word: number): number {
  let x = word
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}
