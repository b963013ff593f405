import { encodeDirectoryTick, type Renewal } from '../../world/directory/codec/tick.ts'
import { MAX_RENEWALS } from '../../world/directory/limits.ts'
import type { TickMaker } from '../authority/types.ts'

/** The rules count leases in such steps. */
const tickEveryMs = 1_000

/** Who asked this node for a lease since the directory's last tick. It is lost with the leader: whoever asks asks again. */
export class Renewals {
  readonly #asked = new Map<number, Uint8Array>()

  /** False when there is no more room until the next tick. */
  ask(node: number, nonce: Uint8Array): boolean {
    if (!this.#asked.has(node) && this.#asked.size >= MAX_RENEWALS) return false
    this.#asked.set(node, nonce)
    return true
  }

  get isEmpty(): boolean {
    return this.#asked.size === 0
  }

  /** Whoever asked while another node leads is not heard by this one. */
  clear(): void {
    this.#asked.clear()
  }

  /** By node, ascending. */
  take(): Renewal[] {
    const asked = Array.from(this.#asked, ([node, nonce]) => ({ node, nonce }))
    this.#asked.clear()
    return asked.sort((a, b) => a.node - b.node)
  }
}

/** Ticks of the directory name those whose leases go on. */
export function directoryTicks(renewals = new Renewals()): TickMaker {
  return {
    everyMs: tickEveryMs,
    isWanted: () => !renewals.isEmpty,
    bodyOf: tick => encodeDirectoryTick({ ...tick, renewals: renewals.take() }),
  }
}
