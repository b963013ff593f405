import { Shares } from '../evidence/shares.ts'
import type { Cancel, Clock, GossipVerdict, Network, PeerId } from '../ports.ts'
import type { Comparer, OwnLog } from './comparer.ts'
import { checkpointsTopic, decodeNotes, encodeNotes, maxMessageBytes, maxNotes } from './message.ts'

type PublicLog = OwnLog & { readonly origin: string }

export interface CheckpointBoardOptions {
  readonly network: Network
  readonly clock: Clock
  readonly comparer: Comparer
  readonly numberOf: (peer: PeerId) => number | undefined
  /** Every log that this node holds, with its origin. */
  readonly own: () => Iterable<PublicLog>
  readonly count: (name: string, labels: Record<string, string>) => void
}

const tellEveryMs = 1_000
/** Checkpoints of others' logs in one message. */
const maxNews = 16
/** Messages of one node: one a second, and what a pause of the network held up. */
const perSecond = 1.25
const burst = 4

/**
 * Once a second each node tells the newest checkpoint of every log that it holds, where that has changed; and, under its
 * own name, once each, what it was told of logs that it does not hold: so whoever shows something else to some of the
 * nodes can keep it from the others neither by telling them another thing nor by making so much noise that it is not heard.
 */
export class CheckpointBoard {
  readonly #options: CheckpointBoardOptions
  /** By origin: the size that was told last. */
  readonly #told = new Map<string, number>()
  readonly #shares = new Shares(perSecond, burst)
  #timer: Cancel | undefined

  constructor(options: CheckpointBoardOptions) {
    this.#options = options
    options.network.subscribe(checkpointsTopic, maxMessageBytes, (from, data) => this.#hear(from, data))
    this.#tell()
  }

  stop(): void {
    this.#timer?.()
  }

  #tell(): void {
    const { clock, comparer, network } = this.#options
    this.#timer = clock.after(tellEveryMs, () => this.#tell())
    const grown = this.#grown().slice(0, maxNotes)
    const news = comparer.takeNews(maxNews)
    const notes = [...news, ...grown.map(log => log.signed()!.note)]
    if (notes.length === 0) return
    const { bytes, taken } = encodeNotes(notes)
    // What did not fit is told in the next second, before what was told now.
    for (const { origin, size } of grown.slice(0, Math.max(0, taken - news.length))) {
      this.#told.delete(origin)
      this.#told.set(origin, size)
    }
    network.publish(checkpointsTopic, bytes)
  }

  /** What was not told for longest comes first. */
  #grown(): PublicLog[] {
    const grown = new Map<string, PublicLog>()
    for (const log of this.#options.own()) {
      if (log.size === 0 || this.#told.get(log.origin) === log.size) continue
      this.#options.comparer.ownGrew(log.origin)
      grown.set(log.origin, log)
    }
    const toldBefore = [...this.#told.keys()].flatMap(origin => grown.get(origin) ?? [])
    return [...[...grown.values()].filter(({ origin }) => !this.#told.has(origin)), ...toldBefore]
  }

  #hear(from: PeerId, data: Uint8Array): GossipVerdict {
    const { numberOf, clock } = this.#options
    const author = numberOf(from)
    if (author === undefined) return this.#refuse('unknown-author', 'drop')
    const nowMs = clock.monotonicMs()
    if (!this.#shares.take(author, nowMs)) return this.#refuse('over-rate', 'drop')
    const claims = decodeNotes(data)
    if (claims === undefined) return this.#refuse('malformed', 'refuse')
    for (const claim of claims) {
      const heard = this.#options.comparer.hear(author, claim)
      if (heard !== 'taken') this.#options.count('checkpoints_refused', { code: heard })
      if (heard !== 'bad-signature') continue
      // Whoever has not looked passes it on in good faith: the author alone is to blame, and rests.
      this.#shares.spend(author, nowMs)
      return 'drop'
    }
    return 'pass-on'
  }

  #refuse(code: string, verdict: GossipVerdict): GossipVerdict {
    this.#options.count('checkpoints_refused', { code })
    return verdict
  }
}
