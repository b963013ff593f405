import { readFileSync } from 'node:fs'
import { MAX_PROOF_BYTES, PROOF_HEAD } from '../client/protocol/proof-file.ts'
import { verifyReceipt } from '../client/protocol/receipt.ts'
import { parseReceiptFile, RECEIPT_FILE_HEAD, type ReceiptFile } from '../client/protocol/receipt-file.ts'
import { decodeInput, decodeOutcome } from '../world/codec.ts'
import { BROKEN_RULES_HEAD, MAX_EVIDENCE_BYTES } from './broken-rules.ts'
import { fastLeafHash, verifyEd25519 } from './crypto.ts'
import { AuditError } from './errors.ts'
import { EVIDENCE_HEAD, parseTwoFaces } from './evidence.ts'
import { type Genesis, type GenesisArea, logVerifiers, originOf, readGenesis } from './genesis.ts'
import { wrapped } from './report.ts'
import { openCheckpoint } from './signed-checkpoint.ts'
import { equalBytes, hex, toBase64 } from './verify/bytes.ts'
import type { Checkpoint } from './verify/checkpoint.ts'
import { consistencyRoots, verifyInclusion } from './verify/merkle.ts'
import { parseTlogProof, type TlogProof } from './verify/tlog-proof.ts'
import { verifyBrokenRules } from './verify-broken-rules.ts'
import { verifyHeldProof } from './verify-proof.ts'
import { VOTE_EVIDENCE_HEAD, verifyVoteEvidence } from './vote-evidence.ts'

/** What a file proves, or why it proves nothing. */
export interface Verdict {
  readonly ok: boolean
  readonly kind: 'record-proof' | 'state-proof' | 'proof' | 'checkpoint' | 'receipt' | 'evidence' | 'unknown'
  /** What was found: machine readable, the names differ with the kind. */
  readonly facts: Readonly<Record<string, string | number>>
  /** The same for a person, in lines of at most 80 columns. */
  readonly message: string
}

const maxBytes = Math.max(MAX_PROOF_BYTES, MAX_EVIDENCE_BYTES)
const proofHead = 'c2sp.org/tlog-proof@v1\n'

/**
 * Checks a held proof, a C2SP tlog-proof, a signed checkpoint, a saved receipt or evidence with nothing but the genesis file.
 * @param options paths of both files
 * @throws AuditError `bad-genesis` or `unreadable-file`
 */
export async function verifyFile(options: { file: string; genesis: string }): Promise<Verdict> {
  const genesis = readGenesis(options.genesis)
  const bytes = readFile(options.file)
  return verifyBytes(bytes, genesis)
}

function readFile(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path)
    if (bytes.length <= maxBytes) return bytes
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new AuditError('unreadable-file', `${path} cannot be read (${code}).`)
  }
  throw new AuditError('unreadable-file', `${path} is larger than ${maxBytes} bytes: no proof is.`)
}

export async function verifyBytes(bytes: Uint8Array, genesis: Genesis): Promise<Verdict> {
  const text = Buffer.from(bytes).toString()
  if (text.startsWith(`${PROOF_HEAD} `)) return await verifyHeldProof(text, genesis)
  if (text.startsWith(proofHead)) return verifyProof(text, genesis)
  if (text.startsWith(`${RECEIPT_FILE_HEAD}\n`))
    return await verifyReceiptFile(parseReceiptFile(text), genesis)
  if (text.startsWith(`${genesis.network}/`)) return verifyCheckpoint(bytes, genesis)
  if (text.startsWith(`${EVIDENCE_HEAD}\n`)) return verifyEvidence(text, genesis)
  if (text.startsWith(`${BROKEN_RULES_HEAD}\n`)) return await verifyBroken(text, genesis)
  if (text.startsWith(`${VOTE_EVIDENCE_HEAD}\n`)) return verifyVoteEvidence(text, genesis)
  return refusal(
    'unknown',
    `This is no proof, receipt, checkpoint or evidence\nof the network ${genesis.network}.`,
  )
}

interface LogOf {
  readonly area: GenesisArea
  readonly origin: string
}

function refusal(kind: Verdict['kind'], why: string, facts: Verdict['facts'] = {}): Verdict {
  return { ok: false, kind, facts, message: `NOT proven. ${why}` }
}

/** The log whose name stands in a checkpoint's first line. */
function logOf(genesis: Genesis, origin: string): LogOf | undefined {
  const area = genesis.areas.find(it => originOf(genesis, it) === origin)
  return area && { area, origin }
}

function opened(bytes: Uint8Array, genesis: Genesis) {
  const origin = Buffer.from(bytes).toString().split('\n', 1)[0]!
  const log = logOf(genesis, origin)
  if (log === undefined) return { ok: false, why: 'The genesis file knows no such log.' } as const
  const verifiers = logVerifiers(genesis, log.area)
  const checkpoint = openCheckpoint(bytes, origin, [...verifiers.values()])
  if (!checkpoint.ok) {
    const why =
      checkpoint.code === 'bad-signature'
        ? 'No member of the authority signed the checkpoint.'
        : 'The checkpoint is malformed.'
    return { ok: false, why } as const
  }
  const signers = [...verifiers].filter(([, key]) => checkpoint.signers.includes(key)).map(([node]) => node)
  return { ok: true, origin, signers, checkpoint: checkpoint.checkpoint } as const
}

function verifyCheckpoint(bytes: Uint8Array, genesis: Genesis): Verdict {
  const result = opened(bytes, genesis)
  if (!result.ok) return refusal('checkpoint', result.why)
  const { origin, signers, checkpoint } = result
  const facts = {
    origin,
    size: checkpoint.size,
    root: toBase64(checkpoint.root),
    signers: signers.join(' '),
  }
  return {
    ok: true,
    kind: 'checkpoint',
    facts,
    message: [
      `Genuine checkpoint of ${origin}`,
      `${facts.size} leaves, root ${facts.root}`,
      `signed by node ${facts.signers}`,
    ].join('\n'),
  }
}

/** Evidence is verified when it proves that somebody lied. */
function verifyEvidence(text: string, genesis: Genesis): Verdict {
  const faces = parseTwoFaces(text)
  if (faces === undefined) return refusal('evidence', 'The evidence is malformed.')
  const older = opened(Buffer.from(faces.older), genesis)
  const newer = opened(Buffer.from(faces.newer), genesis)
  if (!older.ok) return refusal('evidence', older.why)
  if (!newer.ok) return refusal('evidence', newer.why)
  if (older.origin !== newer.origin || !contradict(older.checkpoint, newer.checkpoint, faces.path))
    return refusal('evidence', 'The two checkpoints do not contradict each other.')
  const facts = {
    origin: older.origin,
    olderSize: older.checkpoint.size,
    olderRoot: toBase64(older.checkpoint.root),
    olderSigners: older.signers.join(' '),
    newerSize: newer.checkpoint.size,
    newerRoot: toBase64(newer.checkpoint.root),
    newerSigners: newer.signers.join(' '),
  }
  return {
    ok: true,
    kind: 'evidence',
    facts,
    message: [
      `Proven: ${facts.origin} has two faces.`,
      `${facts.olderSize} leaves, root ${facts.olderRoot}`,
      `  signed by node ${facts.olderSigners}`,
      `${facts.newerSize} leaves, root ${facts.newerRoot}`,
      `  signed by node ${facts.newerSigners}`,
      'No log is both.',
    ].join('\n'),
  }
}

async function verifyBroken(text: string, genesis: Genesis): Promise<Verdict> {
  let signed: Exclude<ReturnType<typeof opened>, { ok: false }> | undefined
  const proven = await verifyBrokenRules(text, genesis, note => {
    const result = opened(Buffer.from(note), genesis)
    if (!result.ok) return result.why
    signed = result
    return { area: logOf(genesis, result.origin)!.area, checkpoint: result.checkpoint }
  })
  if (!proven.ok) return refusal('evidence', proven.why)
  const { origin, signers, checkpoint } = signed!
  const { code, firstLeaf, lastLeaf, message } = proven.finding
  const facts = { origin, code, firstLeaf, lastLeaf, size: checkpoint.size, signers: signers.join(' ') }
  return {
    ok: true,
    kind: 'evidence',
    facts,
    message: [
      `Proven: ${origin} breaks the rules.`,
      ...wrapped(`${code}, ${message.slice(message.indexOf(', ') + 2)}`),
      `in a log of ${facts.size} leaves, signed by node ${facts.signers}`,
    ].join('\n'),
  }
}

function contradict(older: Checkpoint, newer: Checkpoint, path: readonly Uint8Array[]): boolean {
  if (older.size === newer.size) return path.length === 0 && !equalBytes(older.root, newer.root)
  const roots = consistencyRoots(older.size, newer.size, path)
  return roots !== undefined && equalBytes(roots.new, newer.root) && !equalBytes(roots.old, older.root)
}

function verifyProof(text: string, genesis: Genesis): Verdict {
  const proof = parseTlogProof(text)
  if (proof === undefined) return refusal('proof', 'The proof is malformed.')
  const result = opened(Buffer.from(proof.checkpoint), genesis)
  if (!result.ok) return refusal('proof', result.why)
  const leaf = leafOf(proof)
  if (leaf === undefined)
    return refusal('proof', 'The file does not hold the leaf that it is about (its "extra" line).')
  const { origin, signers, checkpoint } = result
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
    signers: signers.join(' '),
  }
  return {
    ok: true,
    kind: 'proof',
    facts,
    message: [
      `Proven: leaf ${facts.leaf} is in ${origin}`,
      `record kind ${facts.recordKind}, SHA-256 of salt and body:`,
      `  ${facts.bodyHash}`,
      `under a checkpoint of ${facts.size} leaves, signed by node ${facts.signers}`,
    ].join('\n'),
  }
}

/** The leaf's data: our logs' proofs carry it as their extra. */
function leafOf({ extra }: TlogProof): Uint8Array | undefined {
  return extra?.length === 36 ? extra : undefined
}

async function verifyReceiptFile(file: ReceiptFile | undefined, genesis: Genesis): Promise<Verdict> {
  if (file === undefined) return refusal('receipt', 'The receipt file is malformed.')
  const { receipt, body } = file
  if (!equalBytes(receipt.genesisHash, genesis.hash))
    return refusal('receipt', 'The receipt is of another network.')
  const log = logOf(genesis, receipt.origin)
  if (log === undefined) return refusal('receipt', 'The genesis file knows no such log.')
  const logKeys = new Map([...genesis.nodes].map(([number, { logKey }]) => [number, logKey]))
  const { origin, leaf, signer, term } = receipt
  const verdict = await verifyReceipt(receipt, {
    genesisHash: genesis.hash,
    origin,
    body,
    logKeys,
    verify: verifyEd25519,
  })
  if (!verdict.ok) return refusal('receipt', receiptFaults[verdict.code])
  const input = decodeInput(body)
  const outcome = decodeOutcome(receipt.outcome)
  if ('code' in input || outcome === undefined)
    return refusal('receipt', 'Its input or outcome cannot be read.')
  const facts = {
    origin,
    leaf,
    signer,
    epoch: receipt.epoch,
    view: receipt.view,
    term,
    player: hex(input.player),
    seq: input.seq,
    action: input.action.kind,
    outcome: outcome.code,
    tick: outcome.tick,
  }
  return {
    ok: true,
    kind: 'receipt',
    facts,
    message: [
      `Proven: node ${signer} promised that this input is committed`,
      `at leaf ${leaf} of ${origin}`,
      `input: ${facts.action}, seq ${facts.seq}, by player`,
      `  ${facts.player}`,
      `outcome: ${facts.outcome}, at tick ${facts.tick}`,
    ].join('\n'),
  }
}

const receiptFaults = {
  malformed: 'The receipt is malformed.',
  'other-network': 'The receipt is of another network.',
  'other-log': 'The receipt is of another log.',
  'not-an-input': 'The receipt is for something else than an input.',
  'unknown-signer': "Who signed it is no member of the log's authority.",
  'wrong-path': 'The receipt is not for this input and outcome.',
  'wrong-signature': 'The signature is wrong.',
} as const
