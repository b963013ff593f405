import { statfs } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import type { Resources } from '../../world/directory/types.ts'

export interface Measured {
  readonly capacity: Resources
  /** Thousandths of the capacity. */
  readonly load: Resources
}

const mib = 1024 * 1024

/** What this machine has, and what of it this process uses; of the disk, what everybody does. Bandwidth is not measured yet. */
export class Measures {
  readonly #folder: string
  #cpuMicros = 0
  #atMs = Number.NEGATIVE_INFINITY

  /** @param folder on the disk that the node's store is on */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** @param nowMs of a monotonic clock; the processor's load is since the last measure */
  async take(nowMs: number): Promise<Measured> {
    const { user, system } = process.cpuUsage()
    const cores = availableParallelism()
    const usedMs = (user + system - this.#cpuMicros) / 1000
    const cpu = usedMs / Math.max(1, nowMs - this.#atMs) / cores
    this.#cpuMicros = user + system
    this.#atMs = nowMs
    const disk = await statfs(this.#folder)
    const memory = totalmem()
    return {
      capacity: {
        ...{ cpu: 1000 * cores, memory: Math.floor(memory / mib) },
        ...{ disk: Math.floor((disk.blocks * disk.bsize) / mib), bandwidth: 0 },
      },
      load: {
        ...{ cpu: thousandths(cpu), memory: thousandths(process.memoryUsage.rss() / memory) },
        ...{ disk: thousandths(1 - disk.bavail / Math.max(1, disk.blocks)), bandwidth: 0 },
      },
    }
  }
}

function thousandths(share: number): number {
  return Math.max(0, Math.min(1000, Math.round(1000 * share)))
}
