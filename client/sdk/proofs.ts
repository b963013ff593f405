import { equalBytes, fromBase64 } from '../../audit/verify/bytes.ts'
import { type Certificate, parseCertificate } from '../../audit/verify/certificate.ts'
import { parseCheckpoint } from '../../audit/verify/checkpoint.ts'
import { parseNote } from '../../audit/verify/note.ts'
import { recordLeafData } from '../../audit/verify/record.ts'
import { portableChecks, type SignatureChecks } from '../../audit/verify/signatures.ts'
import { resourcePath } from '../../audit/verify/tiles.ts'
import { formatTlogProof, parseTlogProof, type TlogProof } from '../../audit/verify/tlog-proof.ts'
import { isLineOf, noteKeysOf, type ProofTrust, verifyProof } from '../protocol/proof.ts'
import { formatProof, openProof, type RecordProof } from '../protocol/proof-file.ts'
import type { ReceiptFile } from '../protocol/receipt-file.ts'
import { ClientError } from './errors.ts'
import type { Final } from './finals.ts'
import { bodyIn } from './log-bodies.ts'

/** Where the parts of a proof come from: one node's HTTP API. Nothing that it says is believed. */
export interface ProofSource {
  /** What is at this path below the node's root; undefined where there is nothing (yet). */
  bytes(path: string): Promise<Uint8Array | undefined>
}

export interface ProveOptions {
  readonly source: ProofSource
  readonly trust: ProofTrust
  /** How long it may take until what is to be proven is final (15 s). */
  readonly waitMs?: number
  /** Default: in plain JavaScript. */
  readonly checks?: SignatureChecks
}

/** What the members have decided last, and how they came to be the members. */
export interface Decision {
  readonly certificate: Uint8Array
  readonly activations: readonly Uint8Array[]
  readonly decision: Certificate
}

const DEFAULT_WAIT_MS = 15_000
const ASK_EVERY_MS = 200

/**
 * Makes the receipt's promise into a proof: waits until the record is final, and checks everything by itself.
 * @returns the proof as text (client/protocol/proof-file.ts)
 * @throws ClientError `other-network`, `not-final`, `not-logged` (the log has something else at that leaf: the promise was
 * not kept), `bad-proof` (what the node gave proves nothing)
 */
export async function proofOf(promise: ReceiptFile, options: ProveOptions): Promise<string> {
  const { receipt, body } = promise
  if (!equalBytes(receipt.genesisHash, options.trust.genesisHash))
    throw new ClientError('other-network', 'The receipt is of another network.')
  const { origin, leaf, salt, header } = receipt
  const { tlog, ...decided } = await decidedRecord(origin, leaf, options)
  const proof = recordOf(origin, tlog, decided, options)
  if (!equalBytes(tlog.extra!, recordLeafData(header, salt, body))) {
    // Who promised is accused by what the members decided, not by the word of the node that is asked.
    await finished(proof, options)
    const why = `Leaf ${leaf} of ${origin} is another record: the promise was not kept.`
    throw new ClientError('not-logged', why, { origin, leaf, signer: receipt.signer })
  }
  return await finished({ ...proof, held: { salt, body }, receipt }, options)
}

/**
 * The same of what is final already, as the gateway has proven it: nobody is asked.
 */
export async function proofOfFinal(
  { receipt, body }: ReceiptFile,
  final: Pick<Final, 'certificate' | 'activations' | 'checkpoint' | 'path'>,
  options: Pick<ProveOptions, 'trust' | 'checks'>,
): Promise<string> {
  const { origin, leaf, salt, header } = receipt
  const { certificate, activations, checkpoint, path } = final
  const extra = recordLeafData(header, salt, body)
  const proof = recordOf(
    origin,
    { extra, index: leaf, proof: path, checkpoint },
    { certificate, activations },
    options,
  )
  return await finished({ ...proof, held: { salt, body }, receipt }, options)
}

/** The same for any leaf, for auditors: with its body, where that can be had. Throws as `proofOf` does. */
export async function proofOfLeaf(origin: string, leaf: number, options: ProveOptions): Promise<string> {
  const { tlog, ...decided } = await decidedRecord(origin, leaf, options)
  const { size } = decided.decision.seal
  const first = leaf - (leaf % 256)
  const path = resourcePath('entries', first / 256, Math.min(256, size - first))
  const bodies = `log/${origin}/${path.replace('tile/entries/', 'bodies/')}`
  // Withheld, dropped, or not to be had now: the proof is whole without.
  const bundle = await options.source.bytes(bodies).catch(() => undefined)
  const held = bundle && bodyIn(bundle, leaf - first)
  return await finished({ ...recordOf(origin, tlog, decided, options), held }, options)
}

function recordOf(
  origin: string,
  tlog: TlogProof,
  decided: Pick<Decision, 'certificate' | 'activations'>,
  { trust }: Pick<ProveOptions, 'trust'>,
): RecordProof {
  const { network, genesisHash } = trust
  const { certificate, activations } = decided
  const common = { network, genesisHash, origin, certificate, activations }
  const known = { ...tlog, checkpoint: withKnownSigners(tlog.checkpoint, origin, trust) }
  return { kind: 'record', ...common, tlogProof: formatTlogProof(known), held: undefined, receipt: undefined }
}

/** Waits until both the certificate and a tlog-proof for exactly its size are there. */
async function decidedRecord(
  origin: string,
  leaf: number,
  options: ProveOptions,
): Promise<Decision & { readonly tlog: TlogProof }> {
  return await untilFinal(`Leaf ${leaf} of ${origin}`, options, async () => {
    const decided = await newestDecision(origin, options)
    if (decided === undefined || decided.decision.seal.size <= leaf) return undefined
    const bytes = await options.source.bytes(
      `api/v1/proof?${new URLSearchParams({ authority: origin, leaf: String(leaf) })}`,
    )
    const tlog = bytes && parseTlogProof(new TextDecoder().decode(bytes))
    if (bytes === undefined || sizeOf(tlog) !== decided.decision.seal.size) return undefined
    if (tlog?.extra?.length !== 36) throw badProof('malformed-tlog-proof')
    return { ...decided, tlog }
  })
}

function sizeOf(tlog: TlogProof | undefined): number | undefined {
  const text = tlog && parseNote(tlog.checkpoint)?.text
  return text === undefined ? undefined : parseCheckpoint(text)?.size
}

async function newestDecision(origin: string, { source }: ProveOptions): Promise<Decision | undefined> {
  const query = new URLSearchParams({ authority: origin })
  const certificate = await source.bytes(`api/v1/certificate?${query}`)
  if (certificate === undefined) return undefined
  return await withActivations(origin, certificate, source)
}

/** Only those that came before this certificate. */
export async function withActivations(
  origin: string,
  certificate: Uint8Array,
  source: ProofSource,
): Promise<Decision> {
  const decision = parseCertificate(certificate)
  if (decision === undefined) throw badProof('malformed-certificate')
  const answer = await source.bytes(`api/v1/activations?${new URLSearchParams({ authority: origin })}`)
  const activations = activationsIn(answer)
  const before = activations?.filter(bytes => (parseCertificate(bytes)?.epoch ?? 0) < decision.epoch)
  if (before === undefined) throw badProof('malformed-certificate')
  return { certificate, activations: before, decision }
}

function activationsIn(answer: Uint8Array | undefined): Uint8Array[] | undefined {
  try {
    const { activations } = JSON.parse(new TextDecoder().decode(answer)) as { activations: string[] }
    const all = activations.map(text => fromBase64(text))
    return all.includes(undefined) ? undefined : (all as Uint8Array[])
  } catch {
    return undefined
  }
}

/** The same checkpoint without signatures of witnesses, whom the genesis file does not know. */
function withKnownSigners(note: string, origin: string, trust: ProofTrust): string {
  const parsed = parseNote(note)
  if (parsed === undefined) throw badProof('malformed-checkpoint')
  const { log, cosign } = noteKeysOf(trust, origin)
  const keys = [...log, ...cosign]
  const texts = note.slice(parsed.text.length + 1).split('\n')
  const known = texts.filter((_, i) => {
    const line = parsed.lines[i]
    return line !== undefined && keys.some(({ key }) => isLineOf(key, line))
  })
  return `${parsed.text}\n${known.map(line => `${line}\n`).join('')}`
}

export async function finished(
  proof: Parameters<typeof openProof>[0],
  { trust, checks = portableChecks }: Pick<ProveOptions, 'trust' | 'checks'>,
): Promise<string> {
  const opened = openProof(proof)
  if (!opened.ok) throw badProof(opened.code)
  const verdict = await verifyProof(opened.proof, trust, checks)
  if (!verdict.ok) throw badProof(verdict.code)
  return formatProof(opened.proof)
}

export function badProof(reason: string): ClientError {
  return new ClientError('bad-proof', `What the node gave proves nothing (${reason}): ask another one.`, {
    reason,
  })
}

/** Asks again and again until there is an answer. */
export async function untilFinal<T>(
  what: string,
  { waitMs = DEFAULT_WAIT_MS }: ProveOptions,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  for (const startMs = performance.now(); ; ) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() - startMs > waitMs)
      throw new ClientError(
        'not-final',
        `${what} was not final within ${waitMs / 1000} s, as far as that node knows.`,
      )
    await new Promise(resolve => setTimeout(resolve, ASK_EVERY_MS))
  }
}
