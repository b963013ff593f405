/** Why a store can't be opened or written. */
export type StoreErrorCode =
  | 'locked'
  | 'corrupt'
  | 'newer-format'
  | 'full'
  | 'denied'
  | 'not-a-directory'
  | 'io'
  | 'closed'

/** `message` is one sentence for a person: what is wrong, and what to do. */
export class StoreError extends Error {
  readonly code: StoreErrorCode
  readonly path: string

  constructor(code: StoreErrorCode, path: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StoreError'
    this.code = code
    this.path = path
  }
}
