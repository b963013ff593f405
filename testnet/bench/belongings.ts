import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { defaultDataDir } from '../../daemon/config/settings.ts'

type End = () => Promise<void> | void

/** Two signals within this time are one: a Ctrl-C reaches this process more than once. */
const togetherMs = 300

/** All that a benchmark has started: it ends with it, in the reverse order, also on a signal. */
export class Belongings {
  readonly #ends: End[] = []
  #ending: Promise<void> | undefined
  #signalledMs = Number.NEGATIVE_INFINITY

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => this.#signalled(constants.signals[signal]))
    }
  }

  get ended(): boolean {
    return this.#ending !== undefined
  }

  /** @param end called once; safe to call when what it ends is gone already */
  add(end: End): void {
    this.#ends.push(end)
  }

  /** A fresh folder on the disk that nodes keep their data on: `/tmp` may be in memory, where a sync costs nothing. */
  folder(): string {
    const parent = defaultDataDir('bench', process.env)
    mkdirSync(parent, { recursive: true })
    const folder = mkdtempSync(join(parent, 'run-'))
    this.add(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    return folder
  }

  end(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    for (const end of this.#ends.reverse()) {
      try {
        await end()
      } catch (error) {
        process.stderr.write(`bench: ${(error as Error).message}\n`)
      }
    }
  }

  #signalled(signal: number): void {
    const isEcho = performance.now() - this.#signalledMs < togetherMs
    this.#signalledMs = performance.now()
    if (isEcho) return
    if (this.ended) process.exit(128 + signal)
    void this.end().then(() => process.exit(128 + signal))
  }
}
