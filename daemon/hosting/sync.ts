import { decoded, encoded } from '../../client/protocol/encode.ts'
import { logBatchRange, parseLogBatchKey } from '../../storage/keys.ts'
import { missingAt, missingFrom, readBodiesHere } from '../../storage/log/bodies-here.ts'
import { DamagedLogError } from '../../storage/log/log-store.ts'
import { decodeStoredBatch, recordsInBatch } from '../../storage/log/record.ts'
import type { Store } from '../../storage/store.ts'
import type { Cancel, Channel, Clock, Network, PeerId } from '../ports.ts'
import { Pace } from './pace.ts'
import {
  readSyncBatch,
  readSyncRequest,
  type SyncBatch,
  type SyncRequest,
  writeSyncBatch,
  writeSyncRequest,
} from './sync.pb.js'

export const syncProtocol = 'sync/1'
const maxSyncFrameBytes = 20 * 1024 * 1024
/** A peer that sends nothing for so long is given up: it may hang while its connection stands. */
const silenceMs = 3_000
const protocolOptions = { maxFrameBytes: maxSyncFrameBytes, maxChannelsPerPeer: 4 }

export interface SyncServerOptions {
  readonly network: Network
  readonly store: Store
  /** Whether this node holds the group and its members may read it. */
  readonly serves: (group: number, peer: PeerId) => boolean
  /** What this node's own disk gives back of this group is not what was written. */
  readonly damaged: (group: number, error: DamagedLogError) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Answers replicas that missed more than Raft's log still holds. */
export function serveSync(options: SyncServerOptions): void {
  options.network.handle(syncProtocol, protocolOptions, channel => {
    let asked = false
    channel.onFrame(frame => {
      const request = decodeSyncRequest(frame)
      const code =
        request === undefined || asked
          ? 'malformed'
          : options.serves(request.group, channel.peer)
            ? ''
            : 'not-served'
      asked = true
      if (request !== undefined && code === '') void sendBatches(options, channel, request)
      else {
        options.count('sync_refused', { code })
        channel.close(`sync: ${code}`)
      }
    })
  })
}

async function sendBatches(
  { store, damaged }: SyncServerOptions,
  channel: Channel,
  request: SyncRequest,
): Promise<void> {
  let closed = false
  let drained: (() => void) | undefined
  channel.onClose(() => {
    closed = true
    drained?.()
  })
  channel.onDrain(() => drained?.())
  try {
    const here = await readBodiesHere(store, request.group)
    const droppedTo = missingAt(here, request.from) ?? 0
    const to = droppedTo > 0 ? request.from : Math.min(request.to, missingFrom(here, request.from))
    for await (const { key, value } of store.range(logBatchRange(request.group, request.from, to))) {
      const stored = decodeStoredBatch(value)
      const at = parseLogBatchKey(key)
      if (closed || at === undefined) break
      if (stored === undefined)
        throw new DamagedLogError(request.group, at.firstLeaf, 'a batch is unreadable')
      const frame = encodeSyncBatch({ firstLeaf: at.firstLeaf, ...stored, end: false, droppedTo: 0 })
      if (!channel.send(frame) && !closed) await new Promise<void>(resolve => (drained = resolve))
    }
    if (!closed)
      channel.send(
        encodeSyncBatch({ firstLeaf: 0, index: 0, term: 0, batch: undefined, end: true, droppedTo }),
      )
  } catch (error) {
    channel.close(`sync: ${(error as Error).message}`)
    if (error instanceof DamagedLogError) damaged(request.group, error)
  }
}

export interface FetchedBatch {
  readonly firstLeaf: number
  readonly index: number
  readonly term: number
  readonly batch: Uint8Array
}

/** A peer does not have these records whole any more: they can't be replayed from it. */
export class DroppedBodiesError extends Error {
  readonly code = 'dropped'
  readonly leaf: number
  readonly droppedTo: number

  constructor(leaf: number, droppedTo: number) {
    super(`The peer has dropped the bodies of the leaves ${leaf} to ${droppedTo - 1}.`)
    this.name = 'DroppedBodiesError'
    this.leaf = leaf
    this.droppedTo = droppedTo
  }
}

/**
 * Reads the batches of the leaves with `from ≤ leaf < to` from a peer, in order; each is handed to `take`. Rejects when the
 * peer ends early, falls silent, is too slow, or sends what isn't asked for, and when it was `ended` from here.
 */
export async function fetchBatches(
  network: Network,
  clock: Clock,
  peer: PeerId,
  request: SyncRequest,
  take: (batch: FetchedBatch) => void,
  ended?: AbortSignal,
): Promise<void> {
  const channel = await network.open(peer, syncProtocol)
  const pace = new Pace(clock)
  await new Promise<void>((resolve, reject) => {
    let expected = request.from
    let closed = false
    const end = (): void => channel.close('not wanted any more')
    const wait = (): Cancel => clock.after(pace.wait(silenceMs), () => channel.close('too slow'))
    let cancel = wait()
    channel.onClose(reason => {
      closed = true
      cancel()
      ended?.removeEventListener('abort', end)
      reject(new Error(`The transfer ended at leaf ${expected}: ${reason}.`))
    })
    const arrived = (frame: Uint8Array): void => {
      const batch = decodeSyncBatch(frame)
      if (batch === undefined) return channel.close('malformed')
      if (batch.end) {
        if (expected >= request.to) resolve()
        else if (batch.droppedTo > expected) reject(new DroppedBodiesError(expected, batch.droppedTo))
        return channel.close(expected >= request.to ? 'done' : 'incomplete')
      }
      const { firstLeaf, index, term } = batch
      const records = recordsInBatch(batch.batch!)
      // Whatever else it sends, it comes to an end.
      if (firstLeaf !== expected || expected >= request.to || records === 0) return channel.close('malformed')
      expected += records
      take({ firstLeaf, index, term, batch: batch.batch! })
    }
    channel.onFrame(frame => {
      cancel()
      pace.came(frame.length)
      arrived(frame)
      if (!closed) cancel = wait()
    })
    ended?.addEventListener('abort', end)
    if (ended?.aborted) end()
    else channel.send(encodeSyncRequest(request))
  })
}

export const encodeSyncRequest = (request: SyncRequest): Uint8Array => encoded(writeSyncRequest, request)
export const encodeSyncBatch = (batch: SyncBatch): Uint8Array => encoded(writeSyncBatch, batch)

/** Undefined for what no honest node sends. */
export function decodeSyncRequest(frame: Uint8Array): SyncRequest | undefined {
  const request = decoded(frame, readSyncRequest, writeSyncRequest, 3)
  if (request === undefined) return undefined
  const whole = [request.group, request.from, request.to].every(Number.isSafeInteger)
  return whole && request.from <= request.to ? request : undefined
}

/** Undefined for what no honest node sends. */
export function decodeSyncBatch(frame: Uint8Array): SyncBatch | undefined {
  const batch = decoded(frame, readSyncBatch, writeSyncBatch, 6)
  if (batch?.end === true) return Number.isSafeInteger(batch.droppedTo) ? batch : undefined
  if (batch?.batch === undefined || batch.batch.length < 5) return undefined
  return [batch.firstLeaf, batch.index, batch.term].every(Number.isSafeInteger) ? batch : undefined
}
