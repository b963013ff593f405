import type { Renewal } from '../../world/directory/codec/tick.ts'
import type { Directory } from '../../world/directory/directory.ts'

/** What came with a piece of the directory's certified log. */
export interface DirectoryNews {
  /** Names of rows, as the rules tell them: `anchor/7`, `authority/7`, `node/3`, …; undefined: it may be any of them. */
  readonly changed: ReadonlySet<string> | undefined
  /** The newest of each node. */
  readonly renewals: ReadonlyMap<number, Renewal>
}

/** The directory as its members have decided it, on any node: a member reads its own log, others follow theirs. */
export interface DirectoryView {
  /** Undefined before the first piece. Not to be changed. */
  readonly state: Directory['state'] | undefined
  /** Leaves that it stands on. */
  readonly size: number
}
