import { putU32 } from '../../storage/bytes.ts'
import { missingAt, missingFrom } from '../../storage/log/bodies-here.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import type { LogReader } from '../../storage/log/log-store.ts'
import { type NoteSignature, type NoteSigner, signatureLines, signNote } from '../../storage/log/note.ts'
import { saltBytes } from '../../storage/log/record.ts'
import { formatTlogProof } from '../../storage/log/tlog-proof.ts'
import { type MerkleLog, tileWidth } from '../../storage/log/tree.ts'
import { makeVkey, noteAlgorithm } from '../../storage/log/vkey.ts'
import type { LogView, PublicLeaf } from '../http/view.ts'
import type { SigningKey } from '../identity/signing-key.ts'
import type { DecidedPoint } from './decided.ts'
import type { KeptCertificates } from './kept-certificates.ts'
import type { KeptView, ServedSnapshots } from './served-snapshots.ts'

/** Signs a log's checkpoints with a node's log key, under the log's own name (C2SP tlog-checkpoint). */
export function checkpointSigner(origin: string, key: SigningKey): NoteSigner {
  const { keyId } = makeVkey(origin, noteAlgorithm.ed25519, key.publicKey)
  const encoder = new TextEncoder()
  return { name: origin, keyId, sign: text => key.sign(encoder.encode(text)) }
}

const maxCosignatures = 32

/** How a log's checkpoints get the cosignatures of its members (finality/cosigning.ts). */
export interface LogCosigning {
  /** This node's own cosignature of a checkpoint's text, now. */
  cosign(text: string): NoteSignature
  /** Asks the other members for theirs. */
  gather(size: number, text: string, take: (signature: NoteSignature) => void): Promise<void>
  /** Another size is shown from now on. */
  shown(): void
}

/** A decided checkpoint. Its signatures are made when somebody asks for it: most are never looked at. */
interface Shown {
  readonly size: number
  readonly root: Uint8Array
  readonly certificate: Uint8Array | undefined
  readonly text: string
  note: string | undefined
  own: NoteSignature | undefined
  gathered: Promise<void> | undefined
  /** Of members and witnesses. */
  cosignatures: NoteSignature[]
}

/** What strangers may read of a log: all that its last decided checkpoint covers, and nothing above. */
export class PublishedLog implements LogView {
  readonly #origin: string
  readonly #log: MerkleLog
  readonly #reader: LogReader
  readonly #signer: NoteSigner
  readonly #charter: Uint8Array
  readonly #cosigning: LogCosigning | undefined
  readonly #snapshots: ServedSnapshots | undefined
  readonly #certificates: KeptCertificates | undefined
  #shown: Shown | undefined

  constructor(
    origin: string,
    log: MerkleLog,
    reader: LogReader,
    signer: NoteSigner,
    charter: Uint8Array,
    cosigning?: LogCosigning,
    snapshots?: ServedSnapshots,
    certificates?: KeptCertificates,
  ) {
    this.#origin = origin
    this.#log = log
    this.#reader = reader
    this.#signer = signer
    this.#charter = charter
    this.#snapshots = snapshots
    this.#certificates = certificates
    this.#cosigning = cosigning
  }

  get origin(): string {
    return this.#origin
  }

  get size(): number {
    return this.#shown?.size ?? 0
  }

  /** Undefined before the first checkpoint. */
  get root(): Uint8Array | undefined {
    return this.#shown?.root
  }

  /**
   * Final: its checkpoint is signed and served from now on. Every member signs what the members have decided, and nothing
   * else, so that no two of them show different logs.
   */
  publish({ size, root, certificate }: Pick<DecidedPoint, 'size' | 'root'> & Partial<DecidedPoint>): void {
    if (size <= this.size) return
    const text = formatCheckpoint({ origin: this.#origin, size, root, extensions: [] })
    const unsigned = { note: undefined, own: undefined, gathered: undefined, cosignatures: [] }
    this.#shown = { size, root, certificate, text, ...unsigned }
    this.#cosigning?.shown()
  }

  /** A member or a witness cosigned the checkpoint of this size; served with it until the next one. */
  cosigned(size: number, cosignature: NoteSignature): void {
    const shown = this.#shown
    if (shown === undefined || size !== shown.size) return
    const { name, keyId } = cosignature
    const others = shown.cosignatures.filter(known => known.name !== name || known.keyId !== keyId)
    if (others.length < maxCosignatures) shown.cosignatures = [...others, cosignature]
  }

  /** This node's cosignature of the checkpoint: one for each size, so that whoever asks again gets the same. */
  own(): NoteSignature {
    const shown = this.#shown!
    shown.own ??= this.#cosigning!.cosign(shown.text)
    return shown.own
  }

  /** The checkpoint as this node alone signs it, for witnesses and other nodes. */
  signed(): { readonly size: number; readonly note: string } | undefined {
    const shown = this.#shown
    if (shown === undefined) return undefined
    shown.note ??= signNote(shown.text, [this.#signer])
    return { size: shown.size, note: shown.note }
  }

  async checkpoint(): Promise<string | undefined> {
    return this.#shown && (await this.#whole(this.#shown))
  }

  /** With the cosignatures of all members that answer soon. */
  async #whole(shown: Shown): Promise<string> {
    shown.note ??= signNote(shown.text, [this.#signer])
    if (this.#cosigning !== undefined && shown.gathered === undefined) {
      this.cosigned(shown.size, this.own())
      const take = (signature: NoteSignature): void => this.cosigned(shown.size, signature)
      shown.gathered = this.#cosigning.gather(shown.size, shown.text, take)
    }
    await shown.gathered
    return shown.note + signatureLines(shown.cosignatures)
  }

  /** What the log's root was at a size up to this one's. */
  rootAt(size: number): Promise<Uint8Array> {
    return this.#log.rootAt(size)
  }

  consistencyProof(oldSize: number, size: number): Promise<readonly Uint8Array[]> {
    return this.#log.consistencyProof(oldSize, size)
  }

  async tile(level: number, index: number, width: number): Promise<Uint8Array | undefined> {
    const hashes = Math.floor(this.size / tileWidth ** level)
    if (index * tileWidth + width > hashes) return undefined
    return await this.#log.tile(level, index, width)
  }

  async entries(index: number, width: number): Promise<Uint8Array | undefined> {
    if (index * tileWidth + width > this.size) return undefined
    return await this.#reader.entryBundle(index, width)
  }

  async leaves(from: number, to: number): Promise<PublicLeaf[]> {
    const leaves: PublicLeaf[] = []
    for await (const { data, bodyBytes } of this.#reader.leaves(from, Math.min(to, this.size)))
      leaves.push({ data, bodyBytes: bodyBytes ?? null, dropped: bodyBytes === undefined })
    return leaves
  }

  async bodies(index: number, width: number): Promise<Uint8Array | undefined> {
    const first = index * tileWidth
    if (first + width > this.size) return undefined
    const here = await this.#reader.bodiesHere()
    if (missingAt(here, first) !== undefined || missingFrom(here, first) < first + width) return undefined
    const parts: Uint8Array[] = []
    for await (const { record } of this.#reader.records(first, first + width)) {
      const head = new Uint8Array(saltBytes + 4)
      head.set(record.salt)
      putU32(head, saltBytes, record.body.length)
      parts.push(head, record.body)
    }
    return parts.length === 2 * width ? Buffer.concat(parts) : undefined
  }

  async bodiesFrom(leaf: number): Promise<number> {
    return missingAt(await this.#reader.bodiesHere(), leaf) ?? leaf
  }

  async kept(): Promise<KeptView> {
    const here = await this.#reader.bodiesHere()
    return this.#snapshots?.kept(here, this.size) ?? { bodiesFrom: here.from, snapshots: [] }
  }

  async snapshot(size: number, piece: 'manifest' | number): Promise<Uint8Array | undefined> {
    return size < this.size ? await this.#snapshots?.piece(size, piece) : undefined
  }

  get certificate(): Uint8Array | undefined {
    return this.#shown?.certificate
  }

  async certificateOver(leaf: number): Promise<Uint8Array | undefined> {
    if (leaf >= this.size) return undefined
    return (await this.#certificates?.covering(leaf)) ?? this.certificate
  }

  async proof(leaf: number): Promise<string | undefined> {
    const shown = this.#shown
    if (shown === undefined || leaf >= shown.size) return undefined
    const checkpoint = await this.#whole(shown)
    for await (const { data } of this.#reader.leaves(leaf, leaf + 1)) {
      const proof = await this.#log.inclusionProof(leaf, shown.size)
      // The leaf itself goes along, so that the proof says what it is about.
      return formatTlogProof({ extra: data, index: leaf, proof, checkpoint })
    }
    return undefined
  }

  charter(): Uint8Array | undefined {
    return this.#charter
  }
}
