/** Questions over HTTP, to programs of strangers: however long and however slow what they answer is, it has an end. */

export interface HttpLimits {
  /** From the question to the answer's last byte. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

export interface HttpQuestion extends HttpLimits {
  /** What is posted; without it, it is a GET. */
  readonly post?: string
  /** What is shown to be let in (RFC 6750). */
  readonly bearer?: string | undefined
}

export interface HttpAnswer {
  readonly status: number
  /** Where there is more than `maxBytes`, these and one more; the rest is not read. */
  readonly body: Uint8Array
  readonly isWhole: boolean
  /** How long it wants to be left alone; a second where it doesn't say. */
  readonly retryAfterMs: number
}

/**
 * Asks there and nowhere else: nobody is followed to another place.
 * @throws Error whose message says in a few words why there is no answer
 */
export async function askHttp(
  url: string,
  { timeoutMs, maxBytes, post, bearer }: HttpQuestion,
): Promise<HttpAnswer> {
  try {
    const response = await fetch(url, {
      ...{ signal: AbortSignal.timeout(timeoutMs), redirect: 'error', cache: 'no-store' },
      ...(post !== undefined && { method: 'POST', body: post }),
      ...(bearer !== undefined && { headers: { authorization: `Bearer ${bearer}` } }),
    })
    const body = await bodyUpTo(response, maxBytes)
    const afterS = Number(response.headers.get('retry-after') ?? 1)
    const retryAfterMs = afterS > 0 ? 1000 * afterS : 1000
    return { status: response.status, body, isWhole: body.length <= maxBytes, retryAfterMs }
  } catch (error) {
    throw new Error(reasonOf(error as Error, timeoutMs), { cause: error })
  }
}

async function bodyUpTo({ body }: Response, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for (const reader = body?.getReader(); reader !== undefined && length <= maxBytes; ) {
    const { value, done } = await reader.read()
    if (done) break
    parts.push(value.subarray(0, maxBytes + 1 - length))
    length += parts.at(-1)!.length
    // Nobody waits for the other side to hear of it.
    if (length > maxBytes) reader.cancel().catch(() => {})
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function reasonOf({ name, cause, message }: Error, timeoutMs: number): string {
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  const inner = cause as (Error & { readonly code?: string }) | undefined
  return inner?.code ?? inner?.message ?? message
}
