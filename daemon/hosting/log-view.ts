import { putU32 } from '../../storage/bytes.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import type { LogReader } from '../../storage/log/log-store.ts'
import { type NoteSignature, type NoteSigner, signatureLines, signNote } from '../../storage/log/note.ts'
import { leafData, saltBytes } from '../../storage/log/record.ts'
import { formatTlogProof } from '../../storage/log/tlog-proof.ts'
import { type MerkleLog, tileWidth } from '../../storage/log/tree.ts'
import { makeVkey, noteAlgorithm } from '../../storage/log/vkey.ts'
import type { AppliedSeal } from '../authority/replica.ts'
import type { LogView, PublicLeaf } from '../http/view.ts'
import type { SigningKey } from '../identity/signing-key.ts'

/** Signs a log's checkpoints with a node's log key, under the log's own name (C2SP tlog-checkpoint). */
export function checkpointSigner(origin: string, key: SigningKey): NoteSigner {
  const { keyId } = makeVkey(origin, noteAlgorithm.ed25519, key.publicKey)
  const encoder = new TextEncoder()
  return { name: origin, keyId, sign: text => key.sign(encoder.encode(text)) }
}

const maxCosignatures = 32

/** What strangers may read of a log: all that its last checkpoint covers, and nothing above. */
export class PublishedLog implements LogView {
  readonly #origin: string
  readonly #log: MerkleLog
  readonly #reader: LogReader
  readonly #signer: NoteSigner
  readonly #charter: Uint8Array
  #size = 0
  #checkpoint: string | undefined
  /** Of witnesses, on the present checkpoint. */
  #cosignatures: NoteSignature[] = []

  constructor(origin: string, log: MerkleLog, reader: LogReader, signer: NoteSigner, charter: Uint8Array) {
    this.#origin = origin
    this.#log = log
    this.#reader = reader
    this.#signer = signer
    this.#charter = charter
  }

  get origin(): string {
    return this.#origin
  }

  get size(): number {
    return this.#size
  }

  /** A committed seal: its checkpoint is signed and served from now on. */
  publish(seal: AppliedSeal): void {
    const text = formatCheckpoint({ origin: this.#origin, size: seal.size, root: seal.root, extensions: [] })
    this.#checkpoint = signNote(text, [this.#signer])
    this.#size = seal.size
    this.#cosignatures = []
  }

  /** A witness cosigned the checkpoint of this size; served with it until the next one. */
  cosigned(size: number, cosignature: NoteSignature): void {
    const { name, keyId } = cosignature
    const others = this.#cosignatures.filter(known => known.name !== name || known.keyId !== keyId)
    if (size !== this.#size || others.length >= maxCosignatures) return
    this.#cosignatures = [...others, cosignature]
  }

  checkpoint(): string | undefined {
    if (this.#checkpoint === undefined || this.#cosignatures.length === 0) return this.#checkpoint
    return this.#checkpoint + signatureLines(this.#cosignatures)
  }

  consistencyProof(oldSize: number, size: number): Promise<readonly Uint8Array[]> {
    return this.#log.consistencyProof(oldSize, size)
  }

  async tile(level: number, index: number, width: number): Promise<Uint8Array | undefined> {
    const hashes = Math.floor(this.#size / tileWidth ** level)
    if (index * tileWidth + width > hashes) return undefined
    return await this.#log.tile(level, index, width)
  }

  async entries(index: number, width: number): Promise<Uint8Array | undefined> {
    if (index * tileWidth + width > this.#size) return undefined
    return await this.#reader.entryBundle(index, width)
  }

  async leaves(from: number, to: number): Promise<PublicLeaf[]> {
    const leaves: PublicLeaf[] = []
    for await (const { record } of this.#reader.records(from, Math.min(to, this.#size)))
      leaves.push({ data: leafData(record), bodyBytes: record.body.length })
    return leaves
  }

  async bodies(index: number, width: number): Promise<Uint8Array | undefined> {
    const first = index * tileWidth
    if (first + width > this.#size) return undefined
    const parts: Uint8Array[] = []
    for await (const { record } of this.#reader.records(first, first + width)) {
      const head = new Uint8Array(saltBytes + 4)
      head.set(record.salt)
      putU32(head, saltBytes, record.body.length)
      parts.push(head, record.body)
    }
    return parts.length === 2 * width ? Buffer.concat(parts) : undefined
  }

  async proof(leaf: number): Promise<string | undefined> {
    const checkpoint = this.checkpoint()
    if (checkpoint === undefined || leaf >= this.#size) return undefined
    const record = await this.#reader.record(leaf)
    if (record === undefined) return undefined
    const proof = await this.#log.inclusionProof(leaf, this.#size)
    // The leaf itself goes along, so that the proof says what it is about.
    return formatTlogProof({ extra: leafData(record), index: leaf, proof, checkpoint })
  }

  charter(): Uint8Array | undefined {
    return this.#charter
  }
}
