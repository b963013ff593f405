import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, freemem } from 'node:os'
import { FolderSize } from '../identity/folder-size.ts'
import type { TrafficStats } from '../network/traffic.ts'
import { type Caps, type Measured, shareOut } from './shares.ts'

export interface MeasuresParts {
  readonly dataDir: string
  readonly traffic: () => TrafficStats
  readonly caps: Caps
}

/** All that only goes up, and when it was read. */
interface Meter {
  readonly atMs: number
  readonly cpuMs: number
  readonly idleMs: number
  readonly allMs: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

const nothingYet = { atMs: 0, cpuMs: 0, idleMs: 0, allMs: 0, sentBytes: 0, receivedBytes: 0 }
const mib = 1024 * 1024
/** Of processor and bandwidth the mean of about so long is told: what a burst uses is there again in a moment. */
const meanMs = 30_000
/** A data directory grows by minutes. */
const folderEveryMs = 30_000

/** Measures what this process uses of its machine, and what is there for it. */
export class Measures {
  readonly #parts: MeasuresParts
  readonly #folder: FolderSize
  readonly #cores = availableParallelism()
  #folderBytes = 0
  #folderMs = Number.NEGATIVE_INFINITY
  #last: Meter
  #rates: Rates

  /** @param nowMs of a monotonic clock */
  constructor(parts: MeasuresParts, nowMs: number) {
    this.#parts = parts
    this.#folder = new FolderSize(parts.dataDir)
    this.#last = this.#read(nowMs)
    // What it used to start is not what it needs; how idle the machine is, is known since that started.
    this.#rates = { cpu: 0, idleCpu: idleOf(nothingYet, this.#last, this.#cores), bandwidth: 0 }
  }

  /** @param nowMs of a monotonic clock, later than the one before */
  async take(nowMs: number): Promise<Measured> {
    const meter = this.#read(nowMs)
    const rates = ratesOf(this.#last, meter, this.#cores)
    this.#rates = meanOf(this.#rates, rates, (nowMs - this.#last.atMs) / meanMs)
    this.#last = meter
    const { cpu, idleCpu, bandwidth } = this.#rates
    if (nowMs >= this.#folderMs + folderEveryMs) {
      this.#folderMs = nowMs
      this.#folderBytes = await this.#folder.bytes()
    }
    const { bavail, bsize } = await statfs(this.#parts.dataDir)
    const memory = Math.ceil(process.memoryUsage.rss() / mib)
    const free = process.availableMemory?.() ?? freemem()
    return shareOut(
      {
        used: {
          ...{ cpu: Math.round(cpu), memory, disk: Math.ceil(this.#folderBytes / mib) },
          bandwidth: Math.round(bandwidth),
        },
        free: { cpu: idleCpu, memory: free / mib, disk: (bavail * bsize) / mib },
        cores: this.#cores,
      },
      this.#parts.caps,
    )
  }

  #read(atMs: number): Meter {
    const { user, system } = process.cpuUsage()
    let [idleMs, allMs] = [0, 0]
    for (const { times } of cpus()) {
      idleMs += times.idle
      allMs += times.idle + times.user + times.sys + times.nice + times.irq
    }
    return { atMs, cpuMs: (user + system) / 1000, idleMs, allMs, ...this.#parts.traffic() }
  }
}

interface Rates {
  /** Thousandths of a core. */
  readonly cpu: number
  readonly idleCpu: number
  /** kbit/s of the busier way, since a connection carries both at once. */
  readonly bandwidth: number
}

function ratesOf(last: Meter, now: Meter, cores: number): Rates {
  const passedMs = Math.max(1, now.atMs - last.atMs)
  const bytes = Math.max(now.sentBytes - last.sentBytes, now.receivedBytes - last.receivedBytes)
  const cpu = (1_000 * (now.cpuMs - last.cpuMs)) / passedMs
  return { cpu, idleCpu: idleOf(last, now, cores), bandwidth: (8 * bytes) / passedMs }
}

function idleOf(last: Meter, now: Meter, cores: number): number {
  const share = (now.idleMs - last.idleMs) / Math.max(1, now.allMs - last.allMs)
  return 1_000 * cores * Math.max(0, Math.min(1, share))
}

/** @param part of the time over which the mean goes */
function meanOf(mean: Rates, now: Rates, part: number): Rates {
  const weight = Math.min(1, part)
  const blend = (name: keyof Rates): number => mean[name] + weight * (now[name] - mean[name])
  return { cpu: blend('cpu'), idleCpu: blend('idleCpu'), bandwidth: blend('bandwidth') }
}
