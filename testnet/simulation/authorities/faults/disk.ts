import { type Fault, type Field, type Node, pickNode } from './fault.ts'

/** A synced write that isn't done within a run. */
const HANGING_MS = 10_000_000

export const DISK_FAULTS = {
  'slow-disk': {
    counters: ['slow-disk'],
    inject: slow,
    mendNode: (_, node) => {
      node.disk.options.syncMs = 1
    },
  },
  'stalled-disk': {
    counters: ['disk-stall'],
    inject: field => {
      pickNode(field).disk.options.stallRate = 0.05
    },
    mendNode: (_, node) => {
      node.disk.options.stallRate = 0
    },
  },
} satisfies Record<string, Fault>

function slow(field: Field): void {
  pickNode(field).disk.options.syncMs = 150
  field.simulation.countFault('slow-disk')
}

export function hangDisk(node: Node): void {
  node.disk.options.syncMs = HANGING_MS
}

/** The write under way will not end any more, and nothing after it: only a new process gets on. */
export function freeHungDisk(node: Node): void {
  if (node.disk.options.syncMs === HANGING_MS) node.crash()
}
