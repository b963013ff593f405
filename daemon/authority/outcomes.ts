import { LRUCache } from 'lru-cache'
import { copyBytes } from '../../storage/bytes.ts'
import { OUTCOMES_KEPT } from '../../world/codec.ts'
import type { Receiptable } from './receipts.ts'

/** Players whose outcomes are at hand; those of others are read from the log. */
const playersKept = 1024

interface Remembered {
  readonly session: string
  readonly bySeq: Map<number, Receiptable>
}

/**
 * The newest applied inputs of each player, so that a retry gets its receipt again without a look at the disk. Every
 * replica keeps it, since any may lead next. A cache: what it has lost is read from the log.
 */
export class RecentOutcomes {
  readonly #players = new LRUCache<string, Remembered>({ max: playersKept })

  remember(player: string, session: string, seq: number, outcome: Receiptable): void {
    let remembered = this.#players.get(player)
    if (remembered?.session !== session) {
      remembered = { session, bySeq: new Map() }
      this.#players.set(player, remembered)
    }
    // Copies: salt and leaf hash are views of a whole entry, which must not stay in memory for their sake.
    const { salt, leafHash } = outcome
    remembered.bySeq.set(seq, { ...outcome, salt: copyBytes(salt), leafHash: copyBytes(leafHash) })
    remembered.bySeq.delete(seq - OUTCOMES_KEPT)
  }

  find(player: string, session: string, seq: number): Receiptable | undefined {
    const remembered = this.#players.get(player)
    return remembered?.session === session ? remembered.bySeq.get(seq) : undefined
  }
}
