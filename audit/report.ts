import type { Finding } from './findings.ts'
import { isText, isWhole, listOf, objectOf } from './json.ts'

export interface AuditReport {
  /** Nothing is wrong, and everything was checked. */
  readonly ok: boolean
  readonly origin: string
  /** Leaves under the checkpoint. */
  readonly size: number
  /** The signed root, base64. */
  readonly root: string
  /** Of the records below this leaf only hashes were checked: their bodies are not there any more. 0: all were replayed. */
  readonly replayedFrom: number
  /** Leaves that the members have decided, as the source shows it, and who signed that; 0 and none where it doesn't. */
  readonly decidedSize: number
  readonly decidedBy: readonly number[]
  /** Numbers of the nodes that signed the checkpoint with their log keys: they answer for what it covers. */
  readonly signedBy: readonly number[]
  /** Records that were replayed through the rules, and inputs among them. */
  readonly records: number
  readonly inputs: number
  /** Seals whose state root came out of the replay. */
  readonly sealedRoots: number
  readonly lastHeight: number
  /** Seals and marks that a leader in doubt wrote twice; they have no effect. */
  readonly voidRecords: number
  /** What is no fault, but should be known. */
  readonly notes: readonly string[]
  readonly findings: readonly Finding[]
  /** Findings beyond the most that are listed. */
  readonly omittedFindings: number
  /** All of it for a person, in lines of at most 80 columns. */
  readonly message: string
}

const width = 80
const shown = 20

export function withMessage(report: Omit<AuditReport, 'message'>): AuditReport {
  return { ...report, message: messageOf(report) }
}

/** A report that was kept as JSON; undefined when it is none, or not as this program would write it. */
export function reportOf(value: unknown): AuditReport | undefined {
  const report = objectOf(value)
  const findings = listOf(report?.['findings'], isFinding)
  if (report === undefined || findings === undefined) return undefined
  const [origin, root, ok] = [report['origin'], report['root'], report['ok']]
  const notes = listOf(report['notes'], isText)
  const [decidedBy, signedBy] = [listOf(report['decidedBy'], isWhole), listOf(report['signedBy'], isWhole)]
  if (!isText(origin) || !isText(root) || typeof ok !== 'boolean' || !notes || !decidedBy || !signedBy)
    return undefined
  const counts = numbers.map(name => report[name])
  return counts.every(isWhole) ? withMessage(report as unknown as Omit<AuditReport, 'message'>) : undefined
}

const numbers = [
  ...(['size', 'replayedFrom', 'decidedSize', 'records', 'inputs', 'sealedRoots'] as const),
  ...(['lastHeight', 'voidRecords', 'omittedFindings'] as const),
]

function isFinding(value: unknown): value is Finding {
  const { code, file, firstLeaf, lastLeaf, message, evidence } = objectOf(value) ?? {}
  const isTold = isText(code) && isText(file) && isText(message)
  return isTold && isWhole(firstLeaf) && isWhole(lastLeaf) && (evidence === undefined || isText(evidence))
}

function messageOf(report: Omit<AuditReport, 'message'>): string {
  const { origin, size, findings, records, inputs, sealedRoots, root, notes, omittedFindings } = report
  const { replayedFrom, decidedSize, decidedBy, signedBy } = report
  const number = (value: number) => value.toLocaleString('en')
  const lines = [
    report.ok ? `${origin} is in order.` : `${origin} is NOT in order.`,
    `Checkpoint: ${number(size)} leaves, root ${root || 'unknown'}`,
    ...(signedBy.length === 0 ? [] : [`Signed by ${nodes(signedBy)}`]),
    ...(decidedSize === 0 ? [] : [`Decided: ${number(decidedSize)} leaves, by ${nodes(decidedBy)}`]),
    `Replayed: ${number(records)} records, ${number(inputs)} of them inputs`,
    ...(replayedFrom === 0
      ? []
      : [
          `Replayed from leaf ${number(replayedFrom)} on, from a state that the members have decided;`,
          'before it only hashes and signatures were checked.',
        ]),
    `State roots that match their seal: ${number(sealedRoots)}`,
    ...notes,
  ]
  for (const { file, firstLeaf, lastLeaf, message, evidence } of findings.slice(0, shown)) {
    const leaves = firstLeaf === lastLeaf ? `leaf ${firstLeaf}` : `leaves ${firstLeaf} to ${lastLeaf}`
    lines.push(file, `  ${leaves}: ${message.slice(message.indexOf(': ') + 2)}`)
    if (evidence !== undefined) lines.push(`  Evidence: ${evidence}`)
  }
  const more = findings.length - shown + omittedFindings
  if (more > 0) lines.push(`and ${number(more)} more`)
  return lines.flatMap(wrapped).join('\n')
}

function nodes(numbers: readonly number[]): string {
  return `${numbers.length === 1 ? 'node' : 'nodes'} ${numbers.join(' ')}`
}

/** Lines of at most 80 columns, broken at spaces where there are some. */
export function wrapped(line: string): string[] {
  const lines: string[] = []
  let rest = line
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width)
    const cut = space > 8 ? space : width
    lines.push(rest.slice(0, cut))
    rest = `    ${rest.slice(cut).trimStart()}`
  }
  return [...lines, rest]
}
