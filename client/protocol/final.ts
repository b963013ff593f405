import { equalBytes } from '../../audit/verify/bytes.ts'
import {
  type Certificate,
  type DecidedSeal,
  type Founders,
  parseCertificate,
  verifyChain,
} from '../../audit/verify/certificate.ts'
import { parseCheckpoint } from '../../audit/verify/checkpoint.ts'
import { pathOfLeaf, rootOfLeaves } from '../../audit/verify/leaves.ts'
import { openNote, verifierKey } from '../../audit/verify/note.ts'
import { portableChecks, type SignatureChecks } from '../../audit/verify/signatures.ts'
import { KnownEpochs } from './epochs.ts'
import type { Final as FinalMessage } from './gateway.pb.js'

/** What stands at some leaves of the log that an authority's members have decided; verified. */
export interface DecidedLeaves {
  readonly seal: DecidedSeal
  /** The decision's bytes (docs/finality.md). */
  readonly certificate: Uint8Array
  /** The certificates that lead from the founders to the members that made it, in order. */
  readonly activations: readonly Uint8Array[]
  /** The decided checkpoint, signed by a member as the log (C2SP signed-note). */
  readonly checkpoint: string
  /** The leaf hash, 32 bytes; the leaf was asked for. */
  hashOf(leaf: number): Uint8Array
  /** The leaf's inclusion path under the checkpoint (RFC 6962, section 2.1.1). */
  pathOf(leaf: number): Uint8Array[]
}

export interface FinalExpectation {
  /** Ascending. */
  readonly leaves: readonly number[]
  readonly founders: Founders
  /** Log keys by node number. */
  readonly logKeys: ReadonlyMap<number, Uint8Array>
}

export type FinalFault =
  | 'malformed'
  | 'other-log'
  | 'broken-chain'
  | 'not-a-quorum'
  | 'wrong-checkpoint'
  | 'wrong-proof'

export type FinalVerdict =
  | { readonly ok: true; readonly decided: DecidedLeaves }
  | { readonly ok: false; readonly code: FinalFault }

export const MAX_ASKED_LEAVES = 128

/** Checks what gateways say to be final. A certificate and its checkpoint are checked once, however many answers rest on it. */
export class FinalVerifier {
  readonly #checks: SignatureChecks
  /** By the log's origin. */
  readonly #epochs = new Map<string, KnownEpochs>()
  #known:
    | { readonly bytes: Uint8Array; readonly checkpoint: string; readonly certificate: Certificate }
    | undefined

  constructor(checks: SignatureChecks = portableChecks) {
    this.#checks = checks
  }

  /** The newest epoch of this log whose members are known: answers need not tell of those before it. */
  epochOf(founders: Founders): number {
    return this.#epochsOf(founders).newest
  }

  #epochsOf(founders: Founders): KnownEpochs {
    const known = this.#epochs.get(founders.origin) ?? new KnownEpochs(founders, this.#checks.ed25519)
    this.#epochs.set(founders.origin, known)
    return known
  }

  verify(message: FinalMessage, expected: FinalExpectation): FinalVerdict {
    const { certificate: bytes, checkpoint, hashes, proof = new Uint8Array(0) } = message
    if (bytes === undefined || hashes === undefined) return { ok: false, code: 'malformed' }
    const epochs = this.#epochsOf(expected.founders)
    const fault = epochs.learn(message.activations)
    if (fault !== undefined) return { ok: false, code: fault }
    const certificate = this.#decision(bytes, checkpoint, epochs, expected)
    if (typeof certificate === 'string') return { ok: false, code: certificate }
    const { seal } = certificate
    const { leaves } = expected
    const shown = { size: seal.size, leaves, hashes, proof }
    const root = rootOfLeaves(shown)
    if (root === undefined || !equalBytes(root, seal.root)) return { ok: false, code: 'wrong-proof' }
    const decided = {
      ...{ seal, certificate: bytes, checkpoint, activations: epochs.leadingTo(certificate.epoch) },
      hashOf: (leaf: number) => hashes.slice(32 * leaves.indexOf(leaf), 32 * leaves.indexOf(leaf) + 32),
      pathOf: (leaf: number) => pathOfLeaf(shown, leaf),
    }
    return { ok: true, decided }
  }

  #decision(
    bytes: Uint8Array,
    checkpoint: string,
    epochs: KnownEpochs,
    expected: FinalExpectation,
  ): Certificate | FinalFault {
    const known = this.#known
    if (known?.checkpoint === checkpoint && equalBytes(known.bytes, bytes)) return known.certificate
    const certificate = parseCertificate(bytes)
    if (certificate === undefined) return 'malformed'
    const members = epochs.membersIn(certificate.epoch)
    if (members === undefined) return 'broken-chain'
    const chain = verifyChain(members, [], certificate, this.#checks.ed25519)
    if (!chain.ok) return chain.code
    if (!this.#isSigned(checkpoint, certificate, expected)) return 'wrong-checkpoint'
    this.#known = { bytes, checkpoint, certificate }
    return certificate
  }

  #isSigned(note: string, { seal }: Certificate, { founders, logKeys }: FinalExpectation): boolean {
    const keys = [...logKeys.values()].map(key => verifierKey(founders.origin, 1, key))
    const opened = openNote(note, keys, this.#checks)
    const checkpoint = opened.ok ? parseCheckpoint(opened.text) : undefined
    if (checkpoint?.origin !== founders.origin) return false
    return checkpoint.size === seal.size && equalBytes(checkpoint.root, seal.root)
  }
}
