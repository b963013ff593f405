import { join } from 'node:path'
import { writeDurably } from './durable-file.ts'
import { AuditError } from './errors.ts'
import { isText, isWhole, jsonOf, listOf, objectOf } from './json.ts'
import { readKeptFile } from './kept-file.ts'
import { openCheckpoint } from './signed-checkpoint.ts'
import type { LogSigners } from './signers.ts'
import { equalBytes } from './verify/bytes.ts'
import type { Checkpoint } from './verify/checkpoint.ts'

export interface Seen {
  readonly note: string
  readonly checkpoint: Checkpoint
}

/** The newest one is always kept; of the older ones every second goes when there are too many. */
const maxSeen = 64
const maxSources = 1000
const maxFileBytes = 16 * 1024 * 1024

/**
 * What an auditor saw of one log before: signed checkpoints, and how far each source was. A log that grew holds every one of them
 * at its size.
 */
export class LogMemory {
  readonly #path: string
  readonly #signers: LogSigners
  /** By size. */
  #seen: Seen[]
  readonly #sources: Map<string, number>

  /** @param signers of the log; they learn of members that were known before */
  constructor(folder: string, signers: LogSigners) {
    this.#path = join(folder, `${encodeURIComponent(signers.origin)}.json`)
    this.#signers = signers
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
    const notes = this.#seen.map(({ note }) => note)
    writeDurably(this.#path, formatMemory({ notes, sources: this.#sources, members: this.#signers.later }))
  }

  #load(): { checkpoints: Seen[]; sources: Map<string, number> } {
    let text: string | undefined
    try {
      text = readKeptFile(this.#path, maxFileBytes)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw this.#bad(`it cannot be read (${code ?? message})`)
    }
    if (text === undefined) return { checkpoints: [], sources: new Map() }
    const kept = parseMemory(text)
    if (kept === undefined) throw this.#bad('it is malformed')
    this.#signers.learn([...kept.members].map(([node, epoch]) => ({ epoch, members: [node] })))
    const checkpoints = kept.notes.flatMap(note => {
      const opened = openCheckpoint(Buffer.from(note), this.#signers)
      if (opened.ok) return [{ note, checkpoint: opened.checkpoint }]
      // An older version of this program took any node for a signer.
      if (opened.code === 'not-a-member') return []
      throw this.#bad('a checkpoint in it is not signed by a member')
    })
    return { checkpoints, sources: new Map(kept.sources) }
  }

  #bad(why: string): AuditError {
    return new AuditError(
      'bad-memory',
      `What was seen before stands in ${this.#path}, but ${why}: remove it to start anew.`,
    )
  }
}

/** What stands in the file. */
export interface KeptMemory {
  /** Signed checkpoints, by size. */
  readonly notes: readonly string[]
  readonly sources: ReadonlyMap<string, number>
  /** Who became a member later, with the first epoch that a certificate named it in. */
  readonly members: ReadonlyMap<number, number>
}

export function formatMemory({ notes, sources, members }: KeptMemory): string {
  const later = members.size > 0 && { members: Object.fromEntries(members) }
  const file = { format: 1, checkpoints: notes, sources: Object.fromEntries(sources), ...later }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** Undefined unless it is what `formatMemory` makes. */
export function parseMemory(text: string): KeptMemory | undefined {
  const file = objectOf(jsonOf(text))
  const notes = listOf(file?.['checkpoints'], isText)
  const sources = Object.entries(objectOf(file?.['sources']) ?? {})
  const members = Object.entries(objectOf(file?.['members']) ?? {})
  if (notes === undefined || !sources.every(isNumbered) || !members.every(isNumbered)) return undefined
  const later = members.map(([node, epoch]) => [Number(node), epoch] as const)
  const memory = { notes, sources: new Map(sources), members: new Map(later) }
  return formatMemory(memory) === text ? memory : undefined
}

function isNumbered(pair: [string, unknown]): pair is [string, number] {
  return isWhole(pair[1])
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
