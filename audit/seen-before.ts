import type { LogCase } from './case.ts'
import { formatTwoFaces } from './evidence.ts'
import type { KnownSizes, LogMemory, Seen } from './memory.ts'
import { readConsistencyPath } from './monitor/consistency-path.ts'
import { keepEvidence } from './monitor/watched-log.ts'
import { equalBytes } from './verify/bytes.ts'
import type { Checkpoint } from './verify/checkpoint.ts'

export interface SeenNow {
  readonly checkpoint: Checkpoint
  /** The signed note, verbatim. */
  readonly note: string
  /** Undefined when the leaves are not those that were signed, and so tell nothing about the signer. */
  readonly known: KnownSizes | undefined
}

/** Holds the log against what was seen of it before, and remembers it. @param memoryFolder where evidence is kept */
export async function compareWithMemory(
  log: LogCase,
  memory: LogMemory,
  memoryFolder: string,
  { checkpoint, note, known }: SeenNow,
): Promise<void> {
  const { source, folder, findings, notes } = log
  const path = `${folder}/checkpoint`
  const same = memory.checkpoints.find(seen => seen.size === checkpoint.size)
  const rival = known?.forkedAt ?? (same && !equalBytes(same.root, checkpoint.root) ? same : undefined)
  if (rival !== undefined) {
    const what = `another checkpoint was signed before for ${rival.size} leaves`
    findings.add('fork', path, known?.agreedSize ?? 0, rival.size - 1, what)
    await keepFaces(log, memoryFolder, memory.headOf(rival.size)!, checkpoint.size, note)
    return
  }
  const before = memory.sizeAt(source.name)
  const newest = memory.newest?.size ?? 0
  if (before > checkpoint.size) {
    const what = `the same source had ${before} leaves before, now it has ${checkpoint.size}`
    findings.add('shrunken', path, checkpoint.size, before - 1, what)
  } else if (newest > checkpoint.size)
    notes.push(`The source is behind: ${newest} leaves were seen elsewhere.`)
  if (known !== undefined) memory.remember(source.name, note, checkpoint)
}

/** Two signed checkpoints that cannot both be true are evidence against whoever signed them. */
async function keepFaces(
  { source, folder, findings, notes, evidence }: LogCase,
  memoryFolder: string,
  older: Seen,
  size: number,
  newer: string,
): Promise<void> {
  const read = (path: string, maxBytes: number) => source.read(`${folder}/${path}`, maxBytes)
  const atOnce = older.checkpoint.size === size
  const path = atOnce ? [] : await readConsistencyPath(read, older.checkpoint.size, size)
  const finding = findings.list().find(({ code }) => code === 'fork')!
  if (path === undefined) notes.push('The tiles do not lead from the one to the other.')
  else evidence.set(finding, keepEvidence(memoryFolder, formatTwoFaces({ older: older.note, newer, path })))
}
