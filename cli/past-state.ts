/** A proof of what was so at a seal of long ago, for which the log is replayed here. */
import { jsonOf, objectOf } from '../audit/json.ts'
import { httpSource, PATIENT } from '../audit/source/http.ts'
import { type Founders, parseCertificate } from '../audit/verify/certificate.ts'
import {
  badProof,
  finished,
  type ProofSource,
  type ProveOptions,
  withActivations,
} from '../client/sdk/proofs.ts'
import { badUsage, SetupError } from '../daemon/config/setup-error.ts'
import { asSetupError } from './audit-errors.ts'
import { grantOf } from './grant-file.ts'
import { nodeApi, type ReadCommandOptions } from './node-api.ts'
import { say } from './output.ts'
import { configOf } from './settings-options.ts'

/** Decisions are kept a minute apart, where there is something to decide. */
const nearMs = 3 * 60_000

interface Kept {
  readonly certificate: Uint8Array
  readonly size: number
  readonly timeMs: number
}

/** @param at a leaf, or a time of ISO 8601 */
export async function pastStateProof(
  origin: string,
  target: Uint8Array,
  at: string,
  proving: ProveOptions,
  options: ReadCommandOptions,
): Promise<string> {
  const { source, trust } = proving
  const askedMs = /^\d{1,15}$/.test(at) ? undefined : timeOf(at)
  const kept =
    askedMs === undefined
      ? await keptOver(origin, Number(at), source)
      : await keptAfter(origin, askedMs, source)
  const { certificate } = kept
  const { activations } = await withActivations(origin, certificate, source)
  const members = membersAt(trust.founders.get(origin)!, activations, askedMs ?? kept.timeMs)
  const self = await ownNumber(source)
  say(
    saidOfSeal(
      kept,
      members.filter(node => node !== self),
      askedMs,
    ),
  )
  const { pastState } = await import('../audit/past-state.ts')
  const { value, path } = await pastState({
    source: httpSource(nodeApi(options).root, PATIENT, grantOf(options)),
    genesis: configOf(options).genesis,
    ...{ authority: origin, target, certificate, onProgress: say },
  }).catch(asSetupError)
  const { network, genesisHash } = trust
  const common = { network, genesisHash, origin, certificate, activations }
  return await finished({ kind: 'state', ...common, target, value, path }, proving)
}

/** Who the members were at a time, by their leaders' clocks. @param activations certificates of each change, in order */
export function membersAt(
  founders: Founders,
  activations: readonly Uint8Array[],
  timeMs: number,
): readonly number[] {
  const seals = activations.flatMap(bytes => parseCertificate(bytes)?.seal ?? [])
  const last = seals.findLast(seal => seal.timeMs <= timeMs)
  return (last?.nextMembers ?? founders.members).map(({ node }) => node)
}

/** Of the node that is asked, as it says. */
async function ownNumber(source: ProofSource): Promise<unknown> {
  const answer = await source.bytes('api/v1/status')
  return objectOf(jsonOf(Buffer.from(answer ?? []).toString()))?.['number']
}

/**
 * @param others who were members then, too
 * @param askedMs undefined where a leaf was asked for
 */
export function saidOfSeal(
  { size, timeMs }: Pick<Kept, 'size' | 'timeMs'>,
  others: readonly number[],
  askedMs?: number,
): string {
  const sealed = `The node's next decision is at leaf ${size - 1}, of ${new Date(timeMs).toISOString()}.`
  if (askedMs === undefined || timeMs - askedMs <= nearMs) return sealed
  const minutes = Math.round((timeMs - askedMs) / 60_000)
  const whom =
    others.length === 0
      ? 'nobody else was a member then.'
      : `node ${others.join(' or ')}, members then, may have kept a nearer one.`
  return `${sealed}\nThat is ${minutes} minutes later than asked: ${whom}`
}

function timeOf(text: string): number {
  const timeMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(timeMs)) return timeMs
  throw badUsage('usage', `--at is "${text}": it must be a leaf, or a time like 2026-11-20T13:50:25Z.`)
}

/** The first decision that the node has kept and that covers this leaf. */
async function keptOver(origin: string, leaf: number, source: ProofSource): Promise<Kept> {
  const query = new URLSearchParams({ authority: origin, leaf: String(leaf) })
  const what = `Leaf ${leaf} of ${origin}`
  const kept = keptIn(await source.bytes(`api/v1/certificate?${query}`), what)
  if (kept.size <= leaf) throw notFinal(what)
  return kept
}

/** The first one whose seal was made at this time or later, by its leader's clock. */
async function keptAfter(origin: string, timeMs: number, source: ProofSource): Promise<Kept> {
  const what = `What ${origin} was at that time`
  const query = new URLSearchParams({ authority: origin })
  let found = keptIn(await source.bytes(`api/v1/certificate?${query}`), what)
  if (found.timeMs < timeMs) throw notFinal(what)
  // Of those that cover a leaf, times rise with it.
  for (let [low, high] = [0, found.size - 1]; low < high; ) {
    const middle = Math.floor((low + high) / 2)
    const kept = await keptOver(origin, middle, source)
    if (kept.timeMs < timeMs) low = kept.size
    else {
      high = middle
      found = kept
    }
  }
  return found
}

function keptIn(certificate: Uint8Array | undefined, what: string): Kept {
  if (certificate === undefined) throw notFinal(what)
  const seal = parseCertificate(certificate)?.seal
  if (seal === undefined || Number.isNaN(new Date(seal.timeMs).getTime()))
    throw badProof('malformed-certificate')
  return { certificate, size: seal.size, timeMs: seal.timeMs }
}

function notFinal(what: string): SetupError {
  return new SetupError('not-final', `${what} is not final yet, as far as the node knows.`)
}
