/** What this room throws at its own caller (never at hostile bytes): a value that can't be encoded, a broken charter or state. */
export class WorldError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'WorldError'
    this.code = code
  }
}
