import type { SnapshotOffer } from '../../consensus/groups/types.ts'
import { readU64 } from '../../storage/bytes.ts'
import type { AppliedPoint } from '../authority/applied.ts'
import type { Clock, Network, PeerId } from '../ports.ts'
import type { AuthorityHost } from './authority-host.ts'
import { DroppedBodiesError, fetchBatches } from './sync.ts'

/** More at once would take the disk and the line from the groups that are well. */
const maxAtOnce = 2

/** Replicas of this node that fell behind, a few at a time; the others wait, in the order in which they were offered. */
export class CatchUps {
  readonly #run: (offer: SnapshotOffer) => Promise<void>
  readonly #waiting: SnapshotOffer[] = []
  #running = 0

  /** @param run never rejects */
  constructor(run: (offer: SnapshotOffer) => Promise<void>) {
    this.#run = run
  }

  add(offer: SnapshotOffer): void {
    this.#waiting.push(offer)
    this.#next()
  }

  #next(): void {
    if (this.#running >= maxAtOnce) return
    const offer = this.#waiting.shift()
    if (offer === undefined) return
    this.#running++
    void this.#run(offer).then(() => {
      this.#running--
      this.#next()
    })
  }
}

export interface CatchUpParts {
  readonly network: Network
  readonly clock: Clock
  /** Who made the offer. */
  readonly peer: PeerId
  readonly host: AuthorityHost
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: 'caught-up', facts: object) => void
}

/**
 * This replica is behind what the leader's Raft log still holds: it reads the missed batches and applies them. What it
 * has applied it never reads again, so an attempt that fails is taken up by the next one where it ended. Undefined: it
 * failed. `dropped`: the peer has not got these batches any more.
 */
export async function catchUp(
  parts: CatchUpParts,
  offer: SnapshotOffer,
): Promise<AppliedPoint | 'dropped' | undefined> {
  const { network, clock, peer, host, count, log } = parts
  const { group, index, term, meta } = offer
  if (meta.length !== 8) return undefined
  const to = readU64(meta, 0)
  try {
    const request = { group, from: host.authority.replica.log.size, to }
    if (request.from < to)
      await fetchBatches(network, clock, peer, request, batch => {
        host.committed([{ index: batch.index, term: batch.term, data: batch.batch }])
      })
    if (host.halted || host.authority.replica.log.size !== to)
      throw new Error('The log came out at another size.')
    log('caught-up', { authority: host.name, from: request.from, to })
    return { index, term, size: to }
  } catch (error) {
    count('catch_up_failed', {})
    log('caught-up', { authority: host.name, error: (error as Error).message })
    return error instanceof DroppedBodiesError ? 'dropped' : undefined
  }
}
