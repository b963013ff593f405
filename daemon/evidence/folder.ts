import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileDurably } from '../identity/durable-file.ts'
import { maxEvidenceChars } from './judge.ts'

export interface FoundFile {
  readonly path: string
  readonly text: string
  /** When it was written, by the wall clock, in ms. */
  readonly writtenMs: number
}

const suffix = '.evidence'
/** Of files that are looked at, in all, while a node runs. */
const maxSeen = 10_000
const maxAtOnce = 64

/**
 * Evidence in the data directory: what the node keeps in a folder of its own, and what others put there or, as a witness
 * does, beside it. A file is read once.
 */
export class EvidenceFolder {
  readonly #own: string
  readonly #watched: readonly string[]
  readonly #seen = new Set<string>()
  readonly #stamps = new Map<string, number>()

  /** @param others further folders whose evidence is to be read */
  constructor(own: string, others: readonly string[]) {
    mkdirSync(own, { recursive: true })
    this.#own = own
    this.#watched = [own, ...others]
  }

  pathOf(id: string): string {
    return join(this.#own, `${id}${suffix}`)
  }

  /** Durable when it returns. @throws what writing throws */
  keep(id: string, text: string): void {
    const path = this.pathOf(id)
    if (!this.#seen.has(path)) writeFileDurably(path, text)
    this.#seen.add(path)
  }

  drop(id: string): void {
    rmSync(this.pathOf(id), { force: true })
    this.#seen.delete(this.pathOf(id))
  }

  /** Files that were not read yet, some at a time. */
  look(): FoundFile[] {
    const found: FoundFile[] = []
    for (const folder of this.#watched) {
      const stamp = statSync(folder, { throwIfNoEntry: false })?.mtimeMs
      if (stamp === undefined || stamp === this.#stamps.get(folder)) continue
      const names = readdirSync(folder).filter(name => name.endsWith(suffix))
      const fresh = names.map(name => join(folder, name)).filter(path => !this.#seen.has(path))
      for (const path of fresh.slice(0, maxAtOnce)) {
        if (this.#seen.size >= maxSeen) return found
        this.#seen.add(path)
        const file = readEvidence(path)
        if (file !== undefined) found.push(file)
      }
      if (fresh.length <= maxAtOnce) this.#stamps.set(folder, stamp)
    }
    return found
  }
}

/** Undefined when it is gone, or too long to be evidence. */
function readEvidence(path: string): FoundFile | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.size > maxEvidenceChars) return undefined
  try {
    return { path, text: readFileSync(path, 'utf8'), writtenMs: Math.round(stat.mtimeMs) }
  } catch {
    return undefined
  }
}
