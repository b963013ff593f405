/** The client's side of C2SP tlog-witness. */
import { encodeBase64 } from '../../storage/log/base64.ts'
import { parseDecimal } from '../../storage/log/decimal.ts'
import { type NoteSignature, type NoteVerifier, openNote } from '../../storage/log/note.ts'

export interface CheckpointToCosign {
  readonly origin: string
  readonly size: number
  /** Signed by the log. */
  readonly note: string
  prove(oldSize: number): Promise<readonly Uint8Array[]>
}

export type Asked =
  | { readonly ok: true; readonly signature: NoteSignature }
  | {
      readonly ok: false
      readonly code: 'ahead' | 'refused' | 'failed' | 'malformed'
      readonly why: string
    }

export interface Answer {
  readonly status: number
  readonly body: string
}

/** Posts to the witness. @throws when it does not answer in time */
export type Post = (body: string) => Promise<Answer>

/** One witness, and how far it has seen each log. */
export class WitnessClient {
  readonly #verifier: NoteVerifier
  readonly #post: Post
  readonly #seen = new Map<string, number>()

  constructor(verifier: NoteVerifier, post: Post) {
    this.#verifier = verifier
    this.#post = post
  }

  async cosign(checkpoint: CheckpointToCosign): Promise<Asked> {
    const { origin, size } = checkpoint
    const first = await this.#ask(checkpoint, Math.min(this.#seen.get(origin) ?? 0, size))
    if (first.status !== 409) return this.#taken(checkpoint, first)
    const known = first.body.endsWith('\n') ? parseDecimal(first.body.slice(0, -1)) : undefined
    if (known === undefined) return { ok: false, code: 'malformed', why: 'its 409 names no size' }
    this.#seen.set(origin, known)
    // Another member was faster.
    if (known > size) return { ok: false, code: 'ahead', why: `it has seen ${known} leaves already` }
    return this.#taken(checkpoint, await this.#ask(checkpoint, known))
  }

  /** Status 0: nobody answers, or the proof cannot be read. */
  async #ask(checkpoint: CheckpointToCosign, oldSize: number): Promise<Answer> {
    try {
      const proof = oldSize === 0 || oldSize === checkpoint.size ? [] : await checkpoint.prove(oldSize)
      const lines = [`old ${oldSize}`, ...proof.map(encodeBase64), '', '']
      return await this.#post(lines.join('\n') + checkpoint.note)
    } catch (error) {
      return { status: 0, body: (error as Error).message }
    }
  }

  #taken({ origin, size, note }: CheckpointToCosign, { status, body }: Answer): Asked {
    if (status === 0) return { ok: false, code: 'failed', why: body }
    if (status !== 200)
      return { ok: false, code: 'refused', why: `it answers ${status}: ${body.trim().slice(0, 200)}` }
    const opened = openNote(note + body, [this.#verifier])
    if (!opened.ok) return { ok: false, code: 'malformed', why: 'its cosignature is not by its key' }
    this.#seen.set(origin, size)
    return { ok: true, signature: opened.verified[0]! }
  }
}
