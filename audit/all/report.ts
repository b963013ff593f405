import { type Sighting, sentenceOf } from '../monitor/sighting.ts'
import { type AuditReport, wrapped } from '../report.ts'

export interface AuditedLog {
  readonly source: string
  readonly report: AuditReport
  /** In an earlier run: the log has not changed since. */
  readonly before: boolean
}

export interface FailedAudit {
  readonly source: string
  readonly authority: string
  readonly error: string
}

export interface AllReport {
  /** Every log was audited and is in order, and no two sources contradict each other. */
  readonly ok: boolean
  /** Something is wrong with a log, and not merely out of reach. */
  readonly wrong: boolean
  readonly logs: readonly AuditedLog[]
  readonly failed: readonly FailedAudit[]
  /** Authorities of which no source has a log. */
  readonly missing: readonly string[]
  readonly sightings: readonly Sighting[]
  /** It was broken off. */
  readonly ended: boolean
  /** For a person, in lines of at most 80 columns where names allow it. */
  readonly message: string
}

const harmless: ReadonlySet<Sighting['kind']> = new Set<Sighting['kind']>([
  'first-seen',
  'silent',
  'answers-again',
])

type Parts = Omit<AllReport, 'ok' | 'wrong' | 'message'>

export function allReport(parts: Parts): AllReport {
  const { logs, failed, missing, ended } = parts
  const wrong = isWrong(parts)
  const ok = !wrong && !ended && failed.length === 0 && missing.length === 0 && logs.length > 0
  return { ...parts, ok, wrong, message: messageOf(parts, ok) }
}

function isWrong({ logs, sightings }: Pick<Parts, 'logs' | 'sightings'>): boolean {
  return sightings.some(({ kind }) => !harmless.has(kind)) || logs.some(({ report }) => !report.ok)
}

function headline({ ended, logs, sightings }: Parts, ok: boolean): string {
  if (ok) return 'Everything is in order.'
  return ended && !isWrong({ logs, sightings })
    ? 'Broken off: nothing wrong was found so far.'
    : 'NOT everything is in order.'
}

function messageOf(parts: Parts, ok: boolean): string {
  const { logs, failed, missing, sightings, ended } = parts
  const number = (value: number) => value.toLocaleString('en')
  const inOrder = logs.filter(({ report }) => report.ok)
  const sum = (of: (report: AuditReport) => number): string =>
    number(logs.reduce((total, { report }) => total + of(report), 0))
  return [
    headline(parts, ok),
    `${inOrder.length} of ${ended ? 'the' : logs.length + failed.length + missing.length} logs are in order: ${sum(it => it.records)} records, ${sum(it => it.inputs)} inputs,`,
    `${sum(it => it.sealedRoots)} state roots that match their seal`,
    ...inOrder
      .filter(({ report }) => report.replayedFrom > 0)
      .flatMap(({ report: { origin, replayedFrom } }) => [
        `${origin} was replayed from leaf ${number(replayedFrom)} on;`,
        '  before it only hashes and signatures were checked.',
      ]),
    ...inOrder.flatMap(({ report: { origin, notes } }) =>
      notes.flatMap(note => wrapped(`${origin}: ${note}`)),
    ),
    ...(ended ? ['What is finished need not be done again.'] : []),
    ...missing.map(name => `No source has a log of ${name}.`),
    ...failed.map(({ authority, error }) => `${authority} could not be audited: ${error}`),
    ...sightings.map(sentenceOf),
    ...logs.filter(({ report }) => !report.ok).map(({ source, report }) => `${source}\n${report.message}`),
  ].join('\n')
}
