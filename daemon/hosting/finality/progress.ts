/** How far a replica has come, as its own log says. */
export interface Signs {
  readonly sealHeight: number
  /** Inputs applied so far. */
  readonly actions: number
  /** There are records that no seal covers, and no seal is on its way to be decided. */
  readonly isUnsealed: boolean
}

interface Watched {
  sealHeight: number
  actions: number
  /** Since when there is something to seal, and no seal. */
  unsealedSinceMs: number | undefined
  /** Since when inputs have waited and none was applied; and when one was last said to wait. */
  waitingSinceMs: number | undefined
  waitedAtMs: number
  lookedAtMs: number
  /** Suspicions in a row since the last seal, and since an input was applied: a leader that seals may still serve nobody. */
  unsealedFailures: number
  waitingFailures: number
}

/** Whoever waits says so several times a second. */
const waitsAgainMs = 2_000
/** Between two looks: this process stood still, which says nothing of the view. */
const stoodStillMs = 5_000

/**
 * Sees whether the leader of a view does its work: an honest one seals what it has committed within a second or so, and
 * answers inputs. One that sends heartbeats and does neither keeps Raft content, so it is finality that gives the view up.
 */
export class Progress {
  readonly #limitMs: (failures: number) => number
  readonly #watched = new Map<number, Watched>()

  /** @param limitMs how long there may be no progress, after so many suspicions in a row */
  constructor(limitMs: (failures: number) => number) {
    this.#limitMs = limitMs
  }

  /** An input for this authority has waited for a while here. */
  waits(group: number, nowMs: number): void {
    const watched = this.#watched.get(group)
    if (watched === undefined) return
    watched.waitingSinceMs ??= nowMs
    watched.waitedAtMs = nowMs
  }

  /** No replica of it takes part now, or the view is over. */
  forget(group: number): void {
    const watched = this.#watched.get(group)
    if (watched === undefined) return
    watched.unsealedSinceMs = undefined
    watched.waitingSinceMs = undefined
  }

  /** Every second or so, while a quorum of the members can be reached. True: the view is to be given up. */
  look(group: number, signs: Signs, nowMs: number): boolean {
    const watched = this.#watched.get(group) ?? newlyWatched(signs)
    this.#watched.set(group, watched)
    if (nowMs - watched.lookedAtMs > stoodStillMs) this.forget(group)
    watched.lookedAtMs = nowMs
    const hasSealed = signs.sealHeight !== watched.sealHeight
    if (hasSealed) watched.unsealedFailures = 0
    if (hasSealed || !signs.isUnsealed) watched.unsealedSinceMs = undefined
    else watched.unsealedSinceMs ??= nowMs
    const isServed = signs.actions !== watched.actions
    if (isServed) watched.waitingFailures = 0
    if (isServed || nowMs - watched.waitedAtMs > waitsAgainMs) watched.waitingSinceMs = undefined
    watched.sealHeight = signs.sealHeight
    watched.actions = signs.actions
    const isLate = (sinceMs: number | undefined, failures: number): boolean =>
      sinceMs !== undefined && nowMs - sinceMs >= this.#limitMs(failures)
    const sealsNothing = isLate(watched.unsealedSinceMs, watched.unsealedFailures)
    const servesNobody = isLate(watched.waitingSinceMs, watched.waitingFailures)
    if (!sealsNothing && !servesNobody) return false
    if (sealsNothing) watched.unsealedFailures++
    if (servesNobody) watched.waitingFailures++
    this.forget(group)
    return true
  }
}

function newlyWatched({ sealHeight, actions }: Signs): Watched {
  return {
    ...{ sealHeight, actions, unsealedSinceMs: undefined, waitingSinceMs: undefined },
    ...{ waitedAtMs: Number.NEGATIVE_INFINITY },
    ...{ lookedAtMs: Number.NEGATIVE_INFINITY, unsealedFailures: 0, waitingFailures: 0 },
  }
}
