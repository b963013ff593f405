import { askHttp } from '../../client/protocol/http.ts'
import { noteVerifier } from '../../storage/log/note-keys.ts'
import { parseVkey } from '../../storage/log/vkey.ts'
import type { PublishedLog } from '../hosting/log-view.ts'
import { stampOf } from '../identity/list-file.ts'
import { readWitnesses, type WitnessEntry } from './list.ts'
import { WitnessClient } from './witness-client.ts'

export interface AskingParts {
  /** Where the list of witnesses stands. */
  readonly file: string
  readonly logs: () => readonly PublishedLog[]
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: string, facts: Record<string, unknown>) => void
}

interface Asked {
  readonly entry: WitnessEntry
  readonly client: WitnessClient
  /** By origin: the last size that it has cosigned, or is beyond. */
  readonly askedFor: Map<string, number>
  readonly waiting: Set<string>
  restUntilMs: number
  failures: number
}

const lookEveryMs = 200
/** Of one witness at once, however many logs there are. */
const maxWaiting = 16
/** A witness is a stranger. */
const limits = { timeoutMs: 5_000, maxBytes: 16_384 }
const firstRestMs = 1_000
const longestRestMs = 60_000

/** Has the witnesses of the list cosign every checkpoint that this node publishes, one at a time for each log. */
export class WitnessAsking {
  readonly #parts: AskingParts
  readonly #timer: NodeJS.Timeout
  #witnesses: Asked[] = []
  #stamp = -1

  constructor(parts: AskingParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#look(), lookEveryMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    this.#readList()
    const nowMs = performance.now()
    for (const witness of this.#witnesses) {
      if (nowMs < witness.restUntilMs) continue
      for (const log of this.#parts.logs()) {
        if (witness.waiting.size >= maxWaiting) break
        const { origin, size } = log
        if (size === 0 || witness.waiting.has(origin) || witness.askedFor.get(origin) === size) continue
        void this.#ask(witness, log)
      }
    }
  }

  #readList(): void {
    const stamp = stampOf(this.#parts.file)
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    try {
      this.#witnesses = readWitnesses(this.#parts.file).map(askedOf)
    } catch (error) {
      this.#parts.log('the list of witnesses is refused', { error: (error as Error).message })
    }
  }

  async #ask(witness: Asked, log: PublishedLog): Promise<void> {
    const { origin } = log
    const { size, note } = log.signed()!
    witness.waiting.add(origin)
    const prove = (oldSize: number) => log.consistencyProof(oldSize, size)
    const asked = await witness.client.cosign({ origin, size, note, prove })
    witness.waiting.delete(origin)
    this.#parts.count('witness_answers_total', { code: asked.ok ? 'cosigned' : asked.code })
    if (!asked.ok && asked.code !== 'ahead') return this.#rest(witness, origin, asked.why)
    witness.askedFor.set(origin, size)
    witness.failures = 0
    if (asked.ok) log.cosigned(size, asked.signature)
  }

  /** It is asked again for the same checkpoint, if no later one comes first. */
  #rest(witness: Asked, origin: string, why: string): void {
    const nowMs = performance.now()
    // Others that were under way with it fail alike.
    if (nowMs < witness.restUntilMs) return
    witness.restUntilMs = nowMs + Math.min(longestRestMs, firstRestMs * 2 ** witness.failures)
    if (witness.failures++ === 0)
      this.#parts.log('a witness does not cosign', { url: witness.entry.url, origin, why })
  }
}

function askedOf(entry: WitnessEntry): Asked {
  const url = `${entry.url.replace(/\/+$/, '')}/add-checkpoint`
  const client = new WitnessClient(noteVerifier(parseVkey(entry.vkey)!), async post => {
    const { status, body, isWhole } = await askHttp(url, { ...limits, post })
    if (!isWhole) throw new Error('its answer is too long')
    return { status, body: new TextDecoder().decode(body) }
  })
  return { entry, client, askedFor: new Map(), waiting: new Set(), restUntilMs: 0, failures: 0 }
}
