import { hashKey } from './bytes.ts'
import type { Signature, Signed } from './signed.ts'
import type { Ballot, Vote } from './statement.ts'

/** Votes are kept for the seals that may be decided next, in the view before this one up to two views ahead. */
const heightsAhead = 4
const viewsAhead = 2

/** One vote per signer, by what it is for. */
type Slot = Map<number, { readonly hash: string; readonly by: Signature }>

/** The members' votes on what is not decided yet. The first vote of a member at a place counts, a second one does not. */
export class Tally {
  readonly #slots = new Map<string, Slot>()
  #leastView = 0
  #leastHeight = 0

  /** Drops what is decided or overtaken. */
  prune(leastView: number, leastHeight: number): void {
    this.#leastView = leastView
    this.#leastHeight = leastHeight
    for (const key of this.#slots.keys()) {
      const [, view, height] = key.split(' ')
      if (Number(view) < leastView || Number(height) < leastHeight) this.#slots.delete(key)
    }
  }

  /** 'late' and 'early' votes are not kept. */
  add({ statement, by }: Signed<Vote>): 'counted' | 'known' | 'late' | 'early' {
    const { kind, ballot } = statement
    if (ballot.view < this.#leastView || ballot.height < this.#leastHeight) return 'late'
    const isEarly =
      ballot.view > this.#leastView + 1 + viewsAhead || ballot.height >= this.#leastHeight + heightsAhead
    if (isEarly) return 'early'
    const key = slotKey(kind, ballot)
    const slot = this.#slots.get(key) ?? new Map()
    this.#slots.set(key, slot)
    if (slot.has(by.signer)) return 'known'
    slot.set(by.signer, { hash: hashKey(ballot.hash), by })
    return 'counted'
  }

  /** A quorum's signatures for this very ballot, by signer; undefined while there are fewer. */
  quorum(kind: 1 | 2, ballot: Ballot, size: number): Signature[] | undefined {
    const slot = this.#slots.get(slotKey(kind, ballot))
    if (slot === undefined || slot.size < size) return undefined
    const hash = hashKey(ballot.hash)
    const votes = [...slot.values()].filter(vote => vote.hash === hash).map(({ by }) => by)
    return votes.length < size ? undefined : votes.sort((a, b) => a.signer - b.signer).slice(0, size)
  }

  clear(): void {
    this.#slots.clear()
  }
}

function slotKey(kind: number, ballot: Ballot): string {
  return `${kind} ${ballot.view} ${ballot.height}`
}
