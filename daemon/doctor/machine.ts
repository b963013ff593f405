import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { MachineFacts } from './findings.ts'

const syncs = 20
const syncBytes = 4096

/** Looks at the disk of the data directory, which it writes 80 KiB to and takes away again, and at the machine. */
export function measureMachine(dataDir: string): MachineFacts {
  const folder = nearestFolder(dataDir)
  const { bavail, bsize } = statfsSync(folder)
  const syncMs = timeSyncs(join(folder, `.doctor-${process.pid}`))
  return {
    dataDir,
    freeBytes: bavail * bsize,
    syncMedianMs: syncMs[Math.floor(syncMs.length / 2)]!,
    syncWorstMs: syncMs.at(-1)!,
    cores: availableParallelism(),
    load: loadavg()[0]!,
    memoryBytes: totalmem(),
    freeMemoryBytes: process.availableMemory?.() ?? freemem(),
  }
}

/** The data directory, or where it will come to be. */
function nearestFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestFolder(dirname(path))
}

/** Ascending. */
function timeSyncs(path: string): number[] {
  const file = openSync(path, 'w', 0o600)
  try {
    const times = Array.from({ length: syncs }, () => {
      const before = performance.now()
      writeSync(file, Buffer.alloc(syncBytes, 1))
      fsyncSync(file)
      return performance.now() - before
    })
    return times.sort((a, b) => a - b)
  } finally {
    closeSync(file)
    rmSync(path, { force: true })
  }
}
