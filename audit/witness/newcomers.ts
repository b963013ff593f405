import { learnMembers } from '../decision.ts'
import { openCheckpoint } from '../signed-checkpoint.ts'
import type { LogSigners } from '../signers.ts'
import type { LogSource } from '../source/source.ts'
import { parseAddCheckpoint } from './add-checkpoint.ts'

export interface NewcomersOptions {
  /** By origin. */
  readonly logs: ReadonlyMap<string, LogSigners>
  /** Where the logs' certificates are read: whoever has them, they prove themselves. */
  readonly sources: () => readonly LogSource[]
  readonly nowMs: () => number
}

/** Of one log: whoever has a key of the network could have it read for ever. */
const readEveryMs = 10_000

/** Nobody tells a witness who became a member: it reads the certificates when a node has signed that it takes for a stranger. */
export class Newcomers {
  readonly #options: NewcomersOptions
  readonly #readAtMs = new Map<string, number>()

  constructor(options: NewcomersOptions) {
    this.#options = options
  }

  /** @param body of a request that is not answered yet */
  async meet(body: Uint8Array): Promise<void> {
    const request = parseAddCheckpoint(body)
    const signers = request && this.#options.logs.get(request.origin)
    if (request === undefined || signers === undefined) return
    const opened = openCheckpoint(Buffer.from(request.note), signers)
    if (opened.ok || opened.code !== 'not-a-member') return
    const nowMs = this.#options.nowMs()
    if (nowMs - (this.#readAtMs.get(request.origin) ?? Number.NEGATIVE_INFINITY) < readEveryMs) return
    this.#readAtMs.set(request.origin, nowMs)
    await Promise.all(this.#options.sources().map(source => learnMembers(signers, source)))
  }
}
