import type { Resources } from '../../world/directory/types.ts'

/** What a node uses and may use: cpu in thousandths of a core, memory and disk in MiB, bandwidth in kbit/s. */
export interface Measured {
  /** By this node's own process. */
  readonly used: Resources
  /** What is there for it. */
  readonly capacity: Resources
  /** Thousandths of the capacity. */
  readonly load: Resources
}

/** What the owner gives at most. */
export type Caps = Readonly<Partial<Record<keyof Resources, number | undefined>>>

/** As owners say it: percent of a core, MiB, GiB and Mbit/s. */
export interface CapSettings {
  readonly maxCpu?: number | undefined
  readonly maxMemory?: number | undefined
  readonly maxDisk?: number | undefined
  readonly maxBandwidth?: number | undefined
}

export function capsOf({ maxCpu, maxMemory, maxDisk, maxBandwidth }: CapSettings): Caps {
  const times = (value: number | undefined, by: number) => (value === undefined ? undefined : value * by)
  return {
    cpu: times(maxCpu, 10),
    memory: maxMemory,
    disk: times(maxDisk, 1024),
    bandwidth: times(maxBandwidth, 1_000),
  }
}

export interface Readings {
  readonly used: Resources
  /** Not used by anybody. Of the bandwidth nobody knows it. */
  readonly free: Omit<Resources, 'bandwidth'>
  readonly cores: number
}

/** Of what is free on the machine this part is for the node: the rest is for what else its owner does there. */
const freeShare = 0.75
/** Processor time is shared out among all who want some: this part of it is to be had on a busy machine, too. */
const coresShare = 0.5
/** What a connection to the internet is taken to carry each way while its owner says nothing else. */
const usualKbits = 100_000
const RESOURCES = ['cpu', 'memory', 'disk', 'bandwidth'] as const

/**
 * Load and capacity of a node. What other programs use of the machine is no load of the node's: it is not there for the node to give,
 * and what the node uses itself is.
 */
export function shareOut({ used, free, cores }: Readings, caps: Caps): Measured {
  const own = (name: 'cpu' | 'memory' | 'disk'): number => used[name] + freeShare * free[name]
  const capacity = {
    cpu: atMost(caps.cpu, Math.max(1_000 * cores * coresShare, own('cpu'))),
    memory: atMost(caps.memory, own('memory')),
    disk: atMost(caps.disk, own('disk')),
    // Here the owner knows more than can be measured.
    bandwidth: caps.bandwidth ?? Math.floor(Math.max(usualKbits, used.bandwidth)),
  }
  const load = { cpu: 0, memory: 0, disk: 0, bandwidth: 0 }
  for (const name of RESOURCES)
    load[name] = Math.min(1_000, Math.round((1_000 * used[name]) / capacity[name]))
  return { used, capacity, load }
}

/** Never nothing, which would mean that it is not known. */
function atMost(cap: number | undefined, value: number): number {
  return Math.max(1, Math.floor(Math.min(cap ?? Number.POSITIVE_INFINITY, value)))
}
