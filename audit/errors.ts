/** Why an audit or a verification could not be made at all; what it found is no error but a finding. */
export type AuditErrorCode =
  /** Nobody answers where the log should be. */
  | 'unreachable'
  /** The source has no such log, or nothing of it is signed yet. */
  | 'not-found'
  /** The source answers with an error of its own. */
  | 'refused'
  | 'bad-genesis'
  /** This program has other rules than the network. */
  | 'other-rules'
  | 'unknown-authority'
  /** The source does not have all the records that are needed. */
  | 'no-records'
  | 'bad-memory'
  /** An export that is damaged, or none. */
  | 'bad-backup'
  | 'unreadable-file'
  /** Whoever wanted it wants it no more. */
  | 'broken-off'

/** The message is one sentence for a person. */
export class AuditError extends Error {
  readonly code: AuditErrorCode

  constructor(code: AuditErrorCode, message: string) {
    super(message)
    this.name = 'AuditError'
    this.code = code
  }
}
