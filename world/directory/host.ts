import type { WorldHost } from '../interface.ts'
import type { Voter } from './types.ts'

/** What a certificate says (docs/finality.md, "On the wire and on disk"). */
export interface CertifiedSeal {
  /** SHA-256 of the log's origin. */
  readonly authority: Uint8Array
  /** In which it was decided. */
  readonly epoch: number
  readonly view: number
  readonly height: number
  /** Of the seal, and of the one below. */
  readonly hash: Uint8Array
  readonly previous: Uint8Array
  /** The log's size and root just after the seal. */
  readonly size: number
  readonly root: Uint8Array
  readonly nextEpoch: number
  /** The members that it activates; none when the epoch goes on. By node, ascending. */
  readonly nextMembers: readonly Voter[]
  /** Who signed, by node, ascending. */
  readonly signers: readonly number[]
}

/** What the directory's rules are given beyond what all rules are. Neither may throw, and both answer the same everywhere. */
export interface DirectoryHost extends WorldHost {
  /** What these bytes say if they are exactly one certificate; else undefined. Whether anybody signed it is not looked at. */
  readCertificate(bytes: Uint8Array): CertifiedSeal | undefined
  /** The same of a quorum of votes of either kind: of a certificate, or of a seal that is prepared. */
  readQuorum(bytes: Uint8Array): CertifiedSeal | undefined
  /** Whether these are the votes of exactly a quorum of these members (by node, ascending). */
  verifyQuorum(bytes: Uint8Array, members: readonly Voter[]): boolean
  /** Whether it is one that exactly a quorum of these members (by node, ascending) decided. */
  verifyCertificate(bytes: Uint8Array, members: readonly Voter[]): boolean
}
