import { fromBase64, hex, toBase64 } from '../../audit/verify/bytes.ts'
import { type Certificate, MAX_CERTIFICATE_BYTES, parseCertificate } from '../../audit/verify/certificate.ts'
import { kindName } from '../../audit/verify/record-kinds.ts'
import { formatTlogProof, parseTlogProof, type TlogProof } from '../../audit/verify/tlog-proof.ts'
import { inputLines, outcomeLines, stateLines } from './proof-lines.ts'
import { decodeReceipt, encodeReceipt, type Receipt } from './receipt.ts'

/**
 * A proof as somebody keeps it: one text that is checked years later with nothing but the genesis file. First come lines for
 * people, each of which follows from the proof and is compared with it; then, of a record, its C2SP tlog-proof as it is; last,
 * how the members came to decide, in base64: the certificates that activated each epoch, and the one over the seal.
 *
 *   freehold.proof/v1 record | state
 *   network … genesis … log … and what is proven, one fact a line
 *   --- tlog-proof
 *   c2sp.org/tlog-proof@v1 …
 *   --- certificates
 *   activation <base64>          one for each epoch after the first
 *   certificate <base64>
 */
export const PROOF_HEAD = 'freehold.proof/v1'
export const MAX_PROOF_BYTES = 4 * 1024 * 1024

const TLOG_PROOF = '--- tlog-proof'
const CERTIFICATES = '--- certificates'
const LEAF_DATA_BYTES = 36
const SALT_BYTES = 16
const MAX_BODY_BYTES = 65_000
const MAX_STATE_BYTES = 65_536
const MAX_STATE_PROOF_BYTES = 65_536
/** More changes of members than a proof of the largest size has room for. */
const MAX_ACTIVATIONS = 8192
const MAX_CHECKPOINT_CHARS = 65_536

interface Common {
  readonly network: string
  readonly genesisHash: Uint8Array
  /** The log's name. */
  readonly origin: string
  /** As the node serves them (docs/finality.md). */
  readonly activations: readonly Uint8Array[]
  readonly certificate: Uint8Array
}

/** That a record stands at a leaf of a log. */
export interface RecordProof extends Common {
  readonly kind: 'record'
  /** C2SP tlog-proof, with the leaf's 36 bytes as its extra. */
  readonly tlogProof: string
  /** What the leaf is the salted hash of, where it is held. */
  readonly held: { readonly salt: Uint8Array; readonly body: Uint8Array } | undefined
  /** The leader's promise, which has the outcome. Only beside `held`. */
  readonly receipt: Receipt | undefined
}

/** What an authority's state had under a key when it was sealed. */
export interface StateProof extends Common {
  readonly kind: 'state'
  /** An entity's id, 16 bytes, or a player's key, 32. */
  readonly target: Uint8Array
  /** As the rules encode it; undefined: there was none. */
  readonly value: Uint8Array | undefined
  /** In torchwood's form (storage/state/proof.ts). */
  readonly path: Uint8Array
}

/** With what follows from the bytes, before anybody's word is checked. */
interface Decided {
  readonly chain: readonly Certificate[]
  readonly decision: Certificate
}
export type OpenedRecord = RecordProof & Decided & { readonly tlog: TlogProof; readonly leafData: Uint8Array }
export type OpenedState = StateProof & Decided
export type OpenedProof = OpenedRecord | OpenedState

export type ProofFormFault =
  | 'too-large'
  | 'unknown-form'
  | 'malformed-header'
  | 'malformed-record'
  | 'malformed-tlog-proof'
  | 'malformed-state'
  | 'malformed-certificate'
  | 'not-canonical'

export type OpenResult =
  | { readonly ok: true; readonly proof: OpenedProof }
  | { readonly ok: false; readonly code: ProofFormFault }

/** Reads the parts of a proof. Whether they prove anything is for `verifyProof`. */
export function openProof(proof: RecordProof | StateProof): OpenResult {
  const refuse = (code: ProofFormFault): OpenResult => ({ ok: false, code })
  const chain = proof.activations.map(parseCertificate)
  const decision = parseCertificate(proof.certificate)
  if (decision === undefined || chain.includes(undefined)) return refuse('malformed-certificate')
  const decided = { chain: chain as Certificate[], decision }
  if (proof.kind === 'state') {
    if (!isTarget(proof.target) || (proof.value?.length ?? 0) > MAX_STATE_BYTES)
      return refuse('malformed-state')
    if (proof.path.length > MAX_STATE_PROOF_BYTES) return refuse('malformed-state')
    return { ok: true, proof: { ...proof, ...decided } }
  }
  const { tlogProof, held, receipt } = proof
  const tlog = parseTlogProof(tlogProof)
  const leafData = tlog?.extra
  if (tlog === undefined || leafData?.length !== LEAF_DATA_BYTES || formatTlogProof(tlog) !== tlogProof)
    return refuse('malformed-tlog-proof')
  if (tlog.checkpoint.length > MAX_CHECKPOINT_CHARS || !tlogProof.endsWith('\n'))
    return refuse('malformed-tlog-proof')
  if (held !== undefined && (held.salt.length !== SALT_BYTES || held.body.length > MAX_BODY_BYTES))
    return refuse('malformed-record')
  if (receipt !== undefined && held === undefined) return refuse('malformed-record')
  return { ok: true, proof: { ...proof, ...decided, tlog, leafData } }
}

function isTarget(bytes: Uint8Array): boolean {
  return bytes.length === 16 || bytes.length === 32
}

export function formatProof(proof: OpenedProof): string {
  const { network, genesisHash, origin, decision } = proof
  const { height, timeMs, tick, size } = decision.seal
  const common = [
    `${PROOF_HEAD} ${proof.kind}`,
    ...[`network ${network}`, `genesis ${hex(genesisHash)}`, `log ${origin}`],
    ...[`height ${height}`, `size ${size}`, `tick ${tick}`, `time ${isoTime(timeMs)}`],
  ]
  const end = `${CERTIFICATES}\n${formatLinks(proof)}`
  if (proof.kind === 'state') return [...common, ...stateHeader(proof), end].join('\n')
  return [...common, ...recordHeader(proof), TLOG_PROOF, proof.tlogProof + end].join('\n')
}

/** How the members came to decide: the last part of a proof, and what nodes serve with each log. */
export type Links = Pick<Common, 'activations' | 'certificate'>

export function formatLinks({ activations, certificate }: Links): string {
  const lines = activations.map(bytes => `activation ${toBase64(bytes)}`)
  return [...lines, `certificate ${toBase64(certificate)}`, ''].join('\n')
}

function recordHeader({ tlog, leafData, held, receipt }: OpenedRecord): string[] {
  const kind = kindName(leafData[1]!)
  const rules = leafData[2]! * 256 + leafData[3]!
  return [
    ...[`leaf ${tlog.index}`, `kind ${kind}`, `rules ${rules}`],
    ...(held === undefined || kind !== 'input' ? [] : inputLines(held.body)),
    ...(receipt === undefined ? [] : outcomeLines(receipt.outcome)),
    ...(held === undefined ? [] : [`salt ${toBase64(held.salt)}`, `body ${toBase64(held.body)}`]),
    ...(receipt === undefined ? [] : [`receipt ${toBase64(encodeReceipt(receipt))}`]),
  ]
}

function stateHeader({ target, value, path }: OpenedState): string[] {
  return [
    `${target.length === 16 ? 'entity' : 'player'} ${hex(target)}`,
    `exists ${value === undefined ? 'no' : 'yes'}`,
    ...(value === undefined ? [] : stateLines(target, value)),
    ...(value === undefined ? [] : [`value ${toBase64(value)}`]),
    `path ${toBase64(path)}`,
  ]
}

/** Dates end in the year 275760; what is past that is shown as it is. */
function isoTime(timeMs: number): string {
  return timeMs <= 8.64e15 ? new Date(timeMs).toISOString() : String(timeMs)
}

/** Reads what `formatProof` wrote: any other text is refused. */
export function parseProof(text: string): OpenResult {
  if (text.length > MAX_PROOF_BYTES) return { ok: false, code: 'too-large' }
  const parsed = parseParts(text)
  const opened: OpenResult = typeof parsed === 'string' ? { ok: false, code: parsed } : openProof(parsed)
  if (opened.ok && formatProof(opened.proof) !== text) return { ok: false, code: 'not-canonical' }
  return opened
}

function parseParts(text: string): RecordProof | StateProof | ProofFormFault {
  const kind = text.startsWith(`${PROOF_HEAD} record\n`) ? 'record' : 'state'
  if (kind === 'state' && !text.startsWith(`${PROOF_HEAD} state\n`)) return 'unknown-form'
  const certificatesAt = text.lastIndexOf(`\n${CERTIFICATES}\n`)
  if (certificatesAt < 0) return 'malformed-header'
  const links = parseLinks(text.slice(certificatesAt + CERTIFICATES.length + 2))
  if (links === undefined) return 'malformed-certificate'
  const before = text.slice(0, certificatesAt)
  const tlogAt = kind === 'record' ? before.indexOf(`\n${TLOG_PROOF}\n`) : before.length
  const lines = tlogAt < 0 ? undefined : headerOf(before.slice(0, tlogAt))
  const common = lines && commonOf(lines)
  if (lines === undefined || common === undefined) return 'malformed-header'
  const whole = { ...common, ...links }
  if (kind === 'state') return stateOf(lines, whole)
  return recordOf(lines, whole, `${before.slice(tlogAt + TLOG_PROOF.length + 2)}\n`)
}

type Lines = ReadonlyMap<string, string>

/** Undefined when a name stands there twice, or alone. */
function headerOf(text: string): Lines | undefined {
  const lines = text.split('\n').slice(1)
  const pairs = lines.map(line => [line.split(' ', 1)[0]!, line.slice(line.indexOf(' ') + 1)] as const)
  const names = new Map(pairs)
  return names.size === lines.length && lines.every(line => line.includes(' ')) ? names : undefined
}

function commonOf(lines: Lines): Pick<Common, 'network' | 'genesisHash' | 'origin'> | undefined {
  const [network, genesisHash, origin] = [lines.get('network'), bytesOf(lines, 'genesis'), lines.get('log')]
  if (network === undefined || genesisHash?.length !== 32 || origin === undefined) return undefined
  return { network, genesisHash, origin }
}

function recordOf(lines: Lines, common: Common, tlogProof: string): RecordProof | ProofFormFault {
  const [salt, body, receipt] = ['salt', 'body', 'receipt'].map(name => base64Of(lines, name))
  const promise = receipt && decodeReceipt(receipt)
  if ((receipt === undefined) !== (promise === undefined)) return 'malformed-record'
  if ((salt === undefined) !== (body === undefined)) return 'malformed-record'
  const held = salt && body && { salt, body }
  return { kind: 'record', ...common, tlogProof, held, receipt: promise }
}

function stateOf(lines: Lines, common: Common): StateProof | ProofFormFault {
  const target = bytesOf(lines, 'entity') ?? bytesOf(lines, 'player')
  const path = base64Of(lines, 'path')
  if (target === undefined || path === undefined) return 'malformed-state'
  return { kind: 'state', ...common, target, value: base64Of(lines, 'value'), path }
}

/** Undefined unless it is what `formatLinks` makes. */
export function parseLinks(text: string): Links | undefined {
  const lines = text.split('\n', MAX_ACTIVATIONS + 2)
  if (lines.pop() !== '') return undefined
  const certificate = linkOf(lines.pop(), 'certificate')
  const activations = certificate && lines.map(line => linkOf(line, 'activation'))
  if (certificate === undefined || !activations || activations.includes(undefined)) return undefined
  const links = { certificate, activations: activations as Uint8Array[] }
  return formatLinks(links) === text ? links : undefined
}

function linkOf(line: string | undefined, name: string): Uint8Array | undefined {
  if (!line?.startsWith(`${name} `) || line.length > 2 * MAX_CERTIFICATE_BYTES) return undefined
  return fromBase64(line.slice(name.length + 1))
}

function bytesOf(lines: Lines, name: string): Uint8Array | undefined {
  const text = lines.get(name)
  if (text === undefined || !/^(?:[0-9a-f]{2})+$/.test(text)) return undefined
  return Uint8Array.from(text.match(/../g)!, pair => Number.parseInt(pair, 16))
}

function base64Of(lines: Lines, name: string): Uint8Array | undefined {
  const text = lines.get(name)
  return text === undefined ? undefined : fromBase64(text)
}
