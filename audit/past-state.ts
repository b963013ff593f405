/** What the state was at a seal of long ago: the log is replayed up to there, and must lead to what the members decided. */
import type { Rules, StateEntry } from '../world/interface.ts'
import { createRules, restoreRules, stateKeyOf } from '../world/kinds.ts'
import { decidedBase } from './begin.ts'
import { openCase } from './case.ts'
import { sha256 } from './crypto.ts'
import { AuditError } from './errors.ts'
import { Findings } from './findings.ts'
import { charterOfAuthority, readGenesis } from './genesis.ts'
import { readKept } from './head.ts'
import { checkBundle } from './log/bundle.ts'
import { bundlesOf } from './log/fetch.ts'
import { tileWidth } from './log/paths.ts'
import { readSeal } from './replay/bodies.ts'
import { recordKinds } from './replay/record-kinds.ts'
import { rulesHost } from './rules-host.ts'
import type { LogSource } from './source/source.ts'
import { concat, equalBytes } from './verify/bytes.ts'
import { parseCertificate } from './verify/certificate.ts'
import { proveState, stateRoot } from './verify/state.ts'

export interface PastState {
  /** As the rules encode it; undefined: there was nothing. */
  readonly value: Uint8Array | undefined
  readonly path: Uint8Array
}

export interface PastQuestion {
  readonly source: LogSource
  /** Path of the genesis file. */
  readonly genesis: string
  readonly authority: string
  /** An entity's id, 16 bytes, or a player's key, 32. */
  readonly target: Uint8Array
  /** Over the seal at which it is to be proven. Whether its signatures hold is for whoever verifies the proof. */
  readonly certificate: Uint8Array
  readonly onProgress: (line: string) => void
}

const progressEveryMs = 2000

/** @throws AuditError `no-records`: the source does not have what leads there, or something else */
export async function pastState(question: PastQuestion): Promise<PastState> {
  const { source, authority, target } = question
  const genesis = readGenesis(question.genesis)
  const log = openCase(source, genesis, authority, new Findings())
  const { seal } = parseCertificate(question.certificate) ?? fail('the certificate is malformed')
  const { size, stateRoot: sealed } = seal
  const range = { size, from: Math.floor((size - 1) / tileWidth) }
  let asOfSize: number | undefined
  for await (const files of bundlesOf(source, log.folder, range, () => true)) {
    const last = checkBundle(files, genesis.rules.version, true, log.findings).at(-1)?.record
    if (last?.kind === recordKinds.seal) asOfSize = readSeal(last.body)?.asOfSize
  }
  if (asOfSize === undefined || asOfSize >= size)
    fail(`leaf ${size - 1} is not the seal, or its body is gone`)
  const kept = await readKept(log)
  // A state behind that place is of no use.
  const before = { ...kept, snapshots: kept.snapshots.filter(at => at <= asOfSize!) }
  const base = kept.bodiesFrom === 0 ? undefined : await decidedBase(log, size, before, seal)
  if (kept.bodiesFrom > 0 && base === undefined) fail('its bodies before that are gone')
  const host = rulesHost(genesis, log.origin)
  const charter = charterOfAuthority(genesis, log.area)
  const salt = base?.state.find(({ key }) => key.length === 0)
  const from = base?.state.filter(entry => entry !== salt)
  const rules = from === undefined ? createRules(host, charter) : restoreRules(host, charter, from)
  const hiding = await replayTo(
    question,
    log.folder,
    rules,
    base?.size ?? 0,
    asOfSize!,
    genesis.rules.version,
  )
  const state = [...rules.entries()]
  const hidden = hiding ?? salt?.value
  if (log.area.kind === 'org' && hidden !== undefined) state.push({ key: new Uint8Array(0), value: hidden })
  const entries = state.map(treeEntry)
  const own = stateRoot(entries)
  if (own === undefined || !equalBytes(own, sealed))
    fail('its records lead to another state than was decided')
  const text = stateKeyOf(rules, target)
  const value = state.find(({ key }) => equalBytes(key, text))?.value
  return { value, path: proveState(entries, sha256(text)) }
}

const ruled: ReadonlySet<number> = new Set([recordKinds.input, recordKinds.tick, recordKinds.handover])

/** Returns the last mark's salt. */
async function replayTo(
  { source, onProgress }: PastQuestion,
  folder: string,
  rules: Rules,
  from: number,
  to: number,
  rulesVersion: number,
): Promise<Uint8Array | undefined> {
  let salt: Uint8Array | undefined
  let saidMs = performance.now()
  const bundles = { size: to, from: Math.floor(from / tileWidth), to: Math.ceil(to / tileWidth) }
  for await (const files of bundlesOf(source, folder, bundles, () => true)) {
    const leaves = checkBundle(files, rulesVersion, true, new Findings())
    for (const [i, { record }] of leaves.entries()) {
      const leaf = files.firstLeaf + i
      if (leaf < from || leaf >= to) continue
      if (record === undefined) fail(`leaf ${leaf} or its body cannot be read`)
      const { kind, body } = record!
      if (ruled.has(kind)) rules.apply(kind, body, leaf)
      else if (kind === recordKinds.mark) salt = record!.salt.slice()
    }
    rules.takeDirty()
    if (performance.now() - saidMs < progressEveryMs) continue
    saidMs = performance.now()
    onProgress(`${files.firstLeaf + files.width} of ${to} leaves`)
  }
  return salt
}

function treeEntry({ key, value }: StateEntry): StateEntry {
  return { key: sha256(key), value: concat(Uint8Array.of(key.length), key, value) }
}

function fail(why: string): never {
  throw new AuditError(
    'no-records',
    `The log there cannot be replayed up to that seal (${why}): ask another member.`,
  )
}
