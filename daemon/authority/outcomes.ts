import type { Receiptable } from './receipts.ts'

/** Outcomes remembered per player: as many as a client may have in flight and ask for again. */
const rememberedPerPlayer = 64

interface Remembered {
  readonly session: string
  readonly bySeq: Map<number, Receiptable>
}

/**
 * The newest applied inputs of each player, so that a retry gets its receipt again without a look at the disk. Every
 * replica keeps it, since any may lead next. A cache: what it has lost is read from the log.
 */
export class RecentOutcomes {
  readonly #players = new Map<string, Remembered>()

  remember(player: string, session: string, seq: number, outcome: Receiptable): void {
    let remembered = this.#players.get(player)
    if (remembered?.session !== session) {
      remembered = { session, bySeq: new Map() }
      this.#players.set(player, remembered)
    }
    remembered.bySeq.set(seq, outcome)
    if (remembered.bySeq.size > rememberedPerPlayer) remembered.bySeq.delete(seq - rememberedPerPlayer)
  }

  find(player: string, session: string, seq: number): Receiptable | undefined {
    const remembered = this.#players.get(player)
    return remembered?.session === session ? remembered.bySeq.get(seq) : undefined
  }
}
