import { readFileSync } from 'node:fs'
import { MAX_PROOF_BYTES, PROOF_HEAD } from '../client/protocol/proof-file.ts'
import { RECEIPT_FILE_HEAD } from '../client/protocol/receipt-file.ts'
import { BROKEN_RULES_HEAD, MAX_EVIDENCE_BYTES } from './broken-rules.ts'
import { fastLeafHash } from './crypto.ts'
import { maxCertificatesBytes } from './decision.ts'
import { AuditError } from './errors.ts'
import { EVIDENCE_HEAD, parseTwoFaces } from './evidence.ts'
import { type Genesis, readGenesis } from './genesis.ts'
import { wrapped } from './report.ts'
import { openCheckpoint, type RefusedCheckpoint } from './signed-checkpoint.ts'
import { describeSigners, type LogSigners } from './signers.ts'
import { type Logs, refusal, signersOf, strangersWord, type Verdict } from './verdict.ts'
import { equalBytes, hex, toBase64 } from './verify/bytes.ts'
import type { Checkpoint } from './verify/checkpoint.ts'
import { consistencyRoots, verifyInclusion } from './verify/merkle.ts'
import { parseTlogProof, type TlogProof } from './verify/tlog-proof.ts'
import { verifyBrokenRules } from './verify-broken-rules.ts'
import { verifyHeldProof } from './verify-proof.ts'
import { verifyReceipts } from './verify-receipt.ts'
import { VOTE_EVIDENCE_HEAD, verifyVoteEvidence } from './vote-evidence.ts'

const maxBytes = Math.max(MAX_PROOF_BYTES, MAX_EVIDENCE_BYTES)
const proofHead = 'c2sp.org/tlog-proof@v1\n'

export interface VerifyOptions {
  /** Paths: of what is to be verified, and of the genesis file. */
  readonly file: string
  readonly genesis: string
  /** Of the log's file `certificates`, which names who became a member later. */
  readonly certificates?: string | undefined
}

/**
 * Checks a held proof, a C2SP tlog-proof, a signed checkpoint, a saved receipt or evidence with nothing but the genesis file; of
 * what somebody signed who is no founder, certificates must name it as a member.
 * @throws AuditError `bad-genesis` or `unreadable-file`
 */
export async function verifyFile(options: VerifyOptions): Promise<Verdict> {
  const { certificates } = options
  const genesis = readGenesis(options.genesis)
  const shown = certificates === undefined ? undefined : readFile(certificates, maxCertificatesBytes)
  return verifyBytes(readFile(options.file, maxBytes), genesis, shown && Buffer.from(shown).toString())
}

function readFile(path: string, most: number): Uint8Array {
  try {
    const bytes = readFileSync(path)
    if (bytes.length <= most) return bytes
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new AuditError('unreadable-file', `${path} cannot be read (${code}).`)
  }
  throw new AuditError('unreadable-file', `${path} is larger than ${most} bytes: no such file is.`)
}

/** @param certificates the file of that name, of the log that it is about */
export async function verifyBytes(
  bytes: Uint8Array,
  genesis: Genesis,
  certificates?: string,
): Promise<Verdict> {
  const text = Buffer.from(bytes).toString()
  if (text.startsWith(`${PROOF_HEAD} `)) return await verifyHeldProof(text, genesis)
  const logs: Logs = origin => signersOf(genesis, origin, certificates)
  if (text.startsWith(proofHead)) return verifyProof(text, logs)
  if (text.startsWith(`${RECEIPT_FILE_HEAD}\n`)) return await verifyReceipts(text, genesis, logs)
  if (text.startsWith(`${genesis.network}/`)) return verifyCheckpoint(bytes, logs)
  if (text.startsWith(`${EVIDENCE_HEAD}\n`)) return verifyEvidence(text, logs)
  if (text.startsWith(`${BROKEN_RULES_HEAD}\n`)) return await verifyBroken(text, genesis, logs)
  if (text.startsWith(`${VOTE_EVIDENCE_HEAD}\n`)) return verifyVoteEvidence(text, genesis, logs)
  return refusal(
    'unknown',
    `This is no proof, receipt, checkpoint or evidence\nof the network ${genesis.network}.`,
  )
}

function opened(bytes: Uint8Array, logs: Logs) {
  const origin = Buffer.from(bytes).toString().split('\n', 1)[0]!
  const signers = logs(origin)
  if (typeof signers === 'string') return { ok: false, why: signers, facts: {} } as const
  const result = openCheckpoint(bytes, signers)
  if (!result.ok) return { ok: false, ...unsigned(signers, result) } as const
  const { checkpoint, signedBy } = result
  return { ok: true, origin, signers, signedBy, checkpoint, by: describeSigners(signers, signedBy) } as const
}

function unsigned(signers: LogSigners, { code, strangers }: RefusedCheckpoint) {
  const facts = { code, ...(strangers.length > 0 && { signers: strangers.join(' ') }) }
  if (code === 'not-a-member') return { why: strangersWord(signers, strangers), facts }
  const why =
    code === 'bad-signature'
      ? 'No member of the authority signed the checkpoint.'
      : 'The checkpoint is malformed.'
  return { why, facts }
}

function verifyCheckpoint(bytes: Uint8Array, logs: Logs): Verdict {
  const result = opened(bytes, logs)
  if (!result.ok) return refusal('checkpoint', result.why, result.facts)
  const { origin, signedBy, checkpoint, by } = result
  const facts = {
    origin,
    size: checkpoint.size,
    root: toBase64(checkpoint.root),
    signers: signedBy.join(' '),
  }
  return {
    ok: true,
    kind: 'checkpoint',
    facts,
    message: [
      `Genuine checkpoint of ${origin}`,
      `${facts.size} leaves, root ${facts.root}`,
      `signed by ${by}`,
    ]
      .flatMap(wrapped)
      .join('\n'),
  }
}

/** Evidence is verified when it proves that somebody lied. */
function verifyEvidence(text: string, logs: Logs): Verdict {
  const faces = parseTwoFaces(text)
  if (faces === undefined) return refusal('evidence', 'The evidence is malformed.')
  const older = opened(Buffer.from(faces.older), logs)
  const newer = opened(Buffer.from(faces.newer), logs)
  if (!older.ok) return refusal('evidence', older.why, older.facts)
  if (!newer.ok) return refusal('evidence', newer.why, newer.facts)
  if (older.origin !== newer.origin || !contradict(older.checkpoint, newer.checkpoint, faces.path))
    return refusal('evidence', 'The two checkpoints do not contradict each other.')
  const facts = {
    origin: older.origin,
    olderSize: older.checkpoint.size,
    olderRoot: toBase64(older.checkpoint.root),
    olderSigners: older.signedBy.join(' '),
    newerSize: newer.checkpoint.size,
    newerRoot: toBase64(newer.checkpoint.root),
    newerSigners: newer.signedBy.join(' '),
  }
  return {
    ok: true,
    kind: 'evidence',
    facts,
    message: [
      `Proven: ${facts.origin} has two faces.`,
      `${facts.olderSize} leaves, root ${facts.olderRoot}`,
      `  signed by ${older.by}`,
      `${facts.newerSize} leaves, root ${facts.newerRoot}`,
      `  signed by ${newer.by}`,
      'No log is both.',
    ]
      .flatMap(wrapped)
      .join('\n'),
  }
}

async function verifyBroken(text: string, genesis: Genesis, logs: Logs): Promise<Verdict> {
  let signed: Exclude<ReturnType<typeof opened>, { ok: false }> | undefined
  const proven = await verifyBrokenRules(text, genesis, note => {
    const result = opened(Buffer.from(note), logs)
    if (!result.ok) return result.why
    signed = result
    return { area: result.signers.area, checkpoint: result.checkpoint }
  })
  if (!proven.ok) return refusal('evidence', proven.why)
  const { origin, signedBy, checkpoint, by } = signed!
  const { code, firstLeaf, lastLeaf, message } = proven.finding
  const facts = { origin, code, firstLeaf, lastLeaf, size: checkpoint.size, signers: signedBy.join(' ') }
  return {
    ok: true,
    kind: 'evidence',
    facts,
    message: [
      `Proven: ${origin} breaks the rules.`,
      ...wrapped(`${code}, ${message.slice(message.indexOf(', ') + 2)}`),
      ...wrapped(`in a log of ${facts.size} leaves, signed by ${by}`),
    ].join('\n'),
  }
}

function contradict(older: Checkpoint, newer: Checkpoint, path: readonly Uint8Array[]): boolean {
  if (older.size === newer.size) return path.length === 0 && !equalBytes(older.root, newer.root)
  const roots = consistencyRoots(older.size, newer.size, path)
  return roots !== undefined && equalBytes(roots.new, newer.root) && !equalBytes(roots.old, older.root)
}

function verifyProof(text: string, logs: Logs): Verdict {
  const proof = parseTlogProof(text)
  if (proof === undefined) return refusal('proof', 'The proof is malformed.')
  const result = opened(Buffer.from(proof.checkpoint), logs)
  if (!result.ok) return refusal('proof', result.why, result.facts)
  const leaf = leafOf(proof)
  if (leaf === undefined)
    return refusal('proof', 'The file does not hold the leaf that it is about (its "extra" line).')
  const { origin, signedBy, checkpoint, by } = result
  const included = verifyInclusion(
    proof.index,
    checkpoint.size,
    fastLeafHash(leaf),
    proof.proof,
    checkpoint.root,
  )
  if (!included) return refusal('proof', 'The leaf is not in the log under that checkpoint.')
  const facts = {
    origin,
    leaf: proof.index,
    recordKind: leaf[1]!,
    bodyHash: hex(leaf.subarray(4)),
    size: checkpoint.size,
    signers: signedBy.join(' '),
  }
  return {
    ok: true,
    kind: 'proof',
    facts,
    message: [
      `Proven: leaf ${facts.leaf} is in ${origin}`,
      `record kind ${facts.recordKind}, SHA-256 of salt and body:`,
      `  ${facts.bodyHash}`,
      ...wrapped(`under a checkpoint of ${facts.size} leaves, signed by ${by}`),
    ].join('\n'),
  }
}

/** The leaf's data: our logs' proofs carry it as their extra. */
function leafOf({ extra }: TlogProof): Uint8Array | undefined {
  return extra?.length === 36 ? extra : undefined
}
