/**
 * One line of a history: what a client asked for, or what came of it. The first six members are those of Jepsen's
 * histories; a `process` asks for one thing at a time, and one whose operation ended in `info` (it may have happened,
 * or may happen yet) is never heard of again.
 */
export interface HistoryEvent {
  readonly process: number
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  /** `read` and `write` set and tell a value; `add` adds one and tells the sum. */
  readonly f: 'read' | 'write' | 'add'
  /** What is read or written: `<player>/course`, `<player>/wood`, `<player>/stone` or `<player>/session`. */
  readonly key: string
  /** Null where it isn't known (yet). */
  readonly value: number | string | null
  /** Of a clock that never goes back, since the history's beginning. */
  readonly timeNs: number
  /** Who asked: the session's id in hex, and the input's seq in it; a pure read has none. */
  readonly session: string
  readonly seq?: number
  /** The log's origin, and the leaf of what was committed, or the size of the log that a pure read has shown. */
  readonly log?: string
  readonly leaf?: number
  readonly size?: number
  /** Why it ended in `fail` or `info`. */
  readonly code?: string
}
