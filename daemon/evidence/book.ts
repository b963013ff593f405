import { sha256 } from '../../storage/sha256.ts'
import type { Judgement, Proven } from './judge.ts'

/** Evidence that this node keeps. */
export interface Exhibit extends Proven {
  /** The beginning of its SHA-256, 16 hex digits: also its file's name. */
  readonly id: string
  /** The file. */
  readonly text: string
  /** By this node's wall clock, in ms. */
  readonly keptAtMs: number
}

/** `new`: kept. `same`, `alike`: it, or enough that says the same, is there. `full`: others are accused less often. */
export type Filed = 'new' | 'same' | 'alike' | 'full' | Exclude<Judgement, Proven>

export interface BookOptions {
  readonly judge: (text: string) => Judgement
  /** Makes it durable. May throw: then it is not kept. */
  readonly keep: (exhibit: Exhibit) => void
  readonly drop: (id: string) => void
}

/** Of one kind about the same nodes and log: who lies once more needs no more proof. */
const maxAlike = 4
const maxKept = 512

/**
 * All evidence that this node has, once each. When there is no room for more, whoever is named most often loses the
 * latest piece, so that one liar's many contradictions leave room for another's first.
 */
export class EvidenceBook {
  readonly #options: BookOptions
  readonly #kept = new Map<string, Exhibit>()
  /** By what they say. */
  readonly #said = new Set<string>()

  constructor(options: BookOptions) {
    this.#options = options
  }

  /** The oldest first. */
  list(): Exhibit[] {
    return [...this.#kept.values()]
  }

  get(id: string): Exhibit | undefined {
    return this.#kept.get(id)
  }

  /** @throws what `keep` throws */
  add(text: string, keptAtMs: number): { readonly filed: Filed; readonly exhibit: Exhibit | undefined } {
    const id = evidenceId(text)
    const known = this.#kept.get(id)
    if (known !== undefined) return { filed: 'same', exhibit: known }
    const proven = this.#options.judge(text)
    if (typeof proven === 'string') return { filed: proven, exhibit: undefined }
    const exhibit: Exhibit = { ...proven, id, text, keptAtMs }
    if (this.#said.has(sayingOf(exhibit)) || this.#alike(exhibit) >= maxAlike)
      return { filed: 'alike', exhibit }
    if (this.#kept.size >= maxKept && !this.#makeRoom(exhibit)) return { filed: 'full', exhibit }
    this.#options.keep(exhibit)
    this.#kept.set(id, exhibit)
    this.#said.add(sayingOf(exhibit))
    return { filed: 'new', exhibit }
  }

  #alike(exhibit: Exhibit): number {
    const group = groupOf(exhibit)
    return this.list().filter(kept => groupOf(kept) === group).length
  }

  #makeRoom(exhibit: Exhibit): boolean {
    const named = new Map<number, number>()
    for (const { signers } of [exhibit, ...this.#kept.values()])
      for (const node of signers) named.set(node, (named.get(node) ?? 0) + 1)
    const [most] = [...named].reduce((a, b) => (b[1] > a[1] ? b : a))
    if (exhibit.signers.includes(most)) return false
    const latest = this.list().findLast(({ signers }) => signers.includes(most))!
    this.#options.drop(latest.id)
    this.#kept.delete(latest.id)
    this.#said.delete(sayingOf(latest))
    return true
  }
}

export function evidenceId(text: string): string {
  return Buffer.from(sha256(Buffer.from(text)))
    .toString('hex')
    .slice(0, 16)
}

function groupOf({ kind, origin, accused, signers }: Exhibit): string {
  return [kind, origin, accused.length > 0 ? accused.join() : `${signers.join()}?`].join(' ')
}

/** A contradiction in which nobody is proven to lie is the same one whoever signed for its two sides. */
function sayingOf({ kind, origin, accused, place, contradiction }: Exhibit): string {
  return [kind, origin, place, accused.length > 0 ? accused.join() : contradiction].join(' ')
}
