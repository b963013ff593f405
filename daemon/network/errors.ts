/** What a caller of the network can get wrong or meet; `message` is one sentence for a person. */
export type NetworkErrorCode =
  | 'port-in-use'
  | 'bad-address'
  | 'cannot-listen'
  | 'stopped'
  | 'not-connected'
  | 'unknown-protocol'
  | 'too-many-channels'
  | 'open-failed'

export class NetworkError extends Error {
  readonly code: NetworkErrorCode
  readonly facts: Readonly<Record<string, string | number>>

  constructor(code: NetworkErrorCode, message: string, facts: Record<string, string | number> = {}) {
    super(message)
    this.name = 'NetworkError'
    this.code = code
    this.facts = facts
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
