import { learnMembers } from '../decision.ts'
import { AuditError } from '../errors.ts'
import { formatTwoFaces, type TwoFaces } from '../evidence.ts'
import { type OpenedCheckpoint, openCheckpoint, type RefusedCheckpoint } from '../signed-checkpoint.ts'
import type { LogSource } from '../source/source.ts'
import { equalBytes } from '../verify/bytes.ts'
import type { Checkpoint } from '../verify/checkpoint.ts'
import { consistencyRoots } from '../verify/merkle.ts'
import { readConsistencyPath } from './consistency-path.ts'
import type { Sighting } from './sighting.ts'
import type { WatchedLog } from './watched-log.ts'

export interface MonitorOptions {
  readonly sources: readonly LogSource[]
  readonly logs: readonly WatchedLog[]
  readonly nowMs: () => number
  /** A log that has not grown for so long is said to stand still. */
  readonly stillAfterMs: number
  /** Keeps evidence; returns the name of its file. */
  readonly keep: (evidence: string) => string
}

/** `unread`: nobody showed what it takes to decide. */
type Verdict = 'fits' | { readonly unread: true } | { readonly badTiles: LogSource } | TwoFaces

interface Head {
  readonly note: string
  readonly checkpoint: Checkpoint
}

/** Of one log: the largest head that was found to extend all others. */
interface Watched extends WatchedLog {
  head: Head | undefined
  grewAtMs: number
  still: boolean
  /** What has been told, by kind, source and size. */
  readonly told: Set<string>
  /** Sources that contradict it: beside the rest, which a liar could fill. */
  readonly accused: Set<LogSource>
}

const maxCheckpointBytes = 64 * 1024
const maxTold = 1_000

/** Compares what several sources say of the same logs, for as long as it is asked to `look`. */
export class Monitor {
  readonly #options: MonitorOptions
  readonly #watched: Watched[]
  readonly #silent = new Set<string>()
  /** Who showed the largest head of a log, in this run. */
  readonly #shownBy = new Map<Watched, LogSource>()

  constructor(options: MonitorOptions) {
    this.#options = options
    const grewAtMs = options.nowMs()
    this.#watched = options.logs.map(log => ({
      ...log,
      head: undefined,
      grewAtMs,
      still: false,
      told: new Set(),
      accused: new Set(),
    }))
  }

  /** One round over all sources and logs. */
  async look(): Promise<Sighting[]> {
    const found: Sighting[] = []
    const answers = await Promise.all(this.#options.sources.map(source => this.#readAll(source, found)))
    for (const [i, source] of this.#options.sources.entries()) {
      for (const { log, bytes } of answers[i]!) await this.#compare(log, source, bytes, found)
    }
    for (const log of this.#watched) this.#noteStillness(log, found)
    return found
  }

  async #readAll(source: LogSource, found: Sighting[]): Promise<{ log: Watched; bytes: Uint8Array }[]> {
    const read: { log: Watched; bytes: Uint8Array }[] = []
    try {
      for (const log of this.#watched) {
        const bytes = await source.read(`log/${log.origin}/checkpoint`, maxCheckpointBytes)
        // A node need not hold every log.
        if (bytes !== undefined) read.push({ log, bytes })
      }
      if (this.#silent.delete(source.name)) found.push({ kind: 'answers-again', source: source.name })
    } catch (error) {
      if (!(error instanceof AuditError)) throw error
      if (!this.#silent.has(source.name)) found.push({ kind: 'silent', source: source.name })
      this.#silent.add(source.name)
    }
    return read
  }

  async #compare(log: Watched, source: LogSource, bytes: Uint8Array, found: Sighting[]): Promise<void> {
    const { origin, memory } = log
    const opened = await this.#open(log, source, bytes)
    if (!opened.ok) {
      const { code, size, strangers } = opened
      if (code === 'not-a-member') this.#tell(log, source, size ?? 0, code, found, strangers)
      else this.#tell(log, source, size ?? 0, 'bad-checkpoint', found)
      return
    }
    const { note, checkpoint } = opened
    const { size } = checkpoint
    if (size < memory.sizeAt(source.name)) this.#tell(log, source, size, 'went-back', found)
    if (log.head === undefined && memory.newest === undefined)
      found.push({ kind: 'first-seen', origin, source: source.name, size })
    const verdict = await this.#fits(log, source, { note, checkpoint })
    if (verdict === 'fits') this.#take(log, source, { note, checkpoint })
    else if ('badTiles' in verdict) this.#tell(log, verdict.badTiles, size, 'bad-tiles', found)
    else if ('newer' in verdict) this.#accuse(log, source, size, verdict, found)
  }

  /** Who became a member later, the source has certificates of. */
  async #open(
    log: Watched,
    source: LogSource,
    bytes: Uint8Array,
  ): Promise<OpenedCheckpoint | RefusedCheckpoint> {
    const opened = openCheckpoint(bytes, log.signers)
    if (opened.ok || opened.code !== 'not-a-member') return opened
    if (log.told.has(saying('not-a-member', source, opened.size ?? 0))) return opened
    await learnMembers(log.signers, source)
    return openCheckpoint(bytes, log.signers)
  }

  /** Against every head that was seen before, in this run and in earlier ones. */
  async #fits(log: Watched, source: LogSource, head: Head): Promise<Verdict> {
    for (const known of this.#knownHeads(log, head.checkpoint.size)) {
      const newerIsKnown = known.checkpoint.size > head.checkpoint.size
      const [older, newer] = newerIsKnown ? [head, known] : [known, head]
      const verdict = await this.#agree(log, newerIsKnown ? this.#shownBy.get(log) : source, older!, newer!)
      if (verdict !== 'fits') return verdict
    }
    return 'fits'
  }

  /** The newest; and, should it be of another size, the one of that very size. */
  #knownHeads(log: Watched, size: number): Head[] {
    const newest = log.head ?? log.memory.newestHead
    const same = log.memory.headOf(size)
    return [
      ...(newest === undefined ? [] : [newest]),
      ...(same === undefined || same === newest ? [] : [same]),
    ]
  }

  /** @param source of the newer one, which must show how it grew out of the older */
  async #agree(log: Watched, source: LogSource | undefined, older: Head, newer: Head): Promise<Verdict> {
    const [a, b] = [older.checkpoint, newer.checkpoint]
    if (a.size === b.size)
      return equalBytes(a.root, b.root) ? 'fits' : { older: older.note, newer: newer.note, path: [] }
    if (a.size === 0) return 'fits'
    if (source === undefined) return { unread: true }
    const read = (path: string, maxBytes: number) => source.read(`log/${log.origin}/${path}`, maxBytes)
    let path: Uint8Array[] | undefined
    try {
      path = await readConsistencyPath(read, a.size, b.size)
    } catch (error) {
      if (error instanceof AuditError) return { unread: true }
      throw error
    }
    const roots = path && consistencyRoots(a.size, b.size, path)
    if (roots === undefined || !equalBytes(roots.new, b.root)) return { badTiles: source }
    return equalBytes(roots.old, a.root) ? 'fits' : { older: older.note, newer: newer.note, path: path! }
  }

  #take(log: Watched, source: LogSource, head: Head): void {
    const { size } = head.checkpoint
    const known = log.head?.checkpoint.size ?? -1
    if (size > log.memory.sizeAt(source.name) || log.memory.headOf(size) === undefined)
      log.memory.remember(source.name, head.note, head.checkpoint)
    if (size <= known) return
    log.head = head
    log.grewAtMs = this.#options.nowMs()
    this.#shownBy.set(log, source)
  }

  #accuse(log: Watched, source: LogSource, size: number, faces: TwoFaces, found: Sighting[]): void {
    // Once for each source: whoever has two faces goes on to have them.
    if (log.accused.has(source)) return
    log.accused.add(source)
    const file = this.#options.keep(formatTwoFaces(faces))
    found.push({ kind: 'two-faces', origin: log.origin, source: source.name, size, file })
  }

  #tell(
    log: Watched,
    source: LogSource,
    size: number,
    kind: 'bad-checkpoint' | 'not-a-member' | 'bad-tiles' | 'went-back',
    found: Sighting[],
    nodes: readonly number[] = [],
  ): void {
    const name = saying(kind, source, size)
    if (log.told.has(name) || log.told.size >= maxTold) return
    log.told.add(name)
    const told = { origin: log.origin, source: source.name, size }
    found.push(kind === 'not-a-member' ? { kind, ...told, nodes } : { kind, ...told })
  }

  #noteStillness(log: Watched, found: Sighting[]): void {
    const size = log.head?.checkpoint.size ?? 0
    const still = this.#options.nowMs() - log.grewAtMs >= this.#options.stillAfterMs
    if (still === log.still) return
    log.still = still
    found.push({ kind: still ? 'stands-still' : 'grows-again', origin: log.origin, size })
  }
}

function saying(kind: Sighting['kind'], source: LogSource, size: number): string {
  return `${kind} ${source.name} ${size}`
}
