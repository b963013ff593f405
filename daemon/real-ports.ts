import { randomBytes, randomInt } from 'node:crypto'
import type { Clock, Random } from './ports.ts'

/** The machine's own clock. */
export const realClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Random bytes come from a pool: one call of the system for many salts. */
const poolBytes = 16 * 1024
let pool = new Uint8Array(0)
let poolAt = 0

/** The system's randomness. */
export const realRandom: Random = {
  bytes(length) {
    if (length > poolBytes) return new Uint8Array(randomBytes(length))
    if (poolAt + length > pool.length) {
      pool = new Uint8Array(randomBytes(poolBytes))
      poolAt = 0
    }
    poolAt += length
    return pool.subarray(poolAt - length, poolAt)
  },
  below: randomInt,
}

let endOfTurn: (() => void)[] = []

/**
 * Runs a function soon, after everything that is at hand now. What it asks for in this way itself runs right after it and
 * not a round of the event loop later: an input passes from queue to queue within one turn, and still none of them begins
 * before all before it have come that far.
 */
export function atEndOfTurn(run: () => void): void {
  if (endOfTurn.push(run) === 1) setImmediate(runEndOfTurn)
}

function runEndOfTurn(): void {
  let done = 0
  try {
    // The list may grow while it is being worked off.
    while (done < endOfTurn.length) endOfTurn[done++]!()
  } finally {
    endOfTurn = endOfTurn.slice(done)
    if (endOfTurn.length > 0) setImmediate(runEndOfTurn)
  }
}
