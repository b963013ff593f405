import { type Certificate, decodeCertificate } from '../../../consensus/finality/certificate.ts'
import { FinalityDiskError } from '../../../consensus/finality/member/state.ts'
import { decodeSeal, encodeSeal, genesisHash, type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { equalBytes, putU64 } from '../../../storage/bytes.ts'
import { checked, withChecksum } from '../../../storage/checksum.ts'
import { authorityKey, prefixRange } from '../../../storage/keys.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import type { AppliedSeal } from '../../authority/replica.ts'

const prefix = 'finality/seal/'
/** Undecided seals that are kept. A second each: with more than that, the members have not been a quorum for hours. */
const maxUndecided = 10_000
/** Certificates reach a replica that cannot vote within seconds. */
const maxRecent = 32

/** A node's public key for votes; undefined for one that the network doesn't have. */
export type VoteKeyOf = (node: number) => Uint8Array | undefined

/** Of nobody: such a seal is voted for by no honest member, since nobody orders strangers. */
const noKey = new Uint8Array(32)

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
  readonly #keyOf: VoteKeyOf
  /** The last one that it knows the hash of; undefined: a gap. */
  #head: { readonly height: number; readonly hash: Uint8Array } | undefined = { height: 0, hash: genesisHash }
  #undecided: Seal[]
  /** Those that were executed last, whether they have a place in the chain or not. */
  readonly #recent: AppliedSeal[] = []
  /** The newest one that the members have decided. */
  #decided: Seal | undefined

  private constructor(group: number, authority: Uint8Array, keyOf: VoteKeyOf, undecided: Seal[]) {
    this.#group = group
    this.#authority = authority
    this.#keyOf = keyOf
    this.#undecided = undecided
  }

  /** @param tip the newest certificate on this disk. @throws FinalityDiskError */
  static async load(
    store: Store,
    group: number,
    authority: Uint8Array,
    keyOf: VoteKeyOf,
    tip: Uint8Array | undefined,
  ): Promise<SealChain> {
    const undecided: Seal[] = []
    for await (const { value } of store.range(prefixRange(authorityKey(group, prefix)))) {
      const bytes = checked(value)
      const seal = bytes && decodeSeal(bytes)
      if (seal === undefined) throw new FinalityDiskError(group, 'a seal')
      undecided.push(seal)
    }
    const chain = new SealChain(group, authority, keyOf, undecided)
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
    this.#recent.push(applied)
    if (this.#recent.length > maxRecent) this.#recent.shift()
    const head = this.#head
    if (head !== undefined && applied.seal.height <= head.height) return []
    if (head?.height === applied.seal.height - 1 && this.#undecided.length < maxUndecided) {
      return [this.#append(head.hash, applied)]
    }
    this.#head = undefined
    return this.#closeGap()
  }

  #append(previous: Uint8Array, { seal, size, root, endsEpoch }: AppliedSeal): StoreOp {
    const { epoch, height, stateRoot, tick, timeMs, nextMembers } = seal
    const named = nextMembers.map(node => ({ node, key: this.#keyOf(node) ?? noKey }))
    const next: Seal = {
      ...{ authority: this.#authority, epoch, height, previous, size, root, stateRoot, tick, timeMs },
      ...{ nextEpoch: epoch + (endsEpoch ? 1 : 0), nextMembers: endsEpoch ? named : [] },
    }
    this.#undecided.push(next)
    this.#head = { height, hash: sealHash(next) }
    return { key: sealKey(this.#group, height), value: withChecksum(encodeSeal(next)) }
  }

  /** The replica was brought to this seal, or to the empty log: what it executed beyond counts no more. */
  restored(base: Seal | undefined, certifiedHeight: number): StoreOp[] {
    const gone = this.#undecided.map(({ height }) => ({
      key: sealKey(this.#group, height),
      value: undefined,
    }))
    this.#recent.length = 0
    const isDecided = base === undefined || base.height <= certifiedHeight
    this.#undecided = isDecided ? [] : [base]
    this.#head =
      base === undefined ? { height: 0, hash: genesisHash } : { height: base.height, hash: sealHash(base) }
    if (isDecided) return gone
    return [...gone, { key: sealKey(this.#group, base.height), value: withChecksum(encodeSeal(base)) }]
  }

  /** The members have decided it: what lies below needs no vote any more. */
  decided({ seal }: Certificate): StoreOp[] {
    const done = this.#undecided.filter(({ height }) => height <= seal.height)
    this.#undecided = this.#undecided.filter(({ height }) => height > seal.height)
    this.#decided = seal
    const gone = done.map(({ height }) => ({ key: sealKey(this.#group, height), value: undefined }))
    return [...gone, ...this.#closeGap()]
  }

  /** The members have decided something that this replica has executed lately: from there on it knows the hashes again. */
  #closeGap(): StoreOp[] {
    const decided = this.#decided
    if (this.#head !== undefined || decided === undefined) return []
    const at = this.#recent.findIndex(({ seal }) => seal.height === decided.height)
    const own = this.#recent[at]
    if (own === undefined || own.size !== decided.size || !equalBytes(own.root, decided.root)) return []
    this.#head = { height: decided.height, hash: sealHash(decided) }
    const ops: StoreOp[] = []
    for (const later of this.#recent.slice(at + 1)) {
      const head: { readonly height: number; readonly hash: Uint8Array } = this.#head
      if (later.seal.height === head.height + 1) ops.push(this.#append(head.hash, later))
    }
    return ops
  }
}
