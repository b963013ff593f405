import type { DecidedBase } from './begin.ts'
import { type BrokenRules, formatBrokenRules, MAX_EVIDENCE_BYTES } from './broken-rules.ts'
import { fastNodeHash } from './crypto.ts'
import { type Finding, type FindingCode, Findings } from './findings.ts'
import type { Genesis, GenesisArea } from './genesis.ts'
import { type CheckedRecord, checkBundle } from './log/bundle.ts'
import { bundlesOf } from './log/fetch.ts'
import { tileWidth } from './log/paths.ts'
import { readConsistencyPath } from './monitor/consistency-path.ts'
import { Replay, type ReplayBase, type Segment } from './replay/replay.ts'
import type { LogSource } from './source/source.ts'
import { RootOfLeaves } from './verify/merkle.ts'

/** What the records of a signed log show by themselves. The other findings are about a copy, or about signatures that are not there. */
const provable: ReadonlySet<FindingCode> = new Set<FindingCode>([
  ...(['wrong-charter', 'wrong-rules-version', 'unexpected-record', 'malformed-record'] as const),
  ...([
    'bad-attestation',
    'unattested-input',
    'wrong-tick',
    'unproven-handover',
    'wrong-mark',
    'wrong-seal',
  ] as const),
  ...(['wrong-state-root', 'not-at-a-seal'] as const),
])
/** One lie is enough: what follows from it is found too, but not proven once more. */
const maxAccusations = 4

export interface AccusedLog {
  readonly source: LogSource
  readonly genesis: Genesis
  readonly area: GenesisArea
  /** As `log/<origin>`. */
  readonly folder: string
  readonly size: number
  /** The signed checkpoint, verbatim. The leaves lead to it. */
  readonly note: string
  /** Seals that agreed with the replay. */
  readonly segments: readonly Segment[]
  /** Where the replay began, if not at the first leaf. */
  readonly base: DecidedBase | undefined
}

interface Wanted {
  readonly finding: Finding
  /** Records from here to `to`, which is the size after the last one. */
  readonly from: number
  readonly to: number
  readonly records: CheckedRecord[]
  state: ReplayBase['state']
  edge: readonly Uint8Array[]
  bytes: number
}

/**
 * Evidence for what was found in a log, in the order of the leaves. The log is read once more up to there, since nobody keeps
 * states for what is hardly ever found. Undefined where it would be too large: then the log itself has to be audited.
 */
export async function accusationsFor(
  log: AccusedLog,
  findings: readonly Finding[],
): Promise<Map<Finding, string | undefined>> {
  const wanted = findings
    .filter(({ code }) => provable.has(code))
    .slice(0, maxAccusations)
    .map(finding => wantedFor(finding, log))
  if (wanted.length > 0) await collect(log, wanted)
  const evidence = new Map<Finding, string | undefined>()
  for (const each of wanted) evidence.set(each.finding, await textOf(log, each))
  return evidence
}

/** From the last mark whose seal comes before the finding, so that the members themselves have sealed the state. */
function wantedFor(finding: Finding, { size, segments, base }: AccusedLog): Wanted {
  const segment = segments.findLast(({ sealLeaf }) => sealLeaf < finding.lastLeaf)
  const from = segment?.markSize ?? base?.size ?? 0
  // That something is missing behind a record shows in the one after it; and a state without its seal shows nothing.
  const shown = Math.max(finding.lastLeaf + 1, segment === undefined ? (base?.sealLeaf ?? 0) : 0)
  const to = Math.min(size, shown + 1)
  return { finding, from, to, records: [], state: [], edge: [], bytes: 0 }
}

async function collect(log: AccusedLog, wanted: readonly Wanted[]): Promise<void> {
  const { source, genesis, area, folder, size, base } = log
  const unread = new Findings()
  const replay = new Replay(genesis, area, unread, () => '', base)
  const start = base?.size ?? 0
  const roots = new RootOfLeaves(fastNodeHash)
  const end = Math.max(...wanted.map(({ to }) => to))
  for await (const files of bundlesOf(source, folder, { size }, first => first + tileWidth > start)) {
    if (files.firstLeaf >= end) break
    const leaves = checkBundle(files, genesis.rules.version, true, unread)
    for (const [i, { hash, record }] of leaves.entries()) {
      const leaf = files.firstLeaf + i
      if (hash === undefined || leaf >= end) return
      for (const each of wanted) if (each.from === leaf && leaf > 0) begin(each, replay, roots)
      roots.add(hash)
      if (leaf < start) continue
      if (record === undefined) return
      replay.apply(leaf, record, () => roots.root())
      for (const each of wanted) if (leaf >= each.from && leaf < each.to) take(each, record)
    }
    await replay.settled()
  }
}

function begin(each: Wanted, replay: Replay, roots: RootOfLeaves): void {
  each.state = replay.stateAtMark()
  each.edge = roots.edge
  for (const { key, value } of each.state) each.bytes += 5 + key.length + value.length
}

function take(each: Wanted, record: CheckedRecord): void {
  each.bytes += 24 + record.body.length
  // In base64 it is a third longer.
  if (each.bytes * 4 > MAX_EVIDENCE_BYTES * 3) return
  each.records.push({ ...record, salt: record.salt.slice(), body: record.body.slice() })
}

async function textOf(log: AccusedLog, each: Wanted): Promise<string | undefined> {
  const { finding, from, to, state, edge, records } = each
  if (records.length !== to - from) return undefined
  const { source, folder, size, note } = log
  const read = (path: string, maxBytes: number) => source.read(`${folder}/${path}`, maxBytes)
  const path = to === size ? [] : await readConsistencyPath(read, to, size)
  if (path === undefined) return undefined
  const { code, firstLeaf, lastLeaf } = finding
  const evidence: BrokenRules = {
    code,
    firstLeaf,
    lastLeaf,
    from,
    state,
    edge,
    records,
    path,
    checkpoint: note,
  }
  return formatBrokenRules(evidence)
}
