/** A proof of what was so at a seal of long ago, for which the log is replayed here. */
import { httpSource, PATIENT } from '../audit/source/http.ts'
import { parseCertificate } from '../audit/verify/certificate.ts'
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
  say(saidOfSeal(kept, askedMs))
  const { certificate } = kept
  const { pastState } = await import('../audit/past-state.ts')
  const { value, path } = await pastState({
    source: httpSource(nodeApi(options).root, PATIENT, grantOf(options)),
    genesis: configOf(options).genesis,
    ...{ authority: origin, target, certificate, onProgress: say },
  }).catch(asSetupError)
  const { activations } = await withActivations(origin, certificate, source)
  const { network, genesisHash } = trust
  const common = { network, genesisHash, origin, certificate, activations }
  return await finished({ kind: 'state', ...common, target, value, path }, proving)
}

/** @param askedMs undefined where a leaf was asked for */
export function saidOfSeal({ size, timeMs }: Pick<Kept, 'size' | 'timeMs'>, askedMs?: number): string {
  const sealed = `The node's next decision is at leaf ${size - 1}, of ${new Date(timeMs).toISOString()}.`
  if (askedMs === undefined || timeMs - askedMs <= nearMs) return sealed
  const minutes = Math.round((timeMs - askedMs) / 60_000)
  return `${sealed}\nThat is ${minutes} minutes later than asked: another member may have kept a nearer one.`
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
