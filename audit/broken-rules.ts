/** Evidence that a signed log breaks the rules: some of its records, and the state that its members sealed before them. */
import type { StateEntry } from '../world/interface.ts'
import type { CheckedRecord } from './log/bundle.ts'
import { concat, fromBase64, fromDecimal, toBase64, u32, view } from './verify/bytes.ts'
import { parseBatch } from './verify/record.ts'

export const BROKEN_RULES_HEAD = 'freehold.evidence/v1 broken-rules'

export interface BrokenRules {
  /** What is found when the records are replayed from the state, and in which leaves. */
  readonly code: string
  readonly firstLeaf: number
  readonly lastLeaf: number
  /** The leaf of the first record. 0, or just after a mark whose seal is among the records. */
  readonly from: number
  /** As it was at `from`; none where that is 0. */
  readonly state: readonly StateEntry[]
  /** Roots of the perfect trees that the leaves before `from` fall into, the largest first. */
  readonly edge: readonly Uint8Array[]
  readonly records: readonly CheckedRecord[]
  /** From the size after the last record to the checkpoint's, with its first node; none where they are the same. */
  readonly path: readonly Uint8Array[]
  /** The signed note, verbatim. */
  readonly checkpoint: string
}

export const MAX_EVIDENCE_BYTES = 8 * 1024 * 1024
const maxHashes = 64

/** Undefined when it is larger than evidence may be. */
export function formatBrokenRules(evidence: BrokenRules): string | undefined {
  const { code, firstLeaf, lastLeaf, from, state, edge, records, path, checkpoint } = evidence
  const text = [
    BROKEN_RULES_HEAD,
    `finding ${code} ${firstLeaf} ${lastLeaf}`,
    `from ${from}`,
    `state ${toBase64(Buffer.concat(state.flatMap(entryParts)))}`,
    `edge ${toBase64(concat(...edge))}`,
    `records ${toBase64(batchOf(records))}`,
    `path ${toBase64(concat(...path))}`,
    `checkpoint ${toBase64(Buffer.from(checkpoint))}`,
    '',
  ].join('\n')
  return text.length <= MAX_EVIDENCE_BYTES ? text : undefined
}

/** Undefined unless it is what `formatBrokenRules` makes. Whether it proves anything is for `verify-evidence.ts`. */
export function parseBrokenRules(text: string): BrokenRules | undefined {
  if (text.length > MAX_EVIDENCE_BYTES) return undefined
  const match = lines.exec(text)
  if (match === null) return undefined
  const [, code = '', first = '', last = '', start = '', ...parts] = match
  const [firstLeaf, lastLeaf, from] = [first, last, start].map(fromDecimal)
  const [stateBytes, edgeBytes, recordBytes, pathBytes, note] = parts.map(fromBase64)
  if (firstLeaf === undefined || lastLeaf === undefined || from === undefined) return undefined
  const state = stateBytes && entriesOf(stateBytes)
  const [edge, path] = [edgeBytes && hashesOf(edgeBytes), pathBytes && hashesOf(pathBytes)]
  const records = recordBytes && parseBatch(recordBytes)
  if (!state || !edge || !path || !records || !note) return undefined
  const evidence = {
    ...{ code, firstLeaf, lastLeaf, from, state, edge, path },
    records: records.map(({ kind, rulesVersion, salt, body }) => ({ kind, rulesVersion, salt, body })),
    checkpoint: Buffer.from(note).toString(),
  }
  return formatBrokenRules(evidence) === text ? evidence : undefined
}

const lines = new RegExp(
  `^${BROKEN_RULES_HEAD.replace(/[./]/g, '\\$&')}\nfinding ([a-z-]+) (\\d+) (\\d+)\nfrom (\\d+)\n${['state', 'edge', 'records', 'path', 'checkpoint'].map(name => `${name} (\\S*)\n`).join('')}$`,
)

/** Key length u8 ‖ key ‖ value length u32 ‖ value. */
function entryParts({ key, value }: StateEntry): Uint8Array[] {
  return [Uint8Array.of(key.length), key, u32(value.length), value]
}

function entriesOf(bytes: Uint8Array): StateEntry[] | undefined {
  const entries: StateEntry[] = []
  for (let at = 0; at < bytes.length; ) {
    const valueAt = at + 1 + bytes[at]! + 4
    if (valueAt > bytes.length) return undefined
    const end = valueAt + view(bytes).getUint32(valueAt - 4)
    if (end > bytes.length) return undefined
    entries.push({ key: bytes.slice(at + 1, valueAt - 4), value: bytes.slice(valueAt, end) })
    at = end
  }
  return entries
}

function hashesOf(bytes: Uint8Array): Uint8Array[] | undefined {
  if (bytes.length % 32 !== 0 || bytes.length > 32 * maxHashes) return undefined
  return Array.from({ length: bytes.length / 32 }, (_, i) => bytes.slice(32 * i, 32 * i + 32))
}

/** As docs/protocol.md has it. */
function batchOf(records: readonly CheckedRecord[]): Uint8Array {
  if (records.length === 0) return new Uint8Array(0)
  const parts = records.flatMap(({ kind, rulesVersion, salt, body }) => [
    Uint8Array.of(1, kind, rulesVersion >> 8, rulesVersion & 255),
    ...[salt, u32(body.length), body],
  ])
  return Buffer.concat([Uint8Array.of(1), u32(records.length), ...parts])
}
