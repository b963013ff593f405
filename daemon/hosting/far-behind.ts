import type { SnapshotOffer } from '../../consensus/groups/types.ts'
import { readU64 } from '../../storage/bytes.ts'
import { tileWidth } from '../../storage/log/tree.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { type AppliedPoint, appliedOp } from '../authority/applied.ts'
import type { Clock, Network, PeerId } from '../ports.ts'
import type { AuthorityHost } from './authority-host.ts'
import type { DecidedPoint } from './decided.ts'
import { type Distrusted, SnapshotFetch } from './snapshot-fetch.ts'
import { installOps } from './snapshot-install.ts'

export interface FarBehindParts {
  readonly network: Network
  readonly clock: Clock
  readonly store: Store
  readonly host: AuthorityHost
  /** Members that may be asked, whoever made the offer first. */
  readonly peers: readonly PeerId[]
  readonly membersIn: (epoch: number) => readonly number[] | undefined
  readonly distrusted: Distrusted
  /** What the members have decided, as far as this node knows by itself. */
  readonly final: DecidedPoint | undefined
  readonly write: (ops: readonly StoreOp[]) => Promise<void>
  readonly sync: () => Promise<void>
  /** Ends the replica as it was and, after `install`, begins it anew from the disk. */
  readonly replace: (install: () => Promise<void>) => Promise<AuthorityHost | undefined>
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: 'caught-up' | 'bad-chunk', facts: object) => void
}

/**
 * A replica that missed too much to replay it: it takes over the state that the members have decided, and the leaves of what
 * it missed, from all of them at once. Undefined: it could not be had.
 */
export async function takeSnapshot(
  parts: FarBehindParts,
  { group, index, term, meta }: SnapshotOffer,
): Promise<AppliedPoint | undefined> {
  const { host, final, write, log, clock, network, store, peers, distrusted, count } = parts
  const size = readU64(meta, 0)
  const from = host.authority.replica.log.size
  if (final === undefined || final.size <= size || from >= size) return undefined
  const { membersIn } = parts
  const wanted = { origin: host.authority.replica.origin, size, index, final, membersIn }
  const fetchParts = {
    ...{ name: host.name, group, network, clock, store, peers, distrusted, write, count, log },
  }
  const fetch = new SnapshotFetch(fetchParts, wanted, Math.floor(from / tileWidth) * tileWidth)
  const download = await fetch.run()
  if (download === undefined || host.halted) return undefined
  const point = { index, term, size }
  const ops = await installOps({ group, store, write }, download, from)
  if (ops === 'other-log') {
    count('snapshot_not_taken', { code: ops })
    return undefined
  }
  // It may have come on by another leader's entries meanwhile.
  if (host.halted || host.authority.replica.log.size !== from) return undefined
  const begun = await parts.replace(async () => {
    void write([...ops, appliedOp(group, point)])
    await parts.sync()
  })
  log('caught-up', { authority: host.name, from, to: size, by: 'snapshot', peers: fetch.senders })
  // What was committed meanwhile may have brought it further already, and Raft with it.
  return begun?.authority.replica.log.size === size ? point : undefined
}
