import type { ChildProcess } from 'node:child_process'
import { Histogram } from '../../client/index.ts'
import type { Position } from '../../world/codec.ts'
import { endProcess, startBotsProcess } from './processes.ts'

/** The newest word of the bots' process. */
export interface PlayerStats {
  readonly bots: number
  readonly connected: number
  readonly submitted: number
  readonly committed: number
  readonly rejected: number
  readonly failed: number
  readonly retried: number
  readonly forged: number
  /** Characters that went from area to area, and what the next action took then. */
  readonly handovers: number
  readonly handoverP50Ms: number
  readonly handoverP99Ms: number
}

export interface PlayersOptions {
  readonly count: number
  readonly gateways: readonly string[]
  readonly areas: readonly string[]
  /** Places that they go to now and then. */
  readonly goals?: readonly Position[]
  readonly genesisPath: string
  readonly promisesPath: string
  readonly actionsPerSecond: number
  readonly seed: number
  /** Nobody strikes anybody. */
  readonly peaceful?: boolean
}

const none: PlayerStats = {
  bots: 0,
  connected: 0,
  submitted: 0,
  committed: 0,
  rejected: 0,
  failed: 0,
  retried: 0,
  forged: 0,
  handovers: 0,
  handoverP50Ms: 0,
  handoverP99Ms: 0,
}
const stopDeadlineMs = 4_000

/** The bots, in a process of their own, and what they say of themselves once a second. */
export class Players {
  stats: PlayerStats = none
  /** Latencies of each past second, with the time at which it ended. */
  readonly #seconds: { readonly endMs: number; readonly latencies: [number, number][] }[] = []
  readonly #child: ChildProcess
  #ended = false

  constructor(options: PlayersOptions) {
    const args = [
      ...['--count', String(options.count), '--gateways', options.gateways.join(',')],
      ...[
        '--areas',
        options.areas.join(','),
        '--genesis',
        options.genesisPath,
        '--promises',
        options.promisesPath,
      ],
      ...['--rate', String(options.actionsPerSecond), '--seed', String(options.seed)],
      ...(options.goals ? ['--goals', options.goals.map(({ xMm, yMm }) => `${xMm},${yMm}`).join(';')] : []),
      ...(options.peaceful === true ? ['--peaceful'] : []),
    ]
    this.#child = startBotsProcess(args, line => this.#line(line))
    this.#child.on('exit', () => {
      this.#ended = true
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  #line(line: string): void {
    const { latencies, type, ...stats } = JSON.parse(line) as PlayerStats & {
      type: string
      latencies: [number, number][]
    }
    this.stats = stats
    this.#seconds.push({ endMs: performance.now(), latencies })
    if (this.#seconds.length > 3600) this.#seconds.shift()
  }

  /** Latencies of the seconds that don't touch any of the given spans of time (of `performance.now`). */
  latencies(
    without: readonly { readonly fromMs: number; readonly toMs: number }[] = [],
    sinceMs = 0,
  ): Histogram {
    const histogram = new Histogram()
    for (const { endMs, latencies } of this.#seconds) {
      const touches = without.some(span => endMs > span.fromMs && endMs - 1_000 < span.toMs)
      if (!touches && endMs >= sinceMs) histogram.addSparse(latencies)
    }
    return histogram
  }

  async stop(): Promise<void> {
    await endProcess(this.#child, stopDeadlineMs)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
