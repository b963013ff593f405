/** What the members of an authority have decided of its log, as its file `certificates` shows it. */
import { parseLinks } from '../client/protocol/proof-file.ts'
import type { LogCase } from './case.ts'
import { verifyEd25519 } from './crypto.ts'
import { AuditError } from './errors.ts'
import type { LogSigners } from './signers.ts'
import type { LogSource } from './source/source.ts'
import { type Certificate, parseCertificate, verifyChain } from './verify/certificate.ts'
import { proofTrust } from './verify-proof.ts'

/** Members that were named by a seal which the members before them decided. */
export interface EpochChange {
  /** That begins. */
  readonly epoch: number
  /** Of the log, just after the seal. */
  readonly size: number
  readonly root: Uint8Array
  /** Node numbers, ascending. */
  readonly members: readonly number[]
}

export interface Decision {
  readonly height: number
  /** Of the log, just after the seal. */
  readonly size: number
  readonly root: Uint8Array
  /** Numbers of the members that signed, and how many members there were. */
  readonly by: readonly number[]
  readonly members: number
  /** How they came to be the members, in order. */
  readonly changes: readonly EpochChange[]
  /** These, and those that were decided later still. */
  readonly named: readonly EpochChange[]
  /** The file, verbatim. */
  readonly text: string
}

/** One certificate for each change of members. */
export const maxCertificatesBytes = 4 * 1024 * 1024

/** Undefined where the source shows none, as older copies of a log do; one that is wrong is a finding as well. */
export async function readDecision(log: LogCase): Promise<Decision | undefined> {
  const path = `${log.folder}/certificates`
  const bytes = await log.source.read(path, maxCertificatesBytes)
  if (bytes === undefined) return undefined
  const decision =
    bytes.length <= maxCertificatesBytes ? verified(log, Buffer.from(bytes).toString()) : 'long'
  if (typeof decision !== 'string') return decision
  log.findings.add('bad-certificate', path, 0, 0, `the members' decision does not hold (${decision})`)
  return undefined
}

/**
 * A log only grows, and the certificate is read before the checkpoint: what it decides is under that checkpoint, or it is not
 * about this log. Undefined, and a finding, in the second case.
 */
export function decidedUnder(
  { folder, findings }: LogCase,
  size: number,
  decision: Decision | undefined,
): Decision | undefined {
  if (decision === undefined || decision.size <= size) return decision
  const what = `nodes ${decision.by.join(' ')} decided a log of ${decision.size} leaves, and this one has ${size}: it is another one, or a copy that was broken off`
  findings.add('not-decided', `${folder}/certificates`, 0, Math.max(0, size - 1), what)
  return undefined
}

/** Why it does not hold, where it doesn't. */
export function verified(
  { genesis, origin }: Pick<LogCase, 'genesis' | 'origin'>,
  text: string,
): Decision | string {
  const links = parseLinks(text)
  const certificate = links && parseCertificate(links.certificate)
  const activations = links?.activations.map(parseCertificate)
  if (certificate === undefined || activations === undefined || activations.includes(undefined))
    return 'malformed'
  const { height, size, root } = certificate.seal
  // Members that came after it are nothing to it.
  const all = activations as Certificate[]
  const before = all.filter(({ seal }) => seal.height < height)
  const founders = proofTrust(genesis).founders.get(origin)!
  const chain = verifyChain(founders, before, certificate, verifyEd25519)
  if (!chain.ok) return chain.code
  const by = certificate.votes.map(({ signer }) => signer)
  const changes = [...before, certificate].flatMap(changeBy)
  const last = all.at(-1)
  const isChain = last !== undefined && verifyChain(founders, all.slice(0, -1), last, verifyEd25519).ok
  const named = isChain ? [...changes, ...all.slice(before.length).flatMap(changeBy)] : changes
  return { height, size, root, by, members: chain.members.length, changes, named, text }
}

/** Has a source show who became a member later, where somebody signs that is not known as one. */
export async function learnMembers(signers: LogSigners, source: LogSource): Promise<void> {
  const path = `log/${signers.origin}/certificates`
  const bytes = await source.read(path, maxCertificatesBytes).catch(error => {
    if (error instanceof AuditError) return undefined
    throw error
  })
  if (bytes === undefined || bytes.length > maxCertificatesBytes) return
  const decision = verified(signers, Buffer.from(bytes).toString())
  if (typeof decision !== 'string') signers.learn(decision.named)
}

function changeBy({ seal: { nextEpoch: epoch, nextMembers, size, root } }: Certificate): EpochChange[] {
  if (nextMembers.length === 0) return []
  return [{ epoch, size, root, members: nextMembers.map(({ node }) => node) }]
}
