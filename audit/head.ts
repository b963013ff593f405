/** What stands in front of a log's leaves: its checkpoint, charter, and what the source says that it keeps. */
import type { LogCase } from './case.ts'
import { AuditError } from './errors.ts'
import { charterBody, logVerifiers } from './genesis.ts'
import { EVERYTHING, type Kept, MAX_KEPT_BYTES, parseKept } from './log/kept.ts'
import { type OpenedCheckpoint, openCheckpoint } from './signed-checkpoint.ts'
import type { LogSource } from './source/source.ts'
import { equalBytes } from './verify/bytes.ts'

const smallFileBytes = 1024 * 1024
const genesisFileBytes = 16 * 1024 * 1024

export interface SignedHead extends OpenedCheckpoint {
  /** Numbers of the nodes whose log keys signed it. */
  readonly signedBy: readonly number[]
}

/** Undefined, and a finding, when no member signed it. @throws AuditError `not-found` */
export async function readCheckpoint(log: LogCase): Promise<SignedHead | undefined> {
  const { source, folder, origin, genesis, area, findings } = log
  const path = `${folder}/checkpoint`
  const bytes = await source.read(path, smallFileBytes)
  if (bytes === undefined) {
    throw new AuditError(
      'not-found',
      `${source.name} has no checkpoint of ${origin}: ask a node that holds it.`,
    )
  }
  const verifiers = logVerifiers(genesis, area)
  const opened = openCheckpoint(bytes, origin, [...verifiers.values()])
  if (opened.ok) {
    const signedBy = [...verifiers].filter(([, key]) => opened.signers.includes(key)).map(([node]) => node)
    return { ...opened, signedBy }
  }
  const unsigned = opened.code === 'bad-signature'
  const what = unsigned
    ? 'no member of the authority signed it; without a signature there is nothing to check against'
    : 'it is no checkpoint of this log'
  findings.add(opened.code, path, 0, Math.max(0, (opened.size ?? 1) - 1), what)
  return undefined
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
