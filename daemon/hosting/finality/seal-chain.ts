import { type Certificate, decodeCertificate } from '../../../consensus/finality/certificate.ts'
import { decodeSeal, encodeSeal, genesisHash, type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { equalBytes, putU64 } from '../../../storage/bytes.ts'
import { authorityKey, prefixRange } from '../../../storage/keys.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import type { AppliedSeal } from '../../authority/replica.ts'

const prefix = 'finality/seal/'
/** Undecided seals that are kept. A second each: with more than that, the members have not been a quorum for hours. */
const maxUndecided = 10_000

function sealKey(group: number, height: number): Uint8Array {
  const start = authorityKey(group, prefix)
  const key = new Uint8Array(start.length + 8)
  key.set(start)
  putU64(key, start.length, height)
  return key
}

/**
 * The seals that a replica has executed, as what its members vote on. Each names the one below by its hash, so a
 * replica that has not seen them all (it caught up by batches) knows no hash until a certificate tells it one.
 */
export class SealChain {
  readonly #group: number
  readonly #authority: Uint8Array
  readonly #epoch: number
  /** The last one that it knows the hash of; undefined: a gap. */
  #head: { readonly height: number; readonly hash: Uint8Array } | undefined = { height: 0, hash: genesisHash }
  #undecided: Seal[]
  /** The newest one that was executed, whether it has a place in the chain or not. */
  #last: AppliedSeal | undefined
  /** The newest one that the members have decided. */
  #decided: Seal | undefined

  private constructor(group: number, authority: Uint8Array, epoch: number, undecided: Seal[]) {
    this.#group = group
    this.#authority = authority
    this.#epoch = epoch
    this.#undecided = undecided
  }

  /** @param tip the newest certificate on this disk */
  static async load(
    store: Store,
    group: number,
    authority: Uint8Array,
    epoch: number,
    tip: Uint8Array | undefined,
  ): Promise<SealChain> {
    const undecided: Seal[] = []
    for await (const { value } of store.range(prefixRange(authorityKey(group, prefix)))) {
      const seal = decodeSeal(value)
      if (seal !== undefined) undecided.push(seal)
    }
    const chain = new SealChain(group, authority, epoch, undecided)
    const newest = undecided.at(-1) ?? (tip && decodeCertificate(tip))?.seal
    if (newest !== undefined) chain.#head = { height: newest.height, hash: sealHash(newest) }
    return chain
  }

  /** Executed, and not decided as far as this replica knows. */
  get undecided(): readonly Seal[] {
    return this.#undecided
  }

  /** The replica has executed a seal. The ops belong to the batch with its records. */
  executed(applied: AppliedSeal): StoreOp[] {
    const { seal, size, root } = applied
    this.#last = applied
    const head = this.#head
    if (head !== undefined && seal.height <= head.height) return []
    if (head === undefined || seal.height > head.height + 1 || this.#undecided.length >= maxUndecided) {
      this.#head = undefined
      this.#closeGap()
      return []
    }
    const { height, stateRoot, tick, timeMs } = seal
    const next: Seal = {
      ...{ authority: this.#authority, epoch: this.#epoch, height, previous: head.hash, size, root },
      ...{ stateRoot, tick, timeMs, nextEpoch: this.#epoch, nextMembers: [] },
    }
    this.#undecided.push(next)
    this.#head = { height, hash: sealHash(next) }
    return [{ key: sealKey(this.#group, height), value: encodeSeal(next) }]
  }

  /** The members have decided it: what lies below needs no vote any more. */
  decided({ seal }: Certificate): StoreOp[] {
    const done = this.#undecided.filter(({ height }) => height <= seal.height)
    this.#undecided = this.#undecided.filter(({ height }) => height > seal.height)
    this.#decided = seal
    this.#closeGap()
    return done.map(({ height }) => ({ key: sealKey(this.#group, height), value: undefined }))
  }

  /** What the members have decided is what this replica has executed last: from there on it knows the hashes again. */
  #closeGap(): void {
    const last = this.#last
    const decided = this.#decided
    if (this.#head !== undefined || last === undefined || decided?.height !== last.seal.height) return
    if (decided.size !== last.size || !equalBytes(decided.root, last.root)) return
    this.#head = { height: decided.height, hash: sealHash(decided) }
  }
}
