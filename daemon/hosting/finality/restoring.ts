import { equalBytes } from '../../../storage/bytes.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import { tileWidth } from '../../../storage/log/tree.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import type { RulesHost } from '../../../world/kinds.ts'
import { appliedKey, appliedOp, decodeApplied } from '../../authority/applied.ts'
import type { Replica } from '../../authority/replica.ts'
import type { Clock, Network, PeerId } from '../../ports.ts'
import type { HostedAuthority } from '../opening.ts'
import { graceBytes } from '../pace.ts'
import { logUpTo, recoverAuthority } from '../recover.ts'
import { type Distrusted, type FetchParts, offeredSizes, SnapshotFetch } from '../snapshot-fetch.ts'
import { installOps } from '../snapshot-install.ts'
import type { WantedSnapshot } from '../snapshot-proof.ts'
import { DroppedBodiesError, type FetchedBatch, fetchBatches } from '../sync.ts'
import { goBack, upTo } from './going-back.ts'

const maxPeersAsked = 5

/** A place in an authority's log. */
export interface Place {
  readonly size: number
  readonly root: Uint8Array
}

export interface Restoring {
  readonly hosted: HostedAuthority
  readonly rules: RulesHost
  readonly store: Store
  readonly network: Network
  readonly clock: Clock
  readonly distrusted: Distrusted
  /** Who the members of an epoch are, where that is known here. */
  readonly membersIn: (epoch: number) => readonly number[] | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: 'caught-up' | 'bad-chunk', facts: object) => void
  /** Puts ops into the node's next batch. */
  readonly addOps: (ops: readonly StoreOp[]) => void
  /** Resolves when all that was put into batches so far is durable. */
  readonly synced: () => Promise<void>
}

export interface RestoringParts extends Restoring {
  /** Members that may have what is missing here. */
  readonly peers: () => readonly PeerId[]
  /** It is to be brought elsewhere by now. */
  readonly ended: AbortSignal
}

/** What has to be known to bring a replica to a place. */
export interface Way {
  /** Where it is to stand. */
  readonly to: Place
  /** Places that the members are known to have decided, the newest first. */
  readonly decided: readonly Place[]
  /** How much of its own log is not believed: 0 none, 1 all past the newest decided place that it has, 2 all. */
  readonly distrust: number
}

export type Restored =
  | { readonly kind: 'there'; readonly fallen: readonly LogRecord[] }
  /** Nobody could be asked: to be tried again. */
  | { readonly kind: 'missing' }
  /** Some of it came, from peers that were too slow: to be gone on with. */
  | { readonly kind: 'slow' }
  /** What was fetched does not lead there from what this replica has: more of its own is to be distrusted. */
  | { readonly kind: 'contradicted' }

/**
 * Brings a replica's log on the disk to a place, back or on, while no Raft instance runs on it. Each step is one batch
 * after which it can begin anew, whatever crashes: the log on the disk is always whole.
 * @throws what recovery throws: it is then to be tried with more distrust
 */
export async function restore(parts: RestoringParts, { to, decided, distrust }: Way): Promise<Restored> {
  const { store, hosted } = parts
  const { group } = hosted.identity
  await parts.synced()
  const floorSize = await floorOf(store, group, { to, decided, distrust })
  const { ops, fallen } = await goBack(store, group, floorSize)
  parts.addOps(ops)
  await parts.synced()
  if (floorSize === to.size) return { kind: 'there', fallen }
  const kind = await fetchTo(parts, to)
  return kind === 'there' ? { kind, fallen } : { kind }
}

/** How much of its own log a replica goes on from. One that ends before the place is believed to lead there, until it does not. */
async function floorOf(store: Store, group: number, { to, decided, distrust }: Way): Promise<number> {
  const ownSize = await sizeOf(store, group)
  if (distrust === 0 && ownSize < to.size) return ownSize
  const floors = distrust === 0 ? [to, ...decided] : distrust === 1 ? decided : []
  for (const place of floors) {
    if (place.size <= to.size && (await stands(store, group, place))) return place.size
  }
  return 0
}

async function sizeOf(store: Store, group: number): Promise<number> {
  const stored = await store.get(appliedKey(group))
  return (stored && decodeApplied(stored)?.size) ?? 0
}

/** Whether the log on the disk has this root at this size. */
async function stands(store: Store, group: number, { size, root }: Place): Promise<boolean> {
  if (size > (await sizeOf(store, group))) return false
  return size === 0 || equalBytes((await logUpTo(store, group, size)).root(), root)
}

/**
 * From the first member that has it. What came from one that has not is part of the log, and stays. Where the bodies are
 * gone from all, the newest state that they have on the way comes first, with the leaves before it.
 */
async function fetchTo(parts: RestoringParts, to: Place): Promise<Restored['kind']> {
  const replayed = await replayTo(parts, to)
  if (replayed !== 'dropped') return replayed
  const taken = await takeState(parts, to)
  if (taken !== 'there') return taken
  const rest = await replayTo(parts, to)
  return rest === 'dropped' ? 'missing' : rest
}

async function replayTo(parts: RestoringParts, to: Place): Promise<Restored['kind'] | 'dropped'> {
  const { store, hosted, rules, clock } = parts
  const { identity, charter } = hosted
  const { replica } = await recoverAuthority(store, identity, charter, rules, {
    wallMs: clock.wallMs(),
    decidedSize: Number.POSITIVE_INFINITY,
  })
  let isDropped = false
  let cameBytes = 0
  for (const peer of parts.peers()) {
    if (parts.ended.aborted) break
    try {
      const came = (sizeBytes: number): void => {
        cameBytes += sizeBytes
      }
      return (await fetchFrom(parts, replica, peer, to, came)) ? 'there' : 'contradicted'
    } catch (error) {
      isDropped ||= error instanceof DroppedBodiesError
    }
  }
  if (isDropped) return 'dropped'
  return cameBytes >= graceBytes ? 'slow' : 'missing'
}

/** The place is what a quorum stands behind, so all that leads to its root is proven. */
async function takeState(parts: RestoringParts, to: Place): Promise<Restored['kind']> {
  const { store, hosted, peers, addOps, synced, membersIn } = parts
  const { name, identity } = hosted
  const { group, origin } = identity
  const own = await sizeOf(store, group)
  const write = async (ops: readonly StoreOp[]): Promise<void> => {
    addOps(ops)
    await synced()
  }
  const fetchParts = { ...parts, name, group, write, peers: peers().slice(0, maxPeersAsked) }
  for (const size of await offeredSizes(fetchParts, { origin, membersIn, final: to })) {
    if (size <= own || parts.ended.aborted) continue
    const taken = await takeStateOf(fetchParts, { origin, membersIn, size, index: undefined, final: to }, own)
    if (taken !== 'missing') return taken
  }
  return 'missing'
}

async function takeStateOf(
  parts: FetchParts & Restoring,
  wanted: WantedSnapshot,
  own: number,
): Promise<Restored['kind']> {
  const { name, group, store, write, log, count } = parts
  const { size } = wanted
  const fetch = new SnapshotFetch(parts, wanted, Math.floor(own / tileWidth) * tileWidth)
  const download = await fetch.run()
  if (download === undefined) return 'missing'
  const ops = await installOps({ group, store, write }, download, own)
  if (ops === 'other-log') {
    count('snapshot_not_taken', { code: ops })
    return 'contradicted'
  }
  await write([...ops, appliedOp(group, { index: 0, term: 0, size })])
  log('caught-up', { authority: name, from: own, to: size, by: 'snapshot', peers: fetch.senders })
  return 'there'
}

/** False: it came out at another root. Rejects when the peer does not have it all. */
async function fetchFrom(
  parts: RestoringParts,
  replica: Replica,
  peer: PeerId,
  to: Place,
  came: (sizeBytes: number) => void,
): Promise<boolean> {
  const { hosted, network, clock, ended } = parts
  const { group } = hosted.identity
  let refused = false
  const request = { group, from: replica.log.size, to: to.size }
  const take = ({ firstLeaf, index, term, batch }: FetchedBatch): void => {
    const data = upTo(batch, firstLeaf, to.size)
    if (refused || data === undefined) return
    const ops: StoreOp[] = []
    try {
      replica.apply({ index, term, data }, ops)
    } catch {
      refused = true
      return
    }
    came(data.length)
    parts.addOps([...ops, appliedOp(group, { index: 0, term: 0, size: replica.log.size })])
  }
  if (request.from < request.to) await fetchBatches(network, clock, peer, request, take, ended)
  await parts.synced()
  return !refused && replica.log.size === to.size && equalBytes(replica.log.root(), to.root)
}
