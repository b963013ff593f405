import type { Replica } from '../../../daemon/authority/replica.ts'
import { SnapshotKeeper } from '../../../daemon/hosting/snapshots.ts'
import { dropBodiesOps } from '../../../storage/log/drop-bodies.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import { certifyLast } from './decided.ts'
import { newReplica, publish, type Served, type Town } from './log.ts'

export interface DroppedLog extends Served {
  /** Leaves in the log at the states that the node keeps. */
  readonly snapshots: readonly number[]
  readonly replica: Replica
}

/** A node that has played `records`, kept states on the way and dropped the bodies below `to`; its members have decided the log. */
export async function publishDropped(
  town: Town,
  records: readonly LogRecord[],
  to: number,
  { recordsBetween = 150, isDecided = true } = {},
): Promise<DroppedLog> {
  const { group } = town.identity
  const replica = newReplica(town)
  const states: StoreOp[] = []
  const keeper = new SnapshotKeeper({
    ...{ group, kept: [], bytesSince: 0, recordsBetween },
    write: ops => void states.push(...ops),
    compact: () => {},
  })
  for (const [index, record] of records.entries()) {
    replica.applyRecords([record], [])
    if (replica.pendingMark?.size === index + 1) keeper.take(replica, { index: index + 1 })
  }
  const certificate = isDecided ? certifyLast(town, replica) : undefined
  const served = await publish(town, records, 0, certificate, () => keeper.kept)
  await write(served.store, states)
  await write(served.store, await dropBodiesOps(served.store, group, to))
  const { snapshots } = await served.published.kept()
  const isDropped = (path: string): boolean => {
    const [, index] = /\/bodies\/(\d{3})/.exec(path) ?? []
    return index !== undefined && 256 * Number(index) < to
  }
  return { ...served, snapshots, replica, dropped: isDropped }
}

function write(store: Store, ops: readonly StoreOp[]): Promise<void> {
  return new Promise(resolve => store.write(ops, { sync: false }, () => resolve()))
}
