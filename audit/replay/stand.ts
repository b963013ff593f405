import { join } from 'node:path'
import type { StateEntry } from '../../world/interface.ts'
import { writeDurably } from '../durable-file.ts'
import { isText, isWhole, jsonOf, listOf, objectOf } from '../json.ts'
import { readKeptFile } from '../kept-file.ts'
import { fromBase64, toBase64 } from '../verify/bytes.ts'
import type { Replay } from './replay.ts'

/** How far a replay has come: the next audit begins there, and holds it against the log's leaves and the seal that follows. */
export interface Stand {
  /** That has replayed it: `ownAuditHash`. */
  readonly program: string
  /** Just after a mark, which a seal has followed; and the log's root there. */
  readonly size: number
  readonly root: string
  /** What was counted up to there. */
  readonly counts: Pick<Replay, 'from' | 'records' | 'inputs' | 'sealedRoots' | 'voidRecords'>
  readonly state: readonly StateEntry[]
}

/** Of the keys and values: a larger state is replayed from the beginning. */
const maxStateBytes = 64 * 1024 * 1024
/** In base64 it is a third longer, and small entries are half of quotes and commas. */
const maxFileBytes = 4 * maxStateBytes

export function formatStand({ program, size, root, counts, state }: Stand): string {
  const { from, records, inputs, sealedRoots, voidRecords } = counts
  const file = {
    ...{ program, size, root, counts: { from, records, inputs, sealedRoots, voidRecords } },
    state: state.map(({ key, value }) => [toBase64(key), toBase64(value)]),
  }
  return `${JSON.stringify(file)}\n`
}

/** Undefined unless it is what `formatStand` makes. */
export function parseStand(text: string): Stand | undefined {
  const file = objectOf(jsonOf(text))
  const counts = objectOf(file?.['counts'])
  const { program, size, root } = file ?? {}
  const { from, records, inputs, sealedRoots, voidRecords } = counts ?? {}
  if (!isText(program) || !isText(root) || !isWhole(size) || size === 0) return undefined
  if (
    !isWhole(from) ||
    !isWhole(records) ||
    !isWhole(inputs) ||
    !isWhole(sealedRoots) ||
    !isWhole(voidRecords)
  )
    return undefined
  const state = listOf(file?.['state'], isPair)?.map(([key, value]) => {
    return { key: fromBase64(key), value: fromBase64(value) }
  })
  if (!state?.every((entry): entry is StateEntry => entry.key !== undefined && entry.value !== undefined))
    return undefined
  const stand = { program, size, root, counts: { from, records, inputs, sealedRoots, voidRecords }, state }
  return formatStand(stand) === text ? stand : undefined
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every(isText)
}

/** Keeps one stand of each log in a file, and takes a new one every `everyLeaves`. */
export class StandFile {
  readonly #path: string
  readonly #program: string
  readonly #everyLeaves: number
  readonly #kept: (leaves: number) => void
  #taken: Stand | undefined
  #savedSize = 0

  /** @param kept is told how many leaves the stand covers that was loaded or saved last */
  constructor(
    folder: string,
    origin: string,
    program: string,
    everyLeaves: number,
    kept: (leaves: number) => void = () => {},
  ) {
    this.#path = join(folder, `${encodeURIComponent(origin)}.stand`)
    this.#program = program
    this.#everyLeaves = everyLeaves
    this.#kept = kept
  }

  /** Undefined when there is none that can be read, or another program has left it. */
  load(): Stand | undefined {
    let stand: Stand | undefined
    try {
      stand = parseStand(readKeptFile(this.#path, maxFileBytes) ?? '')
    } catch {
      return undefined
    }
    if (stand?.program !== this.#program) return undefined
    this.#savedSize = stand.size
    this.#kept(stand.size)
    return stand
  }

  /** Just after a mark at which a replay in good order stands. */
  marked(replay: Replay, size: number, root: () => Uint8Array): void {
    if (size < this.#savedSize + this.#everyLeaves) return
    const { from, records, inputs, sealedRoots, voidRecords } = replay
    const counts = { from, records, inputs, sealedRoots, voidRecords }
    this.#taken = {
      program: this.#program,
      size,
      root: toBase64(root()),
      counts,
      state: replay.stateAtMark(),
    }
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
    writeDurably(this.#path, formatStand(taken))
    this.#kept(taken.size)
  }
}
