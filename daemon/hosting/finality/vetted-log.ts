import { type AttestedBatch, AttestedInputs } from '../../../client/protocol/attested-inputs.ts'
import type { LogReader } from '../../../storage/log/log-store.ts'
import { putSha256 } from '../../../storage/sha256.ts'
import { Faults } from '../../authority/faults.ts'
import type { AppliedEntry, AppliedRecords } from '../../authority/replica.ts'
import type { Fault } from '../../authority/types.ts'
import type { GatewaySignatures } from '../../routing/gateway-signatures.ts'

export interface VettedLogParts {
  readonly origin: string
  readonly rulesVersion: number
  readonly signatures: GatewaySignatures
  /** A node's identity key; undefined for a number that no node of the genesis file has. */
  readonly keyOf: (gateway: number) => Uint8Array | undefined
  readonly reader: Pick<LogReader, 'batches'>
  /** What `waitFor` asked for is checked. */
  readonly checked: () => void
  /** Told of the lowest that was found, and once more when a decision has passed that and another one is left. */
  readonly forged: (forged: Fault) => void
}

/** An entry, with what the replica itself found to be wrong with it. */
export type VettedEntry = AppliedRecords & Partial<Pick<AppliedEntry, 'faults'>>

/** Entries that are kept while older ones are read from the disk. */
const maxLate = 64

/**
 * A replica's log past what its members have decided, checked for what the rules don't see: that a gateway has signed for
 * every input, and that no record stands there which is passed by and no honest leader logs. Signatures are verified on other threads, while the replica goes on. Records come as they are applied; those that
 * were there before, or came when too much waited, are read from the disk, so that little is in memory whatever a leader does.
 */
export class VettedLog {
  readonly #parts: VettedLogParts
  readonly #inputs: AttestedInputs
  #decidedSize: number
  /** What lies below was looked at, or is decided. */
  #nextLeaf: number
  /** As far as the log goes. */
  #endLeaf: number
  /** The first leaves of batches whose signatures are being verified, in order. */
  readonly #verifying = new Set<number>()
  readonly #refused = new Faults()
  #wantedSize = Number.POSITIVE_INFINITY
  #isReading = false
  #late: AppliedRecords[] = []
  #ended = false

  constructor(parts: VettedLogParts, decidedSize: number, logSize: number) {
    this.#parts = parts
    this.#decidedSize = decidedSize
    this.#nextLeaf = decidedSize
    this.#endLeaf = logSize
    this.#inputs = new AttestedInputs(parts.origin, {
      putHash: putSha256,
      batch: batch => this.#verify(batch),
      wrong: ({ code, firstLeaf, what }) => this.refuse({ leaf: firstLeaf, code, what }),
    })
    this.goOn()
  }

  /** All below is decided or checked. */
  get size(): number {
    const [oldest = this.#inputs.openLeaf ?? this.#nextLeaf] = this.#verifying
    return Math.max(this.#decidedSize, Math.min(oldest, this.#refused.first?.leaf ?? oldest))
  }

  /** Somebody would vote if so much was checked. */
  waitFor(size: number): void {
    this.#wantedSize = size
  }

  applied(entry: VettedEntry): void {
    this.#noteRefused(() => entry.faults?.forEach(fault => void this.#refused.add(fault)))
    this.#endLeaf = Math.max(this.#endLeaf, entry.firstLeaf + entry.records.length)
    if (!this.#isReading) this.#look(entry)
    else if (this.#late.push(entry) > maxLate) this.#late = []
  }

  decided(size: number): void {
    this.#decidedSize = Math.max(this.#decidedSize, size)
    this.#skipTo(size)
    for (const leaf of this.#verifying) {
      if (leaf >= size) break
      this.#verifying.delete(leaf)
    }
    this.#noteRefused(() => {})
  }

  #skipTo(leaf: number): void {
    if (leaf <= this.#nextLeaf) return
    this.#nextLeaf = leaf
    this.#inputs.abandon()
  }

  /** Every now and then: what could not be looked at as it came is read from the disk. */
  goOn(): void {
    const isBehind = this.#nextLeaf < this.#endLeaf
    if (isBehind && !this.#isReading && !this.#parts.signatures.isFull) void this.#read()
  }

  /** The replica has ended, or begins anew. */
  end(): void {
    this.#ended = true
  }

  async #read(): Promise<void> {
    this.#isReading = true
    try {
      for await (const batch of this.#parts.reader.batches(this.#nextLeaf)) {
        if (this.#ended || !this.#look(batch)) break
      }
    } catch {
      // Who needs these records says what is wrong with them. They stay unchecked.
    }
    this.#isReading = false
    for (const entry of this.#late.splice(0)) this.#look(entry)
    this.#tell()
  }

  /** False: there is something before these records, or too much waits already. */
  #look({ firstLeaf, records }: AppliedRecords): boolean {
    if (firstLeaf + records.length <= this.#decidedSize) this.#skipTo(firstLeaf + records.length)
    if (firstLeaf > this.#nextLeaf) return false
    for (const { kind, rulesVersion, body } of records.slice(this.#nextLeaf - firstLeaf)) {
      if (this.#parts.signatures.isFull) return false
      if (rulesVersion !== this.#parts.rulesVersion) this.#refuseRules(rulesVersion)
      this.#inputs.record(this.#nextLeaf++, kind, body)
    }
    return true
  }

  #refuseRules(version: number): void {
    const { rulesVersion } = this.#parts
    const what = `the record is of rules version ${version}, not ${rulesVersion}`
    this.refuse({ leaf: this.#nextLeaf, code: 'wrong-rules-version', what })
  }

  #verify({ firstLeaf, gateway, message, signature }: AttestedBatch): void {
    const code = 'bad-attestation'
    const key = this.#parts.keyOf(gateway)
    if (key === undefined)
      return this.refuse({ leaf: firstLeaf, code, what: `no node ${gateway} that could attest inputs` })
    this.#verifying.add(firstLeaf)
    this.#parts.signatures.verifyAside(key, message, signature, good => {
      // Decided meanwhile, or the replica is another one.
      if (this.#ended || !this.#verifying.delete(firstLeaf)) return
      const what = `node ${gateway} did not sign for exactly these inputs`
      if (good) this.#tell()
      else this.refuse({ leaf: firstLeaf, code, what })
    })
  }

  #tell(): void {
    if (this.#ended || this.size < this.#wantedSize) return
    this.#wantedSize = Number.POSITIVE_INFINITY
    this.#parts.checked()
  }

  /** No member votes on this record, unless others have decided it. */
  refuse(forged: Fault): void {
    this.#noteRefused(() => this.#refused.add(forged))
  }

  /** The same of what was found before the replica was opened. */
  refuseAll(found: Faults): void {
    this.#noteRefused(() => this.#refused.addAll(found))
  }

  #noteRefused(change: () => void): void {
    const before = this.#refused.first
    change()
    this.#refused.decided(this.#decidedSize)
    const first = this.#refused.first
    const isNew = before === undefined || before.leaf < this.#decidedSize
    if (first !== undefined && isNew && !this.#ended) this.#parts.forged(first)
  }
}
