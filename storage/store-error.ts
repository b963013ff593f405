/** Why a store can't be opened or written. */
export type StoreErrorCode =
  | 'locked'
  | 'corrupt'
  | 'newer-format'
  | 'older-format'
  | 'full'
  | 'denied'
  | 'not-a-directory'
  | 'io'
  | 'closed'

/** What a person does about records of a store that are damaged. */
export const startAnew =
  'run freehold start --wipe-store, which sets the store aside and fetches everything anew from the other nodes'

/** `message` is one sentence for a person: what is wrong, and what to do. */
export class StoreError extends Error {
  static corrupt(path: string, what: string, cause?: unknown): StoreError {
    return new StoreError('corrupt', path, `The data in ${path} is damaged (${what}): ${startAnew}.`, cause)
  }

  readonly code: StoreErrorCode
  readonly path: string

  constructor(code: StoreErrorCode, path: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StoreError'
    this.code = code
    this.path = path
  }
}
