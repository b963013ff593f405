/** Where the replay of a log begins: at its first leaf, or where somebody has proven what the state was. */
import { bodiesFile, type LogCase } from './case.ts'
import type { Decision } from './decision.ts'
import { Findings } from './findings.ts'
import { checkBundle } from './log/bundle.ts'
import { bundlesOf } from './log/fetch.ts'
import type { Kept } from './log/kept.ts'
import { tileWidth } from './log/paths.ts'
import { readMark, readSeal, type Seal } from './replay/bodies.ts'
import { recordKinds } from './replay/record-kinds.ts'
import type { ReplayBase } from './replay/replay.ts'
import { readState } from './replay/snapshot.ts'

/** A state that the members have decided. */
export interface DecidedBase extends ReplayBase {
  /** Of the seal that names the state's root. */
  readonly sealLeaf: number
}

/** Between a mark and its seal there are records of a second. */
const maxScannedBundles = 400

/**
 * The first state that the source shows and the members have decided, for a log whose first bodies nobody has. Undefined,
 * where there is none: then nothing can be replayed.
 */
export async function decidedBase(
  log: LogCase,
  size: number,
  kept: Kept,
  decision: Pick<Decision, 'size'> | undefined,
): Promise<DecidedBase | undefined> {
  if (decision !== undefined) {
    const end = Math.min(size, decision.size)
    const usable = kept.snapshots.filter(at => at < end && at - (at % tileWidth) >= kept.bodiesFrom)
    for (const at of usable) {
      const sealed = await sealOf(log, at, size, end)
      if (sealed === undefined) continue
      const { folder, source, findings } = log
      const pieces = `${folder}/snapshot/${at}`
      const read = (piece: string, maxBytes: number) => source.read(`${pieces}/${piece}`, maxBytes)
      const found = await readState(read, sealed.seal.stateRoot)
      if (found.ok) return { size: at, state: found.state, sealLeaf: sealed.leaf }
      const what = 'it is not the state that the members have decided there'
      if (found.code === 'wrong') findings.add('wrong-snapshot', `${pieces}/${found.piece}`, at, at, what)
    }
  }
  const why =
    decision === undefined
      ? 'there is no certificate of the members over a state to begin with'
      : 'there is no state under a certificate of the members to begin with'
  const what = `the source has dropped these bodies and ${why}, so the log is checked, and not replayed`
  log.findings.add('bodies-dropped', bodiesFile(log, 0, size), 0, Math.min(size, kept.bodiesFrom) - 1, what)
  return undefined
}

/** The seal that names the state after `at` leaves. That the records are those of the signed log, the audit shows later. */
async function sealOf(
  { source, genesis, folder }: LogCase,
  at: number,
  size: number,
  end: number,
): Promise<{ readonly seal: Seal; readonly leaf: number } | undefined> {
  const first = Math.floor(at / tileWidth)
  const marked = new Set<number>()
  const range = { size, from: first, to: first + maxScannedBundles }
  for await (const files of bundlesOf(source, folder, range, () => true)) {
    const leaves = checkBundle(files, genesis.rules.version, true, new Findings())
    for (const [i, { record }] of leaves.entries()) {
      const leaf = files.firstLeaf + i
      if (leaf < at) continue
      if (record === undefined || leaf >= end) return undefined
      if (record.kind === recordKinds.mark) marked.add(readMark(record.body)?.height ?? 0)
      const seal = record.kind === recordKinds.seal ? readSeal(record.body) : undefined
      // Another mark of its height took this one's place: the members decided the state there.
      if (seal?.asOfSize === at)
        return marked.has(seal.height)
          ? undefined
          : { leaf, seal: { ...seal, stateRoot: seal.stateRoot.slice() } }
    }
  }
  return undefined
}
