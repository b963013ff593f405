import type { Applied, World } from '../world/world.ts'
import { accusationsFor } from './accuse.ts'
import { fastNodeHash } from './crypto.ts'
import { AuditError } from './errors.ts'
import { formatTwoFaces } from './evidence.ts'
import { type Finding, Findings } from './findings.ts'
import { charterBody, findArea, type Genesis, logVerifiers, originOf, readGenesis } from './genesis.ts'
import { type BundleFiles, type CheckedRecord, checkBundle } from './log/bundle.ts'
import { checkExtraFiles } from './log/extra-files.ts'
import { bundlesOf } from './log/fetch.ts'
import { TileLevels } from './log/levels.ts'
import { pathOf, resourceAt, tileWidth } from './log/paths.ts'
import { KnownSizes, type LogMemory, type Seen } from './memory.ts'
import { readConsistencyPath } from './monitor/consistency-path.ts'
import { keepEvidence, watchedLog } from './monitor/watched-log.ts'
import { Replay, recordKinds } from './replay/replay.ts'
import { type Stand, StandFile } from './replay/stand.ts'
import { type AuditReport, withMessage } from './report.ts'
import { ownRulesHash } from './rules-hash.ts'
import { type OpenedCheckpoint, openCheckpoint } from './signed-checkpoint.ts'
import { type LogSource, openSource } from './source/source.ts'
import { equalBytes, toBase64 } from './verify/bytes.ts'
import type { Checkpoint } from './verify/checkpoint.ts'
import { RootOfLeaves } from './verify/merkle.ts'

export { AuditError } from './errors.ts'
export type { Finding } from './findings.ts'
export type { AuditReport } from './report.ts'

export interface AuditOptions {
  /** As `area/0231`, or its log's origin. */
  readonly authority: string
  /** A node's HTTP API, as `http://127.0.0.1:7302`, or a folder that `freehold log export` wrote. */
  readonly from: string
  /** Path of the genesis file to trust. */
  readonly genesis: string
  /** Folder with what was seen before; nothing is remembered without it. */
  readonly memory?: string | undefined
  /** So far apart are the places from which an audit that was broken off is taken up; 50,000 leaves. */
  readonly standEveryLeaves?: number | undefined
  /** A line for a person, every few seconds. */
  readonly onProgress?: ((line: string) => void) | undefined
  /** The log that is about to be told, once its checkpoint is known to be signed. */
  readonly onLog?: ((log: ToldLog) => void) | undefined
  /** Every record that is proven to be in the log, in order. What it holds is good until it returns. */
  readonly onRecord?: ((told: ToldRecord) => void) | undefined
}

export interface ToldLog {
  readonly genesis: Genesis
  readonly origin: string
  readonly size: number
  /** The signed checkpoint, verbatim. */
  readonly note: string
}

export interface ToldRecord {
  readonly leaf: number
  readonly record: CheckedRecord
  /** What inputs and ticks did; undefined for other kinds. */
  readonly applied: Applied | undefined
  /** Just after it. */
  readonly world: World
}

const smallFileBytes = 1024 * 1024
const genesisFileBytes = 16 * 1024 * 1024
const progressEveryMs = 2000
/** Bundles in a row of which no file is there. */
const maxMissing = 16

/**
 * Checks an authority's whole log, trusting nothing but the genesis file: the checkpoint's signature, every file against the others
 * and against the signed root, what was seen before, and every record replayed through the rules.
 * @throws AuditError when the audit could not be made; what is wrong with the log is in the report
 */
export async function auditAuthority(options: AuditOptions): Promise<AuditReport> {
  const genesis = readGenesis(options.genesis)
  if (genesis.rules.contentHash !== ownRulesHash()) {
    throw new AuditError(
      'other-rules',
      `This program's rules differ from those that ${options.genesis} names, so it cannot replay this network's logs: audit with the version that the network runs.`,
    )
  }
  const source = openSource(options.from)
  const resumed = new Audit(options, genesis, source)
  const stand = resumed.stand()
  if (stand !== undefined) {
    const report = await resumed.run(stand)
    if (report.ok) return report
    // The stand may be what is wrong: nobody is accused by it.
  }
  return new Audit(options, genesis, source).run()
}

class Audit {
  readonly #options: AuditOptions
  readonly #genesis: Genesis
  readonly #source: LogSource
  readonly #area: ReturnType<typeof findArea>
  readonly #origin: string
  /** Of the log's files. */
  readonly #folder: string
  readonly #findings = new Findings()
  readonly #notes: string[] = []
  readonly #standFile: StandFile | undefined
  readonly #evidence = new Map<Finding, string>()
  /** Leaves under the checkpoint. */
  #size = 0

  constructor(options: AuditOptions, genesis: Genesis, source: LogSource) {
    this.#options = options
    this.#genesis = genesis
    this.#source = source
    this.#area = findArea(genesis, options.authority)
    this.#origin = originOf(genesis, this.#area)
    this.#folder = `log/${this.#origin}`
    const { memory, standEveryLeaves = 50_000 } = options
    const { contentHash } = genesis.rules
    if (memory !== undefined)
      this.#standFile = new StandFile(memory, this.#origin, contentHash, standEveryLeaves)
  }

  /** Where an earlier audit has come to, if the records are for nobody else to see. */
  stand(): Stand | undefined {
    return this.#options.onRecord === undefined ? this.#standFile?.load() : undefined
  }

  async run(stand?: Stand): Promise<AuditReport> {
    const replay = this.#replayFrom(stand)
    const opened = await this.#openCheckpoint()
    if (opened === undefined) return this.#report(undefined, replay)
    const { checkpoint, note } = opened
    this.#size = checkpoint.size
    this.#options.onLog?.({ genesis: this.#genesis, origin: this.#origin, size: checkpoint.size, note })
    await this.#checkSmallFiles()
    const folder = this.#options.memory
    const memory = folder === undefined ? undefined : watchedLog(this.#genesis, this.#area, folder).memory
    const known = new KnownSizes(memory?.checkpoints ?? [])
    const withBodies = await this.#hasBodies(checkpoint.size)
    const isSigned = await this.#checkLog(checkpoint, known, withBodies, replay, stand)
    await checkExtraFiles(this.#source, this.#folder, checkpoint.size, this.#findings)
    if (memory !== undefined)
      await this.#compareWithMemory(memory, isSigned ? known : undefined, checkpoint, note)
    if (folder !== undefined && isSigned && stand === undefined)
      await this.#accuse(folder, checkpoint.size, note, replay)
    return this.#report(checkpoint, replay)
  }

  #replayFrom(stand: Stand | undefined): Replay {
    const fileOf = (leaf: number): string => this.#bodiesOf(leaf)
    const begin = (base?: Stand) => new Replay(this.#genesis, this.#area, this.#findings, fileOf, base)
    try {
      return Object.assign(begin(stand), stand?.counts)
    } catch {
      this.#notes.push('What was replayed before cannot be gone on from.')
      this.#findings.add('malformed', this.#folder, 0, 0, 'the replay could not be resumed')
      return begin()
    }
  }

  #bodiesOf(leaf: number): string {
    const resource = resourceAt('bodies', Math.floor(leaf / tileWidth), this.#size)
    return `${this.#folder}/${resource === undefined ? 'bodies' : pathOf(resource)}`
  }

  async #openCheckpoint(): Promise<OpenedCheckpoint | undefined> {
    const path = `${this.#folder}/checkpoint`
    const bytes = await this.#source.read(path, smallFileBytes)
    if (bytes === undefined) {
      throw new AuditError(
        'not-found',
        `${this.#source.name} has no checkpoint of ${this.#origin}: ask a node that holds it.`,
      )
    }
    const opened = openCheckpoint(bytes, this.#origin, [...logVerifiers(this.#genesis, this.#area).values()])
    if (opened.ok) return opened
    const unsigned = opened.code === 'bad-signature'
    const what = unsigned
      ? 'no member of the authority signed it; without a signature there is nothing to check against'
      : 'it is no checkpoint of this log'
    this.#findings.add(opened.code, path, 0, Math.max(0, (opened.size ?? 1) - 1), what)
    return undefined
  }

  async #checkSmallFiles(): Promise<void> {
    const charter = `${this.#folder}/charter`
    const served = await this.#source.read(charter, smallFileBytes)
    if (served === undefined) this.#findings.add('missing-file', charter, 0, 0, 'the file is missing')
    else if (!equalBytes(served, charterBody(this.#genesis, this.#area)))
      this.#findings.add('wrong-charter', charter, 0, 0, 'the charter is not what the genesis file says')
    const genesis = await this.#source.read('genesis.json', genesisFileBytes)
    if (genesis !== undefined && !equalBytes(genesis, this.#genesis.bytes))
      this.#findings.add('other-genesis', 'genesis.json', 0, 0, 'it is not the trusted genesis file')
  }

  /** Whether any bodies are there: those of the first leaves, or of the last. */
  async #hasBodies(size: number): Promise<boolean> {
    if (size === 0) return true
    for (const leaf of [0, size - 1]) {
      if ((await this.#source.read(this.#bodiesOf(leaf), 0)) !== undefined) return true
    }
    const what = 'the source withholds the bodies, so the records cannot be replayed'
    this.#findings.add('bodies-withheld', `${this.#folder}/bodies`, 0, size - 1, what)
    return false
  }

  /** Returns whether the leaves are those that were signed. */
  async #checkLog(
    checkpoint: Checkpoint,
    known: KnownSizes,
    withBodies: boolean,
    replay: Replay,
    stand: Stand | undefined,
  ): Promise<boolean> {
    const { size, root } = checkpoint
    const log = new RootOfLeaves(fastNodeHash)
    const rootNow = () => log.root()
    const levels = new TileLevels(size, this.#folder, path => this.#source.read(path, tileWidth * 32))
    let replaying = withBodies
    let missing = 0
    // Those of one bundle are checked on other threads while the next one is replayed.
    let signatures = Promise.resolve()
    const progress = this.#progress(size)
    for await (const files of bundlesOf(this.#source, this.#folder, size, withBodies)) {
      missing = isMissing(files) ? missing + 1 : 0
      if (missing > maxMissing) return this.#giveUp(files.firstLeaf, replay)
      const isDropped = this.#source.hasDropped(files.bodies.path)
      const readable = withBodies && !isDropped
      const leaves = checkBundle(files, this.#genesis.rules.version, readable, this.#findings)
      if (isDropped) this.#dropped(files)
      for (let i = 0; i < leaves.length; i++) {
        const leaf = files.firstLeaf + i
        const { hash, record } = leaves[i]!
        if (hash !== undefined && log.size === leaf) {
          log.add(hash)
          known.grown(leaf + 1, rootNow)
        }
        if (stand !== undefined && leaf < stand.size) {
          if (leaf + 1 === stand.size && toBase64(log.root()) !== stand.root)
            this.#findings.add('rewritten', this.#folder, 0, leaf, 'the leaves are not those replayed before')
          continue
        }
        if (!replaying) continue
        if (record === undefined) {
          replaying = false
          await replay.abandon()
          if (!isDropped)
            this.#notes.push(`The replay ended before leaf ${leaf}, whose record cannot be read.`)
          continue
        }
        const applied = replay.apply(leaf, record, rootNow)
        this.#options.onRecord?.({ leaf, record, applied, world: replay.world })
        this.#noteStand(replay, record.kind, leaf + 1, rootNow)
      }
      await levels.addLeaves(leaves.map(({ hash }) => hash))
      await signatures
      signatures = replay.settled()
      progress(files.firstLeaf + files.width)
    }
    await signatures
    if (replaying) await replay.finish(size)
    levels.judge(root, this.#findings)
    return this.#checkRoot(levels.root(), checkpoint)
  }

  /** That is no lie, but nobody can tell here what those records did, and so not what became of what they did. */
  #dropped({ firstLeaf, width }: BundleFiles): void {
    const what = 'the source has dropped these bodies, so the log is checked, and not replayed from here on'
    this.#findings.add('bodies-dropped', `${this.#folder}/bodies`, firstLeaf, firstLeaf + width - 1, what)
  }

  #noteStand(replay: Replay, kind: number, size: number, root: () => Uint8Array): void {
    if (this.#findings.count > 0) return
    if (kind === recordKinds.mark) this.#standFile?.marked(replay, size, root)
    else if (kind === recordKinds.seal) this.#standFile?.sealed(replay)
  }

  /** Whoever signs a size can make it as large as it likes: what isn't there isn't asked for file by file. */
  async #giveUp(leaf: number, replay: Replay): Promise<false> {
    await replay.abandon()
    const what = 'so many files are missing in a row that the audit was given up'
    this.#findings.add('missing-file', `${this.#folder}/tile`, leaf, this.#size - 1, what)
    return false
  }

  /** The leaves must give the signed root; if they don't and no tile tells where, all of them may have been rewritten. */
  #checkRoot(root: Uint8Array | undefined, checkpoint: Checkpoint): boolean {
    if (root === undefined) return false
    if (equalBytes(root, checkpoint.root)) return true
    const what = 'the leaves do not lead to the signed root'
    if (!this.#findings.has('rewritten'))
      this.#findings.add('wrong-root', `${this.#folder}/checkpoint`, 0, Math.max(0, this.#size - 1), what)
    return false
  }

  /** What the signed records show is kept as evidence: whoever signed them can't take that back. */
  async #accuse(folder: string, size: number, note: string, { segments }: Replay): Promise<void> {
    const log = { source: this.#source, genesis: this.#genesis, area: this.#area, folder: this.#folder }
    const found = this.#findings.list()
    const accusations = await accusationsFor({ ...log, size, note, segments }, found)
    for (const [finding, evidence] of accusations) {
      if (evidence !== undefined) this.#evidence.set(finding, keepEvidence(folder, evidence))
      else {
        const what = `What was found at leaf ${finding.firstLeaf} takes more than evidence may: it is proven by auditing the log.`
        this.#notes.push(what)
      }
    }
  }

  /** @param known undefined when the leaves are not those that were signed, and so tell nothing about the signer */
  async #compareWithMemory(
    memory: LogMemory,
    known: KnownSizes | undefined,
    checkpoint: Checkpoint,
    note: string,
  ): Promise<void> {
    const path = `${this.#folder}/checkpoint`
    const same = memory.checkpoints.find(seen => seen.size === checkpoint.size)
    const rival = known?.forkedAt ?? (same && !equalBytes(same.root, checkpoint.root) ? same : undefined)
    if (rival !== undefined) {
      const what = `another checkpoint was signed before for ${rival.size} leaves`
      this.#findings.add('fork', path, known?.agreedSize ?? 0, rival.size - 1, what)
      await this.#keepFaces(memory.headOf(rival.size)!, checkpoint.size, note)
      return
    }
    const before = memory.sizeAt(this.#source.name)
    const newest = memory.newest?.size ?? 0
    if (before > checkpoint.size) {
      const what = `the same source had ${before} leaves before, now it has ${checkpoint.size}`
      this.#findings.add('shrunken', path, checkpoint.size, before - 1, what)
    } else if (newest > checkpoint.size)
      this.#notes.push(`The source is behind: ${newest} leaves were seen elsewhere.`)
    if (known !== undefined) memory.remember(this.#source.name, note, checkpoint)
  }

  /** Two signed checkpoints that cannot both be true are evidence against whoever signed them. */
  async #keepFaces(older: Seen, size: number, newer: string): Promise<void> {
    const read = (path: string, maxBytes: number) => this.#source.read(`${this.#folder}/${path}`, maxBytes)
    const atOnce = older.checkpoint.size === size
    const path = atOnce ? [] : await readConsistencyPath(read, older.checkpoint.size, size)
    const finding = this.#findings.list().find(({ code }) => code === 'fork')!
    if (path === undefined) this.#notes.push('The tiles do not lead from the one to the other.')
    else {
      const evidence = formatTwoFaces({ older: older.note, newer, path })
      this.#evidence.set(finding, keepEvidence(this.#options.memory!, evidence))
    }
  }

  #progress(size: number): (done: number) => void {
    const { onProgress } = this.#options
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

  #report(checkpoint: Checkpoint | undefined, replay: Replay): AuditReport {
    return withMessage({
      ok: this.#findings.count === 0,
      origin: this.#origin,
      size: checkpoint?.size ?? 0,
      root: checkpoint === undefined ? '' : toBase64(checkpoint.root),
      records: replay.records,
      inputs: replay.inputs,
      sealedRoots: replay.sealedRoots,
      lastHeight: replay.lastHeight,
      voidRecords: replay.voidRecords,
      notes: this.#notes,
      findings: this.#findings.list().map(finding => {
        const evidence = this.#evidence.get(finding)
        return evidence === undefined ? finding : { ...finding, evidence }
      }),
      omittedFindings: this.#findings.omitted,
    })
  }
}

/** No file of the bundle is there. */
function isMissing({ bodies, entries, tile }: BundleFiles): boolean {
  return bodies.bytes === undefined && entries.bytes === undefined && tile.bytes === undefined
}
