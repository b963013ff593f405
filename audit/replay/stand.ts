import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StateEntry } from '../../world/world.ts'
import { writeDurably } from '../durable-file.ts'
import { fromBase64, toBase64 } from '../verify/bytes.ts'
import type { Replay } from './replay.ts'

/** How far a replay has come: the next audit begins there, and holds it against the log's leaves and the seal that follows. */
export interface Stand {
  readonly rules: string
  /** Just after a mark, which a seal has followed; and the log's root there. */
  readonly size: number
  readonly root: string
  /** What was counted up to there. */
  readonly counts: Pick<Replay, 'from' | 'records' | 'inputs' | 'sealedRoots' | 'voidRecords'>
  readonly state: readonly StateEntry[]
}

/** Of the keys and values: a larger state is replayed from the beginning. */
const maxStateBytes = 64 * 1024 * 1024

/** Keeps one stand of each log in a file, and takes a new one every `everyLeaves`. */
export class StandFile {
  readonly #path: string
  readonly #rules: string
  readonly #everyLeaves: number
  #taken: Stand | undefined
  #savedSize = 0

  constructor(folder: string, origin: string, rules: string, everyLeaves: number) {
    this.#path = join(folder, `${encodeURIComponent(origin)}.stand`)
    this.#rules = rules
    this.#everyLeaves = everyLeaves
  }

  /** Undefined when there is none that can be read, or it is of other rules. */
  load(): Stand | undefined {
    try {
      const { state, ...stand } = JSON.parse(readFileSync(this.#path, 'utf8')) as Omit<Stand, 'state'> & {
        state: readonly (readonly [string, string])[]
      }
      if (stand.rules !== this.#rules || !Number.isSafeInteger(stand.size) || stand.size < 1) return undefined
      this.#savedSize = stand.size
      const entries = state.map(([key, value]) => ({ key: fromBase64(key)!, value: fromBase64(value)! }))
      return { ...stand, state: entries }
    } catch {
      return undefined
    }
  }

  /** Just after a mark at which a replay in good order stands. */
  marked(replay: Replay, size: number, root: () => Uint8Array): void {
    if (size < this.#savedSize + this.#everyLeaves) return
    const { from, records, inputs, sealedRoots, voidRecords } = replay
    const counts = { from, records, inputs, sealedRoots, voidRecords }
    this.#taken = { rules: this.#rules, size, root: toBase64(root()), counts, state: replay.stateAtMark() }
  }

  /** Just after a seal: what was taken at its mark is kept. */
  sealed({ segments }: Replay): void {
    const taken = this.#taken
    this.#taken = undefined
    if (taken === undefined || segments.at(-1)?.markSize !== taken.size) return
    let bytes = 0
    for (const { key, value } of taken.state) bytes += key.length + value.length
    if (bytes > maxStateBytes) return
    this.#savedSize = taken.size
    const state = taken.state.map(({ key, value }) => [toBase64(key), toBase64(value)])
    writeDurably(this.#path, `${JSON.stringify({ ...taken, state })}\n`)
  }
}
