/** A request that is answered with an error: `{error: {code, message}}` and a status. */
export class HttpError extends Error {
  readonly status: number
  readonly code: string
  readonly facts: Readonly<Record<string, number>>

  constructor(status: number, code: string, message: string, facts: Readonly<Record<string, number>> = {}) {
    super(message)
    this.name = 'HttpError'
    this.status = status
    this.code = code
    this.facts = facts
  }

  get body() {
    return { error: { code: this.code, message: this.message, ...this.facts } }
  }
}

export function errorBody(code: string, message: string) {
  return { error: { code, message } }
}

export function notFound(message: string): HttpError {
  return new HttpError(404, 'not-found', message)
}

export function badRequest(message: string): HttpError {
  return new HttpError(400, 'bad-request', message)
}
