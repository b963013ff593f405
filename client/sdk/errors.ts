/** Why something that a client asked for did not happen; `code` is for programs, the message for people. */
export class ClientError extends Error {
  readonly code: string
  readonly facts: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'ClientError'
    this.code = code
    this.facts = facts
  }
}
