import type { Quorum } from '../certificate.ts'
import type { Statement } from '../statement.ts'

/** A statement that waits for its signature, and what a view change has to show with it. */
export interface Staged {
  readonly statement: Statement
  readonly proof?: Quorum | undefined
}
