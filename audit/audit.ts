import { accusationsFor } from './accuse.ts'
import { type DecidedBase, decidedBase } from './begin.ts'
import { bodiesFile, type LogCase, openCase } from './case.ts'
import { type Decision, decidedUnder } from './decision.ts'
import { AuditError } from './errors.ts'
import { type FindingCode, Findings } from './findings.ts'
import { type Genesis, readGenesis } from './genesis.ts'
import { checkSmallFiles, type Promised, promisesOf, readHead, readKept } from './head.ts'
import { checkExtraFiles } from './log/extra-files.ts'
import { EVERYTHING, type Kept } from './log/kept.ts'
import { tileWidth } from './log/paths.ts'
import { KnownSizes } from './memory.ts'
import { keepEvidence, watchedLog } from './monitor/watched-log.ts'
import { ownAuditHash, ownRulesHash } from './own-code.ts'
import { LogPass, type ToldRecord } from './pass.ts'
import { Replay } from './replay/replay.ts'
import { type Stand, StandFile } from './replay/stand.ts'
import { type AuditReport, withMessage } from './report.ts'
import { compareWithMemory } from './seen-before.ts'
import type { OpenedCheckpoint } from './signed-checkpoint.ts'
import { filledFrom } from './source/filled.ts'
import { IMPATIENT, PATIENT } from './source/http.ts'
import { type LogSource, openSource } from './source/source.ts'
import { toBase64 } from './verify/bytes.ts'

export { AuditError } from './errors.ts'
export type { Finding } from './findings.ts'
export type { ToldRecord } from './pass.ts'
export type { AuditReport } from './report.ts'

export interface AuditOptions {
  /** As `area/0231`, or its log's origin. */
  readonly authority: string
  /** A node's HTTP API, as `http://127.0.0.1:7302`, or a folder that `freehold log export` wrote. */
  readonly from: string
  /** Sources of the same log, of which the bodies are taken that the first one has dropped. */
  readonly fillFrom?: readonly string[] | undefined
  /** Path of the genesis file to trust. */
  readonly genesis: string
  /** In base64, for an org that does not show its records to everybody. */
  readonly grant?: string | undefined
  /** Folder with what was seen before; nothing is remembered without it. */
  readonly memory?: string | undefined
  /** So far apart are the places from which an audit that was broken off is taken up; 50,000 leaves. */
  readonly standEveryLeaves?: number | undefined
  /** Where the next audit would go on from, had this one to end now: so many leaves are kept in the memory as replayed. */
  readonly onKept?: ((leaves: number) => void) | undefined
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
  /** The members' decision, as the source shows it. */
  readonly certificates: string | undefined
}

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
  const { grant } = options
  let others = (options.fillFrom ?? []).map(from => openSource(from, IMPATIENT, grant))
  const notes: string[] = []
  const audit = (): Audit => new Audit(options, genesis, others, notes)
  const resumed = audit()
  const stand = resumed.stand()
  if (stand !== undefined) {
    const report = await resumed.run(stand)
    if (report.ok) return report
    // The stand may be what is wrong: nobody is accused by it.
  }
  for (let attempts = 1; ; ) {
    const next = audit()
    const report = await next.run()
    if (report.ok) return report
    const broken = next.brokenPromises()
    if (broken.length > 0) {
      // What others say is nothing to this log: it is audited once more, without them.
      others = others.filter(other => !broken.some(({ source }) => source === other))
      notes.push(...broken.map(({ source, bodiesFrom }) => brokenPromise(source.name, bodiesFrom)))
    } else if (attempts++ === maxAttempts || !(await next.isOutrun())) return report
  }
}

const undecided = 'No decision of the members is known: who they were was not looked at.'

const isGap: ReadonlySet<FindingCode> = new Set<FindingCode>(['bodies-dropped', 'missing-file'])

const brokenPromise = (name: string, from: number): string =>
  `${name} says that it has the bodies from leaf ${from} on, and does not give them, or gives others: it was left out.`

/** A node may drop the bodies that an audit is about to read. */
const maxAttempts = 3

class Audit {
  readonly #options: AuditOptions
  readonly #log: LogCase
  readonly #findings = new Findings()
  readonly #standFile: StandFile | undefined
  readonly #others: readonly LogSource[]
  #promised: readonly Promised[] = []
  /** Leaves under the checkpoint. */
  #size = 0
  #ownBodiesFrom = 0
  #kept = EVERYTHING

  constructor(
    options: AuditOptions,
    genesis: Genesis,
    others: readonly LogSource[],
    notes: readonly string[],
  ) {
    this.#options = options
    const { grant } = options
    this.#others = others
    const source = filledFrom(openSource(options.from, PATIENT, grant), others, genesis.rules.version)
    this.#log = openCase(source, genesis, options.authority, this.#findings)
    this.#log.notes.push(...notes)
    const { memory, standEveryLeaves = 50_000 } = options
    if (memory !== undefined)
      this.#standFile = new StandFile(
        memory,
        this.#log.origin,
        ownAuditHash(),
        standEveryLeaves,
        options.onKept,
      )
  }

  /** Where an earlier audit has come to, if the records are for nobody else to see. */
  stand(): Stand | undefined {
    return this.#options.onRecord === undefined ? this.#standFile?.load() : undefined
  }

  async run(stand?: Stand): Promise<AuditReport> {
    const { genesis, signers, origin, folder, source } = this.#log
    const { memory: memoryFolder, onLog, onRecord, onProgress } = this.#options
    const kept = await this.#readKept()
    const { shown, opened } = await readHead(this.#log)
    if (opened === undefined)
      return this.#report(undefined, this.#replayFrom(undefined, undefined), undefined)
    const { checkpoint, note } = opened
    const decision = decidedUnder(this.#log, checkpoint.size, shown)
    this.#size = checkpoint.size
    onLog?.({ genesis, origin, size: checkpoint.size, note, certificates: decision?.text })
    await checkSmallFiles(this.#log)
    if (shown === undefined) this.#log.notes.push(undecided)
    const memory = memoryFolder === undefined ? undefined : watchedLog(signers, memoryFolder).memory
    const known = new KnownSizes(memory?.checkpoints ?? [])
    const withBodies = await this.#hasBodies(checkpoint.size)
    const begin = withBodies ? await this.#begin(stand, kept, decision) : undefined
    const replay = this.#replayFrom(begin, decision)
    const replays = withBodies && (begin !== undefined || kept.bodiesFrom === 0)
    const parts = { log: this.#log, checkpoint, kept, decision, known, replay, begin, replays }
    const pass = new LogPass({ ...parts, standFile: this.#standFile, onRecord, onProgress })
    const isSigned = await pass.run()
    await checkExtraFiles(source, folder, checkpoint.size, kept, this.#findings)
    if (memory !== undefined) {
      const now = { checkpoint, note, known: isSigned ? known : undefined }
      await compareWithMemory(this.#log, memory, memoryFolder!, now)
    }
    if (memoryFolder !== undefined && isSigned && !isStand(begin))
      await this.#accuse(memoryFolder, note, replay, begin)
    return this.#report(opened, replay, pass.isDecided ? decision : undefined)
  }

  /** Nothing is wrong but that the source has dropped bodies meanwhile. */
  async isOutrun(): Promise<boolean> {
    if (this.#findings.list().some(({ code }) => code !== 'bodies-dropped')) return false
    const { bodiesFrom } = this.#kept
    return (await this.#readKept()).bodiesFrom > bodiesFrom
  }

  /** Of the first bodies that are missing: who said to have them. */
  brokenPromises(): readonly Promised[] {
    const missing = this.#findings
      .list()
      .find(({ code, file }) => isGap.has(code) && file.startsWith(`${this.#log.folder}/bodies/`))
    if (missing === undefined || missing.firstLeaf >= this.#ownBodiesFrom) return []
    const end = (Math.floor(missing.firstLeaf / tileWidth) + 1) * tileWidth
    return this.#promised.filter(({ bodiesFrom }) => bodiesFrom < end)
  }

  /** With the bodies that others say they still have. */
  async #readKept(): Promise<Kept> {
    const own = await readKept(this.#log)
    this.#ownBodiesFrom = own.bodiesFrom
    this.#promised = await promisesOf(this.#others, this.#log.folder, own)
    const all = [own.bodiesFrom, ...this.#promised.map(({ bodiesFrom }) => bodiesFrom)]
    this.#kept = { ...own, bodiesFrom: Math.min(...all) }
    return this.#kept
  }

  async #begin(
    stand: Stand | undefined,
    kept: Kept,
    decision: Decision | undefined,
  ): Promise<Stand | DecidedBase | undefined> {
    // Where more can be replayed now than was then, it is.
    if (
      stand !== undefined &&
      stand.size >= kept.bodiesFrom &&
      (stand.counts.from === 0 || kept.bodiesFrom > 0)
    )
      return stand
    if (kept.bodiesFrom === 0) return undefined
    // Whoever wants all records is not content with the last ones.
    const usable = this.#options.onRecord === undefined ? kept : { ...kept, snapshots: [] }
    return await decidedBase(this.#log, this.#size, usable, decision)
  }

  #replayFrom(base: Stand | DecidedBase | undefined, decision: Decision | undefined): Replay {
    const { genesis, area, folder, notes } = this.#log
    const fileOf = (leaf: number): string => bodiesFile(this.#log, leaf, this.#size)
    const begin = (from?: Stand | DecidedBase) =>
      new Replay(genesis, area, this.#findings, fileOf, from, decision)
    try {
      return Object.assign(begin(base), isStand(base) ? base.counts : { from: base?.size ?? 0 })
    } catch {
      notes.push('What was replayed before cannot be gone on from.')
      this.#findings.add('malformed', folder, 0, 0, 'the replay could not be resumed')
      return begin()
    }
  }

  /** Whether any bodies are there: those of the first leaves, or of the last. */
  async #hasBodies(size: number): Promise<boolean> {
    if (size === 0) return true
    const { source, folder } = this.#log
    for (const leaf of [0, size - 1]) {
      if ((await source.read(bodiesFile(this.#log, leaf, size), 0)) !== undefined) return true
    }
    const what =
      'the source withholds the bodies, so the records cannot be replayed; a member may give you a grant'
    this.#findings.add('bodies-withheld', `${folder}/bodies`, 0, size - 1, what)
    return false
  }

  /** What the signed records show is kept as evidence: whoever signed them can't take that back. */
  async #accuse(
    memoryFolder: string,
    note: string,
    { segments }: Replay,
    base: DecidedBase | undefined,
  ): Promise<void> {
    const { evidence, notes } = this.#log
    const log = { ...this.#log, size: this.#size, note, segments, base }
    for (const [finding, text] of await accusationsFor(log, this.#findings.list())) {
      if (text !== undefined) evidence.set(finding, keepEvidence(memoryFolder, text))
      else {
        const what = `What was found at leaf ${finding.firstLeaf} takes more than evidence may: it is proven by auditing the log.`
        notes.push(what)
      }
    }
  }

  #report(head: OpenedCheckpoint | undefined, replay: Replay, decision: Decision | undefined): AuditReport {
    const { evidence, origin, notes } = this.#log
    const { records, inputs, sealedRoots, lastHeight, voidRecords } = replay
    return withMessage({
      ok: this.#findings.count === 0,
      origin,
      size: head?.checkpoint.size ?? 0,
      root: head === undefined ? '' : toBase64(head.checkpoint.root),
      signedBy: head?.signedBy ?? [],
      ...{ replayedFrom: replay.from, records, inputs, sealedRoots, lastHeight, voidRecords },
      decidedSize: decision?.size ?? 0,
      decidedBy: decision?.by ?? [],
      notes,
      findings: this.#findings.list().map(finding => {
        const file = evidence.get(finding)
        return file === undefined ? finding : { ...finding, evidence: file }
      }),
      omittedFindings: this.#findings.omitted,
    })
  }
}

function isStand(begin: Stand | DecidedBase | undefined): begin is Stand {
  return begin !== undefined && 'counts' in begin
}
