import {
  type ConfState,
  decodeConfChange,
  type Entry,
  EntryType,
  type HardState,
  MemoryLog,
  type Message,
  type RaftConfig,
  RawNode,
  type Snapshot,
} from '../../../../consensus/raft/index.ts'

/** The log of a scripted node: whoever asks for a snapshot gets the newest state of the node's state machine. */
class HistoryLog extends MemoryLog {
  readonly #history: readonly Snapshot[]

  constructor(first: Snapshot, history: readonly Snapshot[]) {
    super(first.index > 0 ? { snapshot: first } : {})
    this.#history = history
  }

  override snapshot(): Snapshot | undefined {
    return this.#history[this.#history.length - 1]
  }
}

/** A core, its disk, its two storage threads, and a state machine that appends each payload to what it has. */
export class ScriptedNode {
  readonly raw: RawNode
  readonly log: HistoryLog
  readonly config: RaftConfig
  readonly history: Snapshot[]
  readonly appendWork: Message[] = []
  readonly applyWork: Message[] = []

  constructor(config: RaftConfig, first: Snapshot) {
    this.config = config
    this.history = [first]
    this.log = new HistoryLog(first, this.history)
    this.raw = new RawNode(config, this.log)
  }

  get id(): number {
    return this.config.id
  }

  /** Returns a complaint, or undefined. */
  append(
    hardState: HardState | undefined,
    entries: readonly Entry[],
    snapshot: Snapshot | undefined,
  ): string | undefined {
    if (hardState !== undefined) this.log.setHardState(hardState)
    if (snapshot === undefined) {
      this.log.append(entries)
      return undefined
    }
    if (entries.length > 0) return "can't apply snapshot and entries at the same time"
    return this.log.applySnapshot(snapshot)
      ? undefined
      : 'requested index is older than the existing snapshot'
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const last = this.history[this.history.length - 1]!
      const change = decodeConfChange(entry)
      let { confState }: { confState: ConfState } = last
      let update = entry.data
      if (entry.type !== EntryType.Normal && change !== undefined) {
        confState = this.raw.applyConfChange(change).confState
        update = change.context
      }
      const data = new Uint8Array([...last.data, ...update])
      this.history.push({ index: entry.index, term: entry.term, confState, data })
    }
  }
}
