/** One pass over all leaves of a log: every file against the others, the roots, and the records through the rules. */
import type { Applied, Rules } from '../world/interface.ts'
import type { DecidedBase } from './begin.ts'
import { bodiesFile, type LogCase } from './case.ts'
import { fastNodeHash } from './crypto.ts'
import type { Decision } from './decision.ts'
import { type BundleFiles, type CheckedLeaf, type CheckedRecord, checkBundle } from './log/bundle.ts'
import { bundlesOf } from './log/fetch.ts'
import type { Kept } from './log/kept.ts'
import { TileLevels } from './log/levels.ts'
import { tileWidth } from './log/paths.ts'
import type { KnownSizes } from './memory.ts'
import { recordKinds } from './replay/record-kinds.ts'
import type { Replay } from './replay/replay.ts'
import type { Stand, StandFile } from './replay/stand.ts'
import { equalBytes, toBase64 } from './verify/bytes.ts'
import type { Checkpoint } from './verify/checkpoint.ts'
import { RootOfLeaves } from './verify/merkle.ts'

export interface ToldRecord {
  readonly leaf: number
  readonly record: CheckedRecord
  /** What inputs and ticks did; undefined for other kinds. */
  readonly applied: Applied | undefined
  /** Just after it. */
  readonly rules: Rules
}

export interface PassParts {
  readonly log: LogCase
  readonly checkpoint: Checkpoint
  readonly kept: Kept
  readonly decision: Decision | undefined
  readonly known: KnownSizes
  readonly replay: Replay
  /** Where the replay begins, if not at the first leaf. */
  readonly begin: Stand | DecidedBase | undefined
  /** Records are there to be replayed. */
  readonly replays: boolean
  readonly standFile: StandFile | undefined
  readonly onRecord: ((told: ToldRecord) => void) | undefined
  readonly onProgress: ((line: string) => void) | undefined
}

const progressEveryMs = 2000
/** Bundles in a row of which no file is there. */
const maxMissing = 16

export class LogPass {
  readonly #parts: PassParts
  readonly #log = new RootOfLeaves(fastNodeHash)
  #replaying: boolean
  /** The leaves that the members have decided are these. */
  isDecided = false

  constructor(parts: PassParts) {
    this.#parts = parts
    this.#replaying = parts.replays
  }

  /** Returns whether the leaves are those that were signed. */
  async run(): Promise<boolean> {
    const { log, checkpoint, kept, replay, replays } = this.#parts
    const { source, folder, genesis, findings } = log
    const { size, root } = checkpoint
    const levels = new TileLevels(size, folder, path => source.read(path, tileWidth * 32))
    const wantsBodies = (firstLeaf: number): boolean =>
      replays && Math.min(firstLeaf + tileWidth, size) > kept.bodiesFrom
    let missing = 0
    // Those of one bundle are checked on other threads while the next one is replayed.
    let signatures = Promise.resolve()
    const progress = this.#progress(size)
    for await (const files of bundlesOf(source, folder, { size }, wantsBodies)) {
      missing = isMissing(files) ? missing + 1 : 0
      if (missing > maxMissing) return this.#giveUp(files.firstLeaf)
      const isDropped = source.hasDropped(files.bodies.path)
      const readable = wantsBodies(files.firstLeaf) && !isDropped
      const leaves = checkBundle(files, genesis.rules.version, readable, findings)
      if (isDropped) this.#dropped(files)
      leaves.forEach((leaf, i) => void this.#leaf(files.firstLeaf + i, leaf, isDropped))
      await levels.addLeaves(leaves.map(({ hash }) => hash))
      await signatures
      signatures = replay.settled()
      progress(files.firstLeaf + files.width)
    }
    await signatures
    if (this.#replaying) await replay.finish(size)
    levels.judge(root, findings)
    return this.#checkRoot(levels.root())
  }

  #leaf(leaf: number, { hash, record }: CheckedLeaf, isDropped: boolean): void {
    const { log, known, replay, begin, onRecord } = this.#parts
    if (hash !== undefined && this.#log.size === leaf) this.#grow(leaf, hash, known)
    if (begin !== undefined && leaf < begin.size) {
      if (leaf + 1 === begin.size && 'root' in begin && toBase64(this.#log.root()) !== begin.root)
        log.findings.add('rewritten', log.folder, 0, leaf, 'the leaves are not those replayed before')
      return
    }
    if (!this.#replaying) return
    const isKnown = this.#log.size === leaf + 1
    if (record === undefined || !isKnown) {
      this.#replaying = false
      replay.abandon()
      const unread = isKnown ? leaf : this.#log.size
      if (!isDropped) log.notes.push(`The replay ended before leaf ${unread}, whose record cannot be read.`)
      return
    }
    const applied = replay.apply(leaf, record, () => this.#log.root())
    onRecord?.({ leaf, record, applied, rules: replay.rules })
    this.#noteStand(record.kind, leaf + 1)
  }

  #grow(leaf: number, hash: Uint8Array, known: KnownSizes): void {
    this.#log.add(hash)
    known.grown(leaf + 1, () => this.#log.root())
    const { log, decision } = this.#parts
    if (leaf + 1 !== decision?.size) return
    this.isDecided = equalBytes(this.#log.root(), decision.root)
    if (this.isDecided) return
    const what = `nodes ${decision.by.join(' ')} decided another log than this one`
    log.findings.add('not-decided', `${log.folder}/certificates`, 0, leaf, what)
  }

  /** That is no lie, but nobody can tell here what those records did, and so not what became of what they did. */
  #dropped({ firstLeaf, width }: BundleFiles): void {
    const { log, begin, checkpoint } = this.#parts
    if (firstLeaf + width <= (begin?.size ?? 0)) return
    const what = 'the source has dropped these bodies, so the log is checked, and not replayed from here on'
    const file = bodiesFile(log, firstLeaf, checkpoint.size)
    log.findings.add('bodies-dropped', file, firstLeaf, firstLeaf + width - 1, what)
  }

  #noteStand(kind: number, size: number): void {
    const { log, replay, standFile } = this.#parts
    if (log.findings.count > 0) return
    if (kind === recordKinds.mark) standFile?.marked(replay, size, () => this.#log.root())
    else if (kind === recordKinds.seal) standFile?.sealed(replay)
  }

  /** Whoever signs a size can make it as large as it likes: what isn't there isn't asked for file by file. */
  async #giveUp(leaf: number): Promise<false> {
    const { log, replay, checkpoint } = this.#parts
    replay.abandon()
    await replay.settled()
    const what = 'so many files are missing in a row that the audit was given up'
    log.findings.add('missing-file', `${log.folder}/tile`, leaf, checkpoint.size - 1, what)
    return false
  }

  /** The leaves must give the signed root; if they don't and no tile tells where, all of them may have been rewritten. */
  #checkRoot(root: Uint8Array | undefined): boolean {
    const { log, checkpoint } = this.#parts
    if (root === undefined) return false
    if (equalBytes(root, checkpoint.root)) return true
    const what = 'the leaves do not lead to the signed root'
    const last = Math.max(0, checkpoint.size - 1)
    if (!log.findings.has('rewritten'))
      log.findings.add('wrong-root', `${log.folder}/checkpoint`, 0, last, what)
    return false
  }

  #progress(size: number): (done: number) => void {
    const { onProgress } = this.#parts
    if (onProgress === undefined) return () => {}
    const startedMs = performance.now()
    let saidMs = startedMs
    return done => {
      const nowMs = performance.now()
      if (nowMs - saidMs < progressEveryMs) return
      saidMs = nowMs
      const perSecond = Math.round((1000 * done) / (nowMs - startedMs))
      onProgress(`${done} of ${size} leaves, ${perSecond} a second`)
    }
  }
}

/** No file of the bundle is there. */
function isMissing({ bodies, entries, tile }: BundleFiles): boolean {
  return bodies.bytes === undefined && entries.bytes === undefined && tile.bytes === undefined
}
