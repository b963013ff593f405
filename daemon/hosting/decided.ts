import { equalBytes } from '../../storage/bytes.ts'
import type { MerkleLog } from '../../storage/log/tree.ts'
import type { PublishedLog } from './log-view.ts'

/** Where a log stood just after a seal that is final: a certificate names both. */
export interface DecidedPoint {
  /** Leaves. */
  readonly size: number
  readonly root: Uint8Array
  /** The members' decision (docs/finality.md). */
  readonly certificate: Uint8Array
}

export interface DecidedPorts {
  readonly log: MerkleLog
  readonly published: PublishedLog
  /** Calls `done` once all that was put into batches so far is durable. */
  readonly sync: (done: () => void) => void
  /** A certificate names this node as a member, or the genesis file does: nobody takes another's word for the log. */
  readonly maySign: () => boolean
  /** It is served from now on. */
  readonly shown: (point: DecidedPoint) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Brings together what is final and what this replica holds: only what is both, and on the disk, is shown to strangers. */
export class Decided {
  readonly #ports: DecidedPorts
  /** The newest that is final and not yet shown. */
  #waiting: DecidedPoint | undefined

  constructor(ports: DecidedPorts) {
    this.#ports = ports
  }

  final(point: DecidedPoint): void {
    if (point.size <= Math.max(this.#waiting?.size ?? 0, this.#ports.published.size)) return
    this.#waiting = point
    this.advance()
  }

  /** The replica's log may have grown. */
  advance(): void {
    const point = this.#waiting
    if (point === undefined || point.size > this.#ports.log.size || !this.#ports.maySign()) return
    this.#waiting = undefined
    void this.#show(point)
  }

  async #show(point: DecidedPoint): Promise<void> {
    const { log, published, sync, shown, count } = this.#ports
    const own = await log.rootAt(point.size).catch(() => undefined)
    // Another log than the members decided, or a damaged one: nothing of it is shown.
    if (own === undefined || !equalBytes(own, point.root)) return count('decided_log_withheld', {})
    // Strangers hold a node to what it signed: it signs what it will still have after a power cut.
    sync(() => {
      published.publish(point)
      if (published.size === point.size) shown(point)
    })
  }
}
