import {
  decodeIncarnation,
  type Incarnation,
  incarnationKey,
  incarnationOp,
  lostStoreOps,
  standingOf,
} from '../../../daemon/identity/incarnation.ts'
import type { RaftInstance } from '../../../storage/keys.ts'
import type { SimDisk } from '../disk.ts'
import type { Judge } from './judge.ts'

/** What a start or a read says of a store that can't be trusted. */
const DAMAGE = ['corrupt', 'damaged-log', 'damaged-snapshot']

/** What a simulated node has beside its disk, and its process. */
export interface Machine {
  readonly disk: SimDisk
  /** What stands beside the keys. */
  incarnation: Incarnation | undefined
  /** Ends the process, as the daemon does when it can't go on. */
  end(): void
}

/**
 * As a node opens its store (daemon/identity/own-store.ts), but at once. A disk that is known to be damaged is given up, as
 * by `freehold start --wipe-store`. True: the store is a new one in the place of a lost one.
 */
export function openOwnDisk(machine: Machine, instances: readonly RaftInstance[], birth: number): boolean {
  const { disk } = machine
  const value = disk.visible.get(incarnationKey)
  const standing = standingOf(machine.incarnation, value && decodeIncarnation(value))
  if (standing.kind === 'first') {
    machine.incarnation = { incarnation: 1, birth }
    disk.install([incarnationOp(machine.incarnation)])
    return false
  }
  if (standing.kind === 'own' && !disk.isDamaged) return false
  const before = machine.incarnation?.incarnation ?? 1
  machine.incarnation = { incarnation: before + 1, birth }
  disk.replace()
  disk.install(lostStoreOps(machine.incarnation, instances))
  return true
}

/**
 * What the daemon does about a disk that is full or gives back what was not written: it says so in one line and ends. False
 * when the simulated disk did nothing of the kind.
 */
export function endedByDisk(machine: Machine, judge: Judge, error: Error & { code?: string }): boolean {
  const { disk } = machine
  const isFull = error.code === 'full' && disk.options.capacityBytes === 0
  const isDamage = disk.hasFlipped && DAMAGE.includes(error.code ?? '')
  if (!isFull && !isDamage) return false
  judge.count(isFull ? 'ended-by-full-disk' : 'ended-by-damage')
  // A full disk has lost nothing; a damaged one is not started on again.
  if (isDamage) disk.isDamaged = true
  machine.end()
  return true
}
