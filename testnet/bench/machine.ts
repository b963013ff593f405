import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, loadavg, totalmem } from 'node:os'

/** What a number was measured on, for whoever compares it with another. */
export function machine(): object {
  return {
    cpus: cpus().length,
    cpuModel: cpus()[0]?.model.trim(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    platform: process.platform,
    /** Of the last minute: what others did meanwhile. */
    loadAtStart: Math.round(loadavg()[0]! * 100) / 100,
  }
}

const ticksPerSecond = 100

/** Processor time of processes so far, in milliseconds; undefined where there is no /proc. */
export function cpuMsOf(pids: readonly number[]): number | undefined {
  let ticks = 0
  try {
    for (const pid of pids) {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // The name, in brackets, may hold anything; fields 14 and 15 are user and system time.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      ticks += Number(fields[11]) + Number(fields[12])
    }
  } catch {
    return undefined
  }
  return (ticks * 1000) / ticksPerSecond
}

const portsFrom = 20_000
const portsTo = 32_000

/** The first of `count` ports in a row that nobody listens on. */
export async function freePorts(count: number): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const first = portsFrom + Math.floor(Math.random() * (portsTo - portsFrom - count))
    const ports = Array.from({ length: count }, (_, i) => first + i)
    const free = await Promise.all(ports.map(isFree))
    if (free.every(Boolean)) return first
  }
  throw new Error(`There are no ${count} free ports in a row between ${portsFrom} and ${portsTo}.`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
