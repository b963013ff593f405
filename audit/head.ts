/** What stands in front of a log's leaves: its checkpoint, charter, and what the source says that it keeps. */
import type { LogCase } from './case.ts'
import { type Decision, readDecision } from './decision.ts'
import { AuditError } from './errors.ts'
import { charterBody } from './genesis.ts'
import { EVERYTHING, type Kept, MAX_KEPT_BYTES, parseKept } from './log/kept.ts'
import { type OpenedCheckpoint, openCheckpoint, type RefusedCheckpoint } from './signed-checkpoint.ts'
import { describeSigners } from './signers.ts'
import type { LogSource } from './source/source.ts'
import { equalBytes } from './verify/bytes.ts'

const smallFileBytes = 1024 * 1024
const genesisFileBytes = 16 * 1024 * 1024

export interface Head {
  /** The members' newest decision, as the source shows it. */
  readonly shown: Decision | undefined
  /** Undefined, and a finding, when no member signed it. */
  readonly opened: OpenedCheckpoint | undefined
}

/**
 * The certificates are read before the checkpoint, so that they decide nothing beyond it; and both once more when a node signed
 * that may have become a member in between.
 * @throws AuditError `not-found`
 */
export async function readHead(log: LogCase): Promise<Head> {
  for (let isLast = false; ; isLast = true) {
    const shown = await readDecision(log)
    log.signers.learn(shown?.named ?? [])
    const opened = await readCheckpoint(log)
    if (opened.ok) return { shown, opened }
    if (!isLast && opened.code === 'not-a-member' && log.findings.count === 0) continue
    const what = refusalOf(log, opened)
    log.findings.add(opened.code, checkpointOf(log), 0, Math.max(0, (opened.size ?? 1) - 1), what)
    return { shown, opened: undefined }
  }
}

async function readCheckpoint(log: LogCase): Promise<OpenedCheckpoint | RefusedCheckpoint> {
  const { source, origin, signers } = log
  const bytes = await source.read(checkpointOf(log), smallFileBytes)
  if (bytes !== undefined) return openCheckpoint(bytes, signers)
  throw new AuditError(
    'not-found',
    `${source.name} has no checkpoint of ${origin}: ask a node that holds it.`,
  )
}

function checkpointOf({ folder }: LogCase): string {
  return `${folder}/checkpoint`
}

const nothing = "without a member's signature there is nothing to check against"

function refusalOf({ signers }: LogCase, { code, strangers }: RefusedCheckpoint): string {
  if (code === 'not-a-member') return `signed by ${describeSigners(signers, strangers)}: ${nothing}`
  return code === 'bad-signature'
    ? `no member of the authority signed it; ${nothing}`
    : 'it is no checkpoint of this log'
}

export async function checkSmallFiles({ source, folder, genesis, area, findings }: LogCase): Promise<void> {
  const charter = `${folder}/charter`
  const served = await source.read(charter, smallFileBytes)
  if (served === undefined) findings.add('missing-file', charter, 0, 0, 'the file is missing')
  else if (!equalBytes(served, charterBody(genesis, area)))
    findings.add('wrong-charter', charter, 0, 0, 'the charter is not what the genesis file says')
  const file = await source.read('genesis.json', genesisFileBytes)
  if (file !== undefined && !equalBytes(file, genesis.bytes))
    findings.add('other-genesis', 'genesis.json', 0, 0, 'it is not the trusted genesis file')
}

export async function readKept(log: LogCase): Promise<Kept> {
  const { source, folder, findings } = log
  const kept = await keptAt(source, folder)
  if (kept === undefined)
    findings.add('malformed', `${folder}/kept`, 0, 0, 'the file does not say what is kept')
  return kept ?? EVERYTHING
}

/** What another source says: it has the bodies of this leaf and all behind it. */
export interface Promised {
  readonly source: LogSource
  readonly bodiesFrom: number
}

/** Who of the others says that it has more bodies. */
export async function promisesOf(
  others: readonly LogSource[],
  folder: string,
  { bodiesFrom }: Kept,
): Promise<Promised[]> {
  const all = others.map(async (source): Promise<Promised[]> => {
    const kept = await keptAt(source, folder).catch(() => undefined)
    return kept === undefined || kept.bodiesFrom >= bodiesFrom
      ? []
      : [{ source, bodiesFrom: kept.bodiesFrom }]
  })
  return (await Promise.all(all)).flat()
}

/** Without that file, everything should be there. Undefined when it is malformed. */
export async function keptAt(source: LogSource, folder: string): Promise<Kept | undefined> {
  const bytes = await source.read(`${folder}/kept`, MAX_KEPT_BYTES)
  return bytes === undefined ? EVERYTHING : parseKept(Buffer.from(bytes).toString())
}
