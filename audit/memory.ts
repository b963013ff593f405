import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurably } from './durable-file.ts'
import { AuditError } from './errors.ts'
import { equalBytes } from './verify/bytes.ts'
import type { Checkpoint } from './verify/checkpoint.ts'

/** Parses and checks a signed checkpoint; undefined when it isn't one of this log. */
export type OpenCheckpoint = (note: string) => Checkpoint | undefined

export interface Seen {
  readonly note: string
  readonly checkpoint: Checkpoint
}

/** The newest one is always kept; of the older ones every second goes when there are too many. */
const maxSeen = 64
const maxSources = 1000

/**
 * What an auditor saw of one log before: signed checkpoints, and how far each source was. A log that grew holds every one of them
 * at its size.
 */
export class LogMemory {
  readonly #path: string
  readonly #open: OpenCheckpoint
  /** By size. */
  #seen: Seen[]
  readonly #sources: Map<string, number>

  constructor(folder: string, origin: string, open: OpenCheckpoint) {
    this.#path = join(folder, `${encodeURIComponent(origin)}.json`)
    this.#open = open
    const { checkpoints, sources } = this.#load()
    this.#seen = checkpoints
    this.#sources = sources
  }

  get newest(): Checkpoint | undefined {
    return this.#seen.at(-1)?.checkpoint
  }

  get newestHead(): Seen | undefined {
    return this.#seen.at(-1)
  }

  headOf(size: number): Seen | undefined {
    return this.#seen.find(seen => seen.checkpoint.size === size)
  }

  /** By size. */
  get checkpoints(): readonly Checkpoint[] {
    return this.#seen.map(({ checkpoint }) => checkpoint)
  }

  /** Leaves under the largest checkpoint that this source gave; 0 for a new one. */
  sizeAt(source: string): number {
    return this.#sources.get(source) ?? 0
  }

  remember(source: string, note: string, checkpoint: Checkpoint): void {
    this.#sources.delete(source)
    this.#sources.set(source, Math.max(checkpoint.size, this.sizeAt(source)))
    if (this.#sources.size > maxSources) this.#sources.delete(this.#sources.keys().next().value!)
    if (!this.#seen.some(seen => seen.checkpoint.size === checkpoint.size)) {
      this.#seen = [...this.#seen, { note, checkpoint }].sort((a, b) => a.checkpoint.size - b.checkpoint.size)
    }
    if (this.#seen.length > maxSeen)
      this.#seen = this.#seen.filter((_, i) => i % 2 === 1 || i === this.#seen.length - 1)
    this.#save()
  }

  #save(): void {
    const file = {
      format: 1,
      checkpoints: this.#seen.map(({ note }) => note),
      sources: Object.fromEntries(this.#sources),
    }
    writeDurably(this.#path, `${JSON.stringify(file, undefined, 2)}\n`)
  }

  #load(): { checkpoints: Seen[]; sources: Map<string, number> } {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return { checkpoints: [], sources: new Map() }
      throw this.#bad(`it cannot be read (${code})`)
    }
    const file = jsonOf(text)
    if (file?.format !== 1 || !Array.isArray(file.checkpoints)) throw this.#bad('it is malformed')
    const checkpoints = file.checkpoints.map(note => {
      const checkpoint = typeof note === 'string' ? this.#open(note) : undefined
      if (checkpoint === undefined) throw this.#bad('a checkpoint in it is not signed by a member')
      return { note: note as string, checkpoint }
    })
    const sources = Object.entries(file.sources ?? {}).filter(([, size]) => Number.isSafeInteger(size))
    return { checkpoints, sources: new Map(sources as [string, number][]) }
  }

  #bad(why: string): AuditError {
    return new AuditError(
      'bad-memory',
      `What was seen before stands in ${this.#path}, but ${why}: remove it to start anew.`,
    )
  }
}

function jsonOf(text: string): { format?: unknown; checkpoints?: unknown[]; sources?: object } | undefined {
  try {
    return (JSON.parse(text) ?? undefined) as ReturnType<typeof jsonOf>
  } catch {
    return undefined
  }
}

/** Follows a log's root as it grows, and stops at every size of which a checkpoint is known. */
export class KnownSizes {
  readonly #known: readonly Checkpoint[]
  #next = 0
  /** Up to where the log is the one that was seen. */
  agreedSize = 0
  forkedAt: Checkpoint | undefined

  /** @param known by size */
  constructor(known: readonly Checkpoint[]) {
    this.#known = known
  }

  grown(size: number, root: () => Uint8Array): void {
    const known = this.#known[this.#next]
    if (known === undefined || known.size > size || this.forkedAt !== undefined) return
    this.#next++
    if (equalBytes(known.root, root())) this.agreedSize = size
    else this.forkedAt = known
  }
}
