import { parseRaftKey, raftRange } from '../../../../storage/keys.ts'
import { type Fault, type Field, type Node, pickNode } from './fault.ts'

const CAPACITY_BYTES = 1 << 30
/** With fewer, no minority of a group's members is left to spoil. */
const LEAST_NODES = 3

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
  /** Writes are refused until there is space again. What was written stays. */
  'full-disk': {
    counters: ['disk-full'],
    inject: field => {
      pickNode(field).disk.options.capacityBytes = 0
    },
    mendNode: (_, node) => {
      node.disk.options.capacityBytes = CAPACITY_BYTES
    },
  },
  /** The disk says that it has synced, and has not; then the power fails. */
  'lost-sync': {
    counters: ['lost-sync'],
    inject: field =>
      spoil(field, node => {
        node.disk.options.losesSyncs = true
        fail(field, node)
      }),
    mendNode: (_, node) => {
      node.disk.options.losesSyncs = false
    },
  },
  /** The power fails, and half of a batch is there. */
  'torn-write': {
    counters: ['torn-write'],
    inject: field =>
      spoil(field, node => {
        node.disk.options.tearsWrites = true
        fail(field, node)
      }),
    mendNode: (_, node) => {
      node.disk.options.tearsWrites = false
    },
  },
  /** Flipped bits in what is read, while the node runs or when it starts. */
  'read-corruption': {
    counters: ['flipped-bit'],
    inject: field =>
      spoil(field, node => {
        node.disk.options.flipRate = field.simulation.random.between(0.001, 0.2)
        if (node.alive && field.simulation.random.chance(0.7)) node.restart()
      }),
    mendNode: (_, node) => {
      node.disk.options.flipRate = 0
    },
  },
  /** Somebody puts another disk in, with the old keys. */
  'wiped-disk': {
    counters: ['wiped-disk'],
    inject: field =>
      spoil(field, node => {
        node.crash()
        node.disk.wipe()
      }),
  },
} satisfies Record<string, Fault>

/**
 * Groups have three voters: one node at a time may be without what it promised. Of four members that vote, one may ever forget what it
 * signed, since it never answers another one that asks.
 */
function spoil(field: Field, how: (node: Node) => void): void {
  if (field.nodes.length >= LEAST_NODES && allAreWhole(field)) how(field.forgetful ?? pickNode(field))
}

/** Everybody has all that it promised, and nothing makes anybody lose that. */
export function allAreWhole(field: Field): boolean {
  return field.nodes.every((node, i) => isWhole(field, node, i + 1))
}

function isWhole(field: Field, { disk, program }: Node, number: number): boolean {
  const { losesSyncs, tearsWrites, flipRate } = disk.options
  if (disk.isDamaged || losesSyncs || tearsWrites || flipRate > 0 || disk.isEmpty) return false
  // It may not know yet, after the loss, that it is a member; and who shall become one waits for every voter too.
  const isMember = (group: number): boolean =>
    [...field.membersOf(group), ...field.directory.orderedIn(group)].includes(number)
  const isBack = (group: number): boolean => {
    if (program?.finality?.status(group)?.hasForgotten) return false
    const status = program?.engine.status(group)
    return status !== undefined && status.rejoining === undefined
  }
  return !groupsThatForgot(field, disk).some(group => isMember(group) && !isBack(group))
}

/** An instance that was lost is over with its view, which the votes go on asking for. */
function groupsThatForgot({ forgetful, realm }: Field, disk: Node['disk']): number[] {
  if (forgetful?.disk === disk) return [...realm.hosted.keys()]
  return groupsToRejoin(disk)
}

function groupsToRejoin({ durable }: Node['disk']): number[] {
  const keys = durable.slice(raftRange()).map(({ key }) => parseRaftKey(key))
  return keys.flatMap(key => (key?.part === 'rejoin' ? [key.instance.group] : []))
}

/** The power fails within the next batches. */
function fail({ simulation }: Field, node: Node): void {
  node.disk.crashAtWrite(1 + simulation.random.below(20))
}

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
