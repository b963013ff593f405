import { recordKind } from '../../storage/log/record.ts'
import type { AppliedEntry, Replica } from './replica.ts'
import type { FeedDelta } from './types.ts'

/** What happened since the feed was last told: each entity once, however often it changed. */
export class Changes {
  #changed = new Set<string>()
  #removed = new Set<string>()
  #events: Uint8Array[] = []
  #ticked = false

  note({ records, applied: results }: AppliedEntry): void {
    for (let i = 0; i < results.length; i++) {
      const applied = results[i]
      if (applied === undefined) continue
      if (records[i]!.kind === recordKind.tick) this.#ticked = true
      for (const id of applied.changed) this.#changed.add(id)
      for (const id of applied.removed) {
        this.#removed.add(id)
        this.#changed.delete(id)
      }
      for (const event of applied.events) this.#events.push(event)
    }
  }

  get count(): number {
    return this.#changed.size + this.#removed.size + this.#events.length
  }

  /** Undefined when nothing has happened. */
  take({ rules, area, log }: Replica): FeedDelta | undefined {
    if (this.count === 0 && !this.#ticked) return undefined
    const changed = [...this.#changed].flatMap(id => area?.entityBytes(id) ?? [])
    const delta = {
      tick: rules.tick,
      leaf: log.size,
      changed,
      removed: [...this.#removed],
      events: this.#events,
    }
    this.forget()
    return delta
  }

  forget(): void {
    this.#changed.clear()
    this.#removed.clear()
    this.#events = []
    this.#ticked = false
  }
}
