import { decoded, encoded } from '../../client/protocol/encode.ts'
import { joinBytes } from '../../storage/bytes.ts'
import { snapshotChunkKey, snapshotManifestKey } from '../../storage/keys.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { leafDataBytes, recordHeader } from '../../storage/log/record.ts'
import { isSubtreeIn, type Subtree, subtreeProof } from '../../storage/log/subtree.ts'
import type { Store } from '../../storage/store.ts'
import type { Replica } from '../authority/replica.ts'
import type { Channel, Clock, Network, PeerId } from '../ports.ts'
import {
  readSnapshotRequest,
  type SnapshotReply,
  type SnapshotRequest,
  writeSnapshotReply,
  writeSnapshotRequest,
} from './snapshot.pb.js'
import { SnapshotSeals } from './snapshot-seals.ts'
import { keptSnapshots } from './snapshots.ts'

export const snapshotProtocol = 'snapshot/1'
const snapshotChannels = { maxFrameBytes: 80 * 1024 * 1024, maxChannelsPerPeer: 4 }
export const pieceKind = { manifest: 1, chunk: 2, leaves: 3 } as const
/** Leaves that are proven together: 147 KB. */
export const maxPieceHeight = 12
/** Asks for the manifest of the newest state that is here, whatever its size. */
export const newestSize = 0

export interface SnapshotServerOptions {
  readonly network: Network
  readonly store: Store
  readonly clock: Clock
  /** What this node holds of a group that the peer may read as a member. */
  readonly replicaFor: (group: number, peer: PeerId) => Replica | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Answers replicas that were away for long: a question at a time on each channel. */
export function serveSnapshots(options: SnapshotServerOptions): void {
  const { network, count, store, clock } = options
  const seals = new SnapshotSeals(store, clock)
  network.handle(snapshotProtocol, snapshotChannels, channel => {
    let answering = false
    channel.onFrame(frame => {
      const request = decodeSnapshotRequest(frame)
      const replica = request && options.replicaFor(request.group, channel.peer)
      if (request === undefined || replica === undefined || answering) {
        const code = replica === undefined && request !== undefined ? 'not-served' : 'malformed'
        count('snapshot_refused', { code })
        return channel.close(`snapshot: ${code}`)
      }
      answering = true
      void answer(store, seals, replica, request, channel).finally(() => (answering = false))
    })
  })
}

async function answer(
  store: Store,
  seals: SnapshotSeals,
  replica: Replica,
  request: SnapshotRequest,
  channel: Channel,
): Promise<void> {
  const nothing: SnapshotReply = {
    code: 'not-here',
    data: undefined,
    proof: undefined,
    leaf: 0,
    record: undefined,
  }
  // What is damaged here is found by whoever needs it; others have it too.
  const found = await replyTo(store, seals, replica, request).catch(() => undefined)
  channel.send(encoded(writeSnapshotReply, { ...nothing, ...(found && { code: '', ...found }) }))
}

async function replyTo(
  store: Store,
  seals: SnapshotSeals,
  replica: Replica,
  request: SnapshotRequest,
): Promise<Partial<SnapshotReply> | undefined> {
  const { group, size, kind, first, height } = request
  if (kind === pieceKind.chunk) {
    const data = await store.get(snapshotChunkKey(group, size, first))
    return data && { data }
  }
  if (request.finalSize > replica.log.size) return undefined
  if (kind === pieceKind.manifest) return await manifestOf(store, seals, replica, request)
  const subtree = { first, height }
  if (height > maxPieceHeight || !isSubtreeIn(subtree, request.finalSize)) return undefined
  return await leavesOf(store, replica, subtree, request.finalSize)
}

async function manifestOf(
  store: Store,
  seals: SnapshotSeals,
  { log }: Replica,
  { group, size, finalSize }: SnapshotRequest,
): Promise<Partial<SnapshotReply> | undefined> {
  const kept = size === newestSize ? await keptSnapshots(store, group) : [{ size }]
  for (const snapshot of kept.reverse()) {
    const data = await store.get(snapshotManifestKey(group, snapshot.size))
    const seal = data && (await seals.find(group, snapshot.size, log.size))
    if (seal === undefined || seal.leaf >= finalSize) continue
    const { leaf, record } = seal
    const proof = await subtreeProof(log, { first: leaf, height: 0 }, finalSize)
    return { data, proof, leaf, record: joinBytes([recordHeader(record), record.salt, record.body]) }
  }
  return undefined
}

async function leavesOf(
  store: Store,
  { group, log }: Replica,
  subtree: Subtree,
  finalSize: number,
): Promise<Partial<SnapshotReply> | undefined> {
  const count = 2 ** subtree.height
  const bytes = new Uint8Array(count * leafDataBytes)
  let at = 0
  for await (const { data } of new LogReader(store, group).leaves(subtree.first, subtree.first + count)) {
    bytes.set(data, at)
    at += data.length
  }
  if (at !== bytes.length) return undefined
  return { data: bytes, proof: await subtreeProof(log, subtree, finalSize) }
}

/** Undefined for what no honest node sends. */
export function decodeSnapshotRequest(frame: Uint8Array): SnapshotRequest | undefined {
  const request = decoded(frame, readSnapshotRequest, writeSnapshotRequest, 6)
  if (request === undefined) return undefined
  const { group, size, finalSize, kind, first, height } = request
  const whole = [group, size, finalSize, kind, first, height].every(Number.isSafeInteger)
  return whole && kind >= pieceKind.manifest && kind <= pieceKind.leaves ? request : undefined
}
