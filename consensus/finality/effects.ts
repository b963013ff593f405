import type { Message } from './message.ts'
import type {
  Activated,
  Decided,
  Diverged,
  Effects,
  Found,
  Freeze,
  Halted,
  Record,
  Restart,
} from './types.ts'

interface Outgoing {
  readonly group: number
  readonly to: number
  readonly message: Message
}

/** Collects what the members want done until the host is asked for it. */
export class EffectsBuilder {
  messages: Outgoing[] = []
  records: Record[] = []
  readonly counters = new Map<string, number>()
  freeze: Freeze[] = []
  restart: Restart[] = []
  activated: Activated[] = []
  certified: Decided[] = []
  final: Decided[] = []
  diverged: Diverged[] = []
  evidence: Found[] = []
  halted: Halted[] = []

  send(group: number, to: readonly number[], message: Message): void {
    for (const peer of to) this.messages.push({ group, to: peer, message })
  }

  count(what: string): void {
    this.counters.set(what, (this.counters.get(what) ?? 0) + 1)
  }

  get hasRecords(): boolean {
    return this.records.length > 0
  }

  takeRecords(): Record[] {
    const { records } = this
    this.records = []
    return records
  }

  takeMessages(): Outgoing[] {
    const { messages } = this
    this.messages = []
    return messages
  }

  /** All that is neither written nor sent. */
  takeRest(): Omit<Effects, 'write' | 'send'> {
    const { freeze, restart, activated, certified, final, diverged, evidence, halted } = this
    this.freeze = []
    this.restart = []
    this.activated = []
    this.certified = []
    this.final = []
    this.diverged = []
    this.evidence = []
    this.halted = []
    return { freeze, restart, activated, certified, final, diverged, evidence, halted }
  }
}
