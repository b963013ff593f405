import { type Checkpoint, parseCheckpoint } from '../../storage/log/checkpoint.ts'
import {
  formatNote,
  type NoteSignature,
  type NoteVerifier,
  openNote,
  parseNote,
} from '../../storage/log/note.ts'
import { noteVerifier } from '../../storage/log/note-keys.ts'
import { makeVkey, noteAlgorithm } from '../../storage/log/vkey.ts'

export interface LogSigner {
  /** The node's number. */
  readonly node: number
  /** Its Ed25519 key for logs. */
  readonly logKey: Uint8Array
}

/** A checkpoint that can be read. Who signed it is what its lines say, until it is verified. */
export interface Claim {
  readonly note: string
  readonly checkpoint: Checkpoint
  readonly lines: readonly NoteSignature[]
}

/** A checkpoint that these nodes have signed. */
export interface SignedCheckpoint {
  readonly note: string
  readonly checkpoint: Checkpoint
  readonly signers: readonly number[]
}

/** Undefined when it is no signed note, or none of a checkpoint. */
export function readClaim(note: string): Claim | undefined {
  const parsed = parseNote(note)
  const checkpoint = parsed && parseCheckpoint(parsed.text)
  return checkpoint && { note, checkpoint, lines: parsed!.signatures }
}

/** The note with those lines only that are signed in the log's own name: without the witnesses'. */
export function withoutWitnesses({ note, checkpoint, lines }: Claim): string {
  const text = note.slice(0, note.lastIndexOf('\n\n') + 1)
  return formatNote(
    text,
    lines.filter(({ name }) => name === checkpoint.origin),
  )
}

interface KeysOfLog {
  readonly verifiers: readonly NoteVerifier[]
  readonly nodes: ReadonlyMap<number, number>
}

/** The keys with which nodes sign logs, each under the log's own name. */
export class LogKeys {
  readonly #signers: LogSigner[]
  readonly #keys = new Map<string, KeysOfLog | undefined>()

  constructor(origins: Iterable<string>, signers: readonly LogSigner[]) {
    this.#signers = [...signers]
    for (const origin of origins) this.#keys.set(origin, undefined)
  }

  /** A node has come. */
  addSigner(signer: LogSigner): void {
    this.#signers.push(signer)
    for (const origin of this.#keys.keys()) this.#keys.set(origin, undefined)
  }

  get logs(): number {
    return this.#keys.size
  }

  has(origin: string): boolean {
    return this.#keys.has(origin)
  }

  /** Number of the node whose key the first known line names; nothing is verified. */
  claimedSigner({ checkpoint, lines }: Claim): number | undefined {
    const keys = this.#keysOf(checkpoint.origin)
    for (const { name, keyId } of lines) {
      const node = name === checkpoint.origin ? keys?.nodes.get(keyId) : undefined
      if (node !== undefined) return node
    }
    return undefined
  }

  /** Undefined when no known key signed it, or a line of a known key is wrong. */
  verify(claim: Claim): SignedCheckpoint | undefined {
    const keys = this.#keysOf(claim.checkpoint.origin)
    if (keys === undefined) return undefined
    const opened = openNote(claim.note, keys.verifiers)
    if (!opened.ok) return undefined
    const signers = opened.verified.map(({ keyId }) => keys.nodes.get(keyId)!)
    return { note: claim.note, checkpoint: claim.checkpoint, signers }
  }

  #keysOf(origin: string): KeysOfLog | undefined {
    if (!this.#keys.has(origin)) return undefined
    const known = this.#keys.get(origin)
    if (known !== undefined) return known
    const vkeys = this.#signers.map(({ logKey }) => makeVkey(origin, noteAlgorithm.ed25519, logKey))
    const nodes = new Map<number, number>()
    // A key id has 4 bytes, so somebody can make a key that shares another's. A note is checked with the first of them.
    vkeys.forEach(({ keyId }, i) => {
      if (!nodes.has(keyId)) nodes.set(keyId, this.#signers[i]!.node)
    })
    const made = { verifiers: vkeys.map(noteVerifier), nodes }
    this.#keys.set(origin, made)
    return made
  }
}
