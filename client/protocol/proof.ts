import { sha256 } from '@noble/hashes/sha2.js'
import { concat, equalBytes } from '../../audit/verify/bytes.ts'
import { type ChainFault, type Founders, liarsOf, verifyChain } from '../../audit/verify/certificate.ts'
import { parseCheckpoint } from '../../audit/verify/checkpoint.ts'
import { leafHash, verifyInclusion } from '../../audit/verify/merkle.ts'
import {
  openNote,
  parseNote,
  type SignatureLine,
  type VerifierKey,
  verifierKey,
} from '../../audit/verify/note.ts'
import { recordLeafData } from '../../audit/verify/record.ts'
import type { SignatureChecks } from '../../audit/verify/signatures.ts'
import { verifyState } from '../../audit/verify/state.ts'
import type { OpenedProof, OpenedRecord, OpenedState, ProofFormFault } from './proof-file.ts'
import { verifyReceipt } from './receipt.ts'

/** What the genesis file says: all that a proof rests on. */
export interface ProofTrust {
  readonly network: string
  readonly genesisHash: Uint8Array
  /** Who began each log, by its origin. */
  readonly founders: ReadonlyMap<string, Founders>
  /** The nodes' Ed25519 keys by number: those that sign logs, and those that cosign what was decided. */
  readonly logKeys: ReadonlyMap<number, Uint8Array>
  readonly cosignKeys: ReadonlyMap<number, Uint8Array>
}

/** Who stands behind a proof. */
export interface ProofFacts {
  readonly epoch: number
  /** Numbers of the members that decided, and how many members there were, of whom so many may lie. */
  readonly decidedBy: readonly number[]
  readonly members: number
  readonly liars: number
  /** Numbers of the nodes that signed the checkpoint as the log, and that cosigned it; none for a state. */
  readonly signedBy: readonly number[]
  readonly cosignedBy: readonly number[]
}

export type ProofFault =
  | ProofFormFault
  | ChainFault
  | 'other-network'
  | 'unknown-log'
  | 'malformed-checkpoint'
  | 'unsigned-checkpoint'
  | 'wrong-signature'
  | 'unknown-signature'
  | 'other-checkpoint'
  | 'not-included'
  | 'wrong-body'
  | 'wrong-receipt'
  | 'wrong-state'

export type ProofVerdict =
  | { readonly ok: true; readonly facts: ProofFacts }
  | { readonly ok: false; readonly code: ProofFault }

/** Algorithms of C2SP signed-note. */
const ED25519 = 1
const COSIGNATURE = 4

const refuse = (code: ProofFault): ProofVerdict => ({ ok: false, code })

/** Whether this proof shows what it says, to somebody who has the genesis file and believes nobody. */
export async function verifyProof(
  proof: OpenedProof,
  trust: ProofTrust,
  checks: SignatureChecks,
): Promise<ProofVerdict> {
  if (proof.network !== trust.network || !equalBytes(proof.genesisHash, trust.genesisHash))
    return refuse('other-network')
  const founders = trust.founders.get(proof.origin)
  if (founders === undefined) return refuse('unknown-log')
  const chain = verifyChain(founders, proof.chain, proof.decision, checks.ed25519)
  if (!chain.ok) return chain
  const members = chain.members.length
  const facts = {
    ...{ epoch: proof.decision.epoch, decidedBy: proof.decision.votes.map(({ signer }) => signer) },
    ...{ members, liars: liarsOf(members), signedBy: [], cosignedBy: [] },
  }
  if (proof.kind === 'state') return stateHolds(proof) ? { ok: true, facts } : refuse('wrong-state')
  const checkpoint = checkCheckpoint(proof, trust, checks)
  if (typeof checkpoint === 'string') return refuse(checkpoint)
  const fault = recordFault(proof) ?? (await receiptFault(proof, trust, checks))
  return fault === undefined ? { ok: true, facts: { ...facts, ...checkpoint } } : refuse(fault)
}

export interface NodeNoteKey {
  readonly node: number
  readonly key: VerifierKey
}

/** How the nodes of a network sign a log's checkpoints, and how they cosign them. */
export function noteKeysOf(
  { network, logKeys, cosignKeys }: ProofTrust,
  origin: string,
): { readonly log: readonly NodeNoteKey[]; readonly cosign: readonly NodeNoteKey[] } {
  const log = [...logKeys].map(([node, key]) => ({ node, key: verifierKey(origin, ED25519, key) }))
  const cosign = [...cosignKeys].map(([node, key]) => {
    return { node, key: verifierKey(`${network}/member/${node}`, COSIGNATURE, key) }
  })
  return { log, cosign }
}

type CheckpointSigners = Pick<ProofFacts, 'signedBy' | 'cosignedBy'>

/** Who signed it; it is the one that was decided, and bears no signature that can't be checked. */
function checkCheckpoint(
  { tlog, origin, decision }: OpenedRecord,
  trust: ProofTrust,
  checks: SignatureChecks,
): CheckpointSigners | ProofFault {
  const { log, cosign } = noteKeysOf(trust, origin)
  const keys = [...log, ...cosign].map(({ key }) => key)
  const opened = openNote(tlog.checkpoint, keys, checks)
  if (!opened.ok) return noteFaults[opened.code]
  if (parseNote(tlog.checkpoint)!.lines.length !== opened.verified.length) return 'unknown-signature'
  const checkpoint = parseCheckpoint(opened.text)
  if (checkpoint === undefined) return 'malformed-checkpoint'
  const { seal } = decision
  const isDecided =
    checkpoint.origin === origin && checkpoint.size === seal.size && equalBytes(checkpoint.root, seal.root)
  if (!isDecided || checkpoint.extensions.length > 0) return 'other-checkpoint'
  const signers = (candidates: readonly NodeNoteKey[]) =>
    candidates.filter(({ key }) => opened.verified.some(line => isLineOf(key, line))).map(({ node }) => node)
  const signedBy = signers(log)
  return signedBy.length === 0 ? 'unsigned-checkpoint' : { signedBy, cosignedBy: signers(cosign) }
}

export function isLineOf(key: VerifierKey, line: SignatureLine): boolean {
  return line.name === key.name && equalBytes(line.id, key.id)
}

const noteFaults = {
  malformed: 'malformed-checkpoint',
  unverified: 'unsigned-checkpoint',
  'invalid-signature': 'wrong-signature',
} as const

function recordFault({ tlog, leafData, held, decision }: OpenedRecord): ProofFault | undefined {
  const { size, root } = decision.seal
  if (!verifyInclusion(tlog.index, size, leafHash(leafData), tlog.proof, root)) return 'not-included'
  if (held === undefined) return undefined
  const made = recordLeafData(leafData.slice(0, 4), held.salt, held.body)
  return equalBytes(made, leafData) ? undefined : 'wrong-body'
}

async function receiptFault(
  { receipt, held, origin, tlog, leafData }: OpenedRecord,
  trust: ProofTrust,
  checks: SignatureChecks,
): Promise<ProofFault | undefined> {
  if (receipt === undefined) return undefined
  const isOfIt = receipt.leaf === tlog.index && equalBytes(receipt.header, leafData.slice(0, 4))
  if (!isOfIt || !equalBytes(receipt.salt, held!.salt)) return 'wrong-receipt'
  const { genesisHash, logKeys } = trust
  const expected = { genesisHash, logKeys, origin, body: held!.body, verify: checks.ed25519 }
  return (await verifyReceipt(receipt, expected)).ok ? undefined : 'wrong-receipt'
}

/** State keys: 'e' ‖ an entity's id, 'p' ‖ a player's key; in the tree under their hash, beside their value (docs/protocol.md). */
function stateKeyOf(target: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(target.length === 16 ? 0x65 : 0x70), target)
}

function stateHolds({ target, value, path, decision }: OpenedState): boolean {
  const key = stateKeyOf(target)
  const entry = value && concat(Uint8Array.of(key.length), key, value)
  return verifyState(decision.seal.stateRoot, sha256(key), entry, path)
}
