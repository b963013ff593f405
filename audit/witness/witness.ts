import { verifyEd25519 } from '../crypto.ts'
import type { TwoFaces } from '../evidence.ts'
import { concat, equalBytes, toBase64, u64, utf8 } from '../verify/bytes.ts'
import { type Checkpoint, parseCheckpoint } from '../verify/checkpoint.ts'
import { rootOfLeafHashes, verifyConsistency } from '../verify/merkle.ts'
import { openNote, type VerifierKey } from '../verify/note.ts'
import { type AddCheckpoint, parseAddCheckpoint } from './add-checkpoint.ts'

/** The newest checkpoint of a log that this witness has cosigned. */
export interface WitnessedHead {
  readonly size: number
  readonly root: Uint8Array
  /** The signed note, verbatim. */
  readonly note: string
}

export interface WitnessMemory {
  head(origin: string): WitnessedHead | undefined
  /** The head is durable when this returns. */
  keep(origin: string, head: WitnessedHead): void
  /** So is the evidence. */
  accuse(origin: string, size: number, evidence: TwoFaces): void
}

export interface WitnessOptions {
  /** Verifies its cosignatures: algorithm 4 of C2SP signed-note. */
  readonly key: VerifierKey
  /** Ed25519, of that key. */
  readonly sign: (message: Uint8Array) => Uint8Array
  /** Of each log that it cosigns, by origin: the keys of its members so far. */
  readonly logs: ReadonlyMap<string, { readonly keys: readonly VerifierKey[] }>
  readonly memory: WitnessMemory
  readonly nowSeconds: () => number
  /** Of what it answered, by status. */
  readonly count: (status: number) => void
}

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly type: string
  readonly body: string
}

const text = 'text/plain; charset=utf-8'

/**
 * A witness after C2SP tlog-witness v1.0.0. A call of `addCheckpoint` is one turn of the event loop, in which it compares,
 * writes and signs, so that no other request comes between.
 */
export class Witness {
  readonly #options: WitnessOptions

  constructor(options: WitnessOptions) {
    this.#options = options
  }

  addCheckpoint(body: Uint8Array): WitnessAnswer {
    const answer = this.#answer(body)
    this.#options.count(answer.status)
    return answer
  }

  #answer(body: Uint8Array): WitnessAnswer {
    const request = parseAddCheckpoint(body)
    if (request === undefined) return refusal(400, 'This is no request of C2SP tlog-witness.')
    const log = this.#options.logs.get(request.origin)
    if (log === undefined) return refusal(404, 'This witness does not know the log.')
    const opened = openNote(request.note, log.keys, { ed25519: verifyEd25519, mlDsa44: undefined })
    if (!opened.ok && opened.code === 'malformed') return refusal(400, 'The checkpoint is malformed.')
    if (!opened.ok) return refusal(403, 'No member of the log that this witness knows signed the checkpoint.')
    const checkpoint = parseCheckpoint(opened.text)
    if (checkpoint === undefined) return refusal(400, 'The checkpoint is malformed.')
    return this.#judge(request, checkpoint, opened.text)
  }

  #judge(request: AddCheckpoint, checkpoint: Checkpoint, signedText: string): WitnessAnswer {
    const { memory } = this.#options
    const { origin, note, oldSize } = request
    const { size, root } = checkpoint
    const known = memory.head(origin)
    // Whatever else is wrong with the request: this was signed.
    if (known?.size === size && !equalBytes(known.root, root))
      memory.accuse(origin, size, { older: known.note, newer: note, path: [] })
    if (oldSize > size) return refusal(400, 'The old size is larger than the checkpoint.')
    const knownSize = known?.size ?? 0
    if (oldSize !== knownSize) return { status: 409, type: 'text/x.tlog.size', body: `${knownSize}\n` }
    if (!follows(known, checkpoint, request.proof))
      return refusal(422, 'The checkpoint is not proven to extend what this witness has seen.')
    if (known === undefined || known.size < size) memory.keep(origin, { size, root, note })
    return { status: 200, type: text, body: this.#cosign(signedText) }
  }

  /** C2SP tlog-cosignature: `cosignature/v1`, Ed25519. */
  #cosign(signedText: string): string {
    const { key, sign, nowSeconds } = this.#options
    const timestamp = nowSeconds()
    const signature = sign(utf8(`cosignature/v1\ntime ${timestamp}\n${signedText}`))
    return `— ${key.name} ${toBase64(concat(key.id, u64(timestamp), signature))}\n`
  }
}

function follows(
  known: WitnessedHead | undefined,
  { size, root }: Checkpoint,
  proof: readonly Uint8Array[],
): boolean {
  if (size === 0 && !equalBytes(root, rootOfLeafHashes([]))) return false
  if (known === undefined || known.size === 0) return proof.length === 0
  return verifyConsistency(known.size, size, known.root, root, proof)
}

function refusal(status: 400 | 403 | 404 | 422, why: string): WitnessAnswer {
  return { status, type: text, body: `${why}\n` }
}
