/** A request that is answered with an error: `{error: {code, message}}` and a status. */
export class HttpError extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'HttpError'
    this.status = status
    this.code = code
  }

  get body() {
    return errorBody(this.code, this.message)
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
