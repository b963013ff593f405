import { checked } from '../../storage/checksum.ts'
import { logLeavesKey, parseSnapshotKey, snapshotChunkKey, snapshotRange } from '../../storage/keys.ts'
import { leafDataBytes } from '../../storage/log/record.ts'
import { tileHeight, tileWidth } from '../../storage/log/tree.ts'
import { sha256 } from '../../storage/sha256.ts'
import { openChunk } from '../../storage/snapshot/chunk.ts'
import { decodeManifest } from '../../storage/snapshot/manifest.ts'
import { readSnapshot } from '../../storage/snapshot/snapshot.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import type { Clock, Network, PeerId } from '../ports.ts'
import type { SnapshotRequest } from './snapshot.pb.js'
import { type Answers, openAnswers } from './snapshot-answers.ts'
import { Download, type Piece, piecesOf } from './snapshot-download.ts'
import { type ProvenManifest, proveManifest, type WantedSnapshot } from './snapshot-proof.ts'
import { newestSize, pieceKind } from './snapshot-server.ts'
import { decodeInfo, keptSnapshots } from './snapshots.ts'

/** Of what comes from one peer, so that play on this line goes on: 4 MiB/s. */
const bytesPerMs = 4_194
/** Whoever sent something false is not asked again for so long. */
const distrustMs = 10 * 60_000
const idleMs = 50
/** States of which some chunks are kept, beside the one that is being fetched: those of which most came. */
const maxUnfinished = 2
const bundleBytes = tileWidth * leafDataBytes

/** Peers of this node that sent pieces which were not what the members had decided, and states that could not be had. */
export class Distrusted {
  readonly #untilMs = new Map<PeerId, number>()
  readonly #failedUntilMs = new Map<string, number>()

  add(peer: PeerId, nowMs: number): void {
    this.#untilMs.set(peer, nowMs + distrustMs)
  }

  has(peer: PeerId, nowMs: number): boolean {
    return nowMs < (this.#untilMs.get(peer) ?? 0)
  }

  /** Nobody gave all pieces of this state: who offered it may do that again, and others are tried before. */
  failed(group: number, size: number, nowMs: number): void {
    for (const [state, untilMs] of this.#failedUntilMs)
      if (untilMs <= nowMs) this.#failedUntilMs.delete(state)
    this.#failedUntilMs.set(`${group}/${size}`, nowMs + distrustMs)
  }

  hasFailed(group: number, size: number, nowMs: number): boolean {
    return nowMs < (this.#failedUntilMs.get(`${group}/${size}`) ?? 0)
  }
}

export interface FetchParts {
  readonly name: string
  readonly group: number
  readonly network: Network
  readonly clock: Clock
  readonly store: Store
  /** Members that may have it, at most a few. */
  readonly peers: readonly PeerId[]
  readonly distrusted: Distrusted
  /** Resolves when the ops can be read back. */
  readonly write: (ops: readonly StoreOp[]) => Promise<void>
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: 'bad-chunk', facts: object) => void
  /** It is not wanted any more. */
  readonly ended?: AbortSignal | undefined
}

/** Asks all peers at once, each for one piece after another. What has come stays on the disk for the next attempt. */
export class SnapshotFetch {
  readonly #parts: FetchParts
  readonly #wanted: WantedSnapshot
  readonly #from: number
  readonly #senders = new Set<PeerId>()

  /** @param from a multiple of 256: leaves below are here */
  constructor(parts: FetchParts, wanted: WantedSnapshot, from: number) {
    this.#parts = parts
    this.#wanted = wanted
    this.#from = from
  }

  /** How many peers have sent a piece. */
  get senders(): number {
    return this.#senders.size
  }

  /**
   * All pieces, on the disk but for the tail; undefined when the peers did not give them. A list of chunks proves itself by its chunks
   * alone: where one comes to nothing, those who sent another one have their turn at once.
   */
  async run(): Promise<Download | undefined> {
    const { peers, distrusted, clock, ended, group } = this.#parts
    const asked = peers.filter(peer => !distrusted.has(peer, clock.monotonicMs()))
    const offers = (await Promise.all(asked.map(peer => this.#offer(peer)))).flatMap(offer => offer ?? [])
    const end = (): void => {
      for (const { answers } of offers) answers.end()
    }
    ended?.addEventListener('abort', end)
    const download = await this.#firstWhole(alike(offers))
    ended?.removeEventListener('abort', end)
    end()
    if (download === undefined && !ended?.aborted)
      distrusted.failed(group, this.#wanted.size, clock.monotonicMs())
    return download
  }

  async #firstWhole(lists: readonly (readonly Offer[])[]): Promise<Download | undefined> {
    for (const offers of lists) {
      if (this.#parts.ended?.aborted) break
      const download = await this.#begin(offers[0]!.proven)
      await Promise.all(offers.map(offer => this.#lane(offer, download)))
      if (!download.isDone) continue
      if (await this.#isWhole(download)) return download
      for (const { peer } of offers) this.#blame(peer, 'manifest', 'missing-chunks')
    }
    return undefined
  }

  /** Each chunk has proven that it belongs to the state: together they must be all of it. */
  async #isWhole({ proven: { bytes, manifest, info } }: Download): Promise<boolean> {
    const { store, group } = this.#parts
    const keys = manifest.chunks.map((_, i) => snapshotChunkKey(group, info.size, i))
    const chunks = (await store.getMany(keys)).filter(chunk => chunk !== undefined)
    return readSnapshot({ manifest: bytes, chunks }, manifest.stateRoot).ok
  }

  /** The peer's manifest, if it is of the state that was decided. */
  async #offer(peer: PeerId): Promise<Offer | undefined> {
    const answers = await openAnswers(this.#parts, peer)
    const reply = await answers?.to(this.#request(pieceKind.manifest, 0, 0)).catch(() => undefined)
    const proven = reply?.code === '' ? proveManifest(this.#wanted, reply) : undefined
    if (reply?.code === '' && proven === undefined) this.#blame(peer, 'manifest', 'not-decided')
    if (answers !== undefined && proven !== undefined) return { peer, answers, proven }
    answers?.end()
    return undefined
  }

  async #lane({ peer, answers }: Offer, download: Download): Promise<void> {
    try {
      await this.#pieces(peer, answers, download)
    } catch {
      this.#parts.count('snapshot_peer_lost', {})
    } finally {
      download.lost(peer)
    }
  }

  async #pieces(peer: PeerId, answers: Answers, download: Download): Promise<void> {
    const { clock, write } = this.#parts
    while (!download.isDone) {
      const piece = download.next(peer)
      if (piece === undefined) {
        await new Promise<void>(resolve => clock.after(idleMs, resolve))
        continue
      }
      const answer = await answers.to(this.#requestOf(piece))
      if (answer.code !== '') return
      const arrival = download.arrived(peer, answer)
      if (!arrival.ok) return this.#blame(peer, nameOf(piece), arrival.code)
      this.#senders.add(peer)
      if (arrival.ops.length > 0) await write(arrival.ops)
      const bytes = (answer.data?.length ?? 0) + (answer.proof?.length ?? 0)
      if (!download.isDone) await new Promise<void>(resolve => clock.after(bytes / bytesPerMs, resolve))
    }
  }

  async #begin(proven: ProvenManifest): Promise<Download> {
    const { group, store } = this.#parts
    await this.#forgetOthers()
    const here = new Set<string>()
    for (const piece of piecesOf(proven, this.#from, this.#wanted.size)) {
      if (await isOnDisk(store, group, this.#wanted.size, proven, piece)) here.add(nameOf(piece))
    }
    return new Download(group, this.#wanted, proven, this.#from, piece => here.has(nameOf(piece)))
  }

  /**
   * Chunks of attempts that came to nothing. Those of a few stay: as states are tried in turn, each is gone on with where it
   * ended. Once one of them is whole all others go.
   */
  async #forgetOthers(): Promise<void> {
    const { group, store, write } = this.#parts
    const kept = new Set([this.#wanted.size, ...(await keptSnapshots(store, group)).map(({ size }) => size)])
    const unfinished = new Map<number, StoreOp[]>()
    for await (const { key } of store.range(snapshotRange(group))) {
      const size = parseSnapshotKey(key)?.leaf ?? 0
      if (kept.has(size)) continue
      const ops = unfinished.get(size) ?? []
      unfinished.set(size, ops)
      ops.push({ key, value: undefined })
    }
    const byChunks = [...unfinished.values()].sort((a, b) => b.length - a.length)
    const ops = byChunks.slice(maxUnfinished).flat()
    if (ops.length > 0) await write(ops)
  }

  #blame(peer: PeerId, piece: string, code: string): void {
    const { name, distrusted, clock, count, log } = this.#parts
    distrusted.add(peer, clock.monotonicMs())
    count('snapshot_bad_piece', { code })
    log('bad-chunk', { authority: name, peer, piece, code })
  }

  #requestOf(piece: Piece): SnapshotRequest {
    if (piece.kind === 'chunk') return this.#request(pieceKind.chunk, piece.number, 0)
    return this.#request(pieceKind.leaves, piece.subtree.first, piece.subtree.height)
  }

  #request(kind: number, first: number, height: number): SnapshotRequest {
    const { size, final } = this.#wanted
    return { group: this.#parts.group, size, finalSize: final.size, kind, first, height }
  }
}

/** One peer, and the manifest that it has sent. */
interface Offer {
  readonly peer: PeerId
  readonly answers: Answers
  readonly proven: ProvenManifest
}

/**
 * Those who sent one and the same manifest, the most first. The state that it is of was decided; how it is cut into chunks is its
 * sender's word until all of them are here, and one that lies must not have the first word.
 */
function alike(offers: readonly Offer[]): readonly (readonly Offer[])[] {
  const lists = new Map<string, Offer[]>()
  for (const offer of offers) {
    const name = hashName(offer.proven.bytes)
    lists.set(name, [...(lists.get(name) ?? []), offer])
  }
  return [...lists.values()].sort((a, b) => b.length - a.length)
}

const hashName = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString('hex')

/**
 * Leaves in the log at the newest states that peers have under `final`: those that came to nothing last, of the others first
 * what most peers have. A manifest is no promise of the pieces, so a state that one peer alone offers must not keep out the rest.
 */
export async function offeredSizes(
  parts: FetchParts,
  wanted: Pick<WantedSnapshot, 'origin' | 'final' | 'membersIn'>,
): Promise<readonly number[]> {
  const { peers, distrusted, clock, group } = parts
  const request = {
    group,
    size: newestSize,
    finalSize: wanted.final.size,
    kind: pieceKind.manifest,
    first: 0,
    height: 0,
  }
  const sizeAt = async (peer: PeerId): Promise<number> => {
    const answers = await openAnswers(parts, peer)
    const reply = await answers?.to(request).catch(() => undefined)
    answers?.end()
    const manifest = reply?.data && decodeManifest(reply.data)
    const size = manifest && decodeInfo(manifest.sealInfo, manifest.stateRoot)?.size
    if (size === undefined || reply === undefined) return 0
    return proveManifest({ ...wanted, size, index: undefined }, reply) === undefined ? 0 : size
  }
  const nowMs = clock.monotonicMs()
  const offers = await Promise.all(peers.filter(peer => !distrusted.has(peer, nowMs)).map(sizeAt))
  const sizes = [...new Set(offers)].filter(size => size > 0)
  const failed = (size: number): number => Number(distrusted.hasFailed(group, size, nowMs))
  const offerers = (size: number): number => offers.filter(each => each === size).length
  return sizes.sort((a, b) => failed(a) - failed(b) || offerers(b) - offerers(a) || b - a)
}

function nameOf(piece: Piece): string {
  return piece.kind === 'chunk' ? `chunk ${piece.number}` : `leaves ${piece.subtree.first}`
}

async function isOnDisk(
  store: Store,
  group: number,
  size: number,
  { manifest }: ProvenManifest,
  piece: Piece,
): Promise<boolean> {
  if (piece.kind === 'chunk') {
    const stored = await store.get(snapshotChunkKey(group, size, piece.number))
    return stored !== undefined && openChunk(manifest, piece.number, stored).ok
  }
  const { first, height } = piece.subtree
  if (height < tileHeight) return false
  for (let leaf = first; leaf < first + 2 ** height; leaf += tileWidth) {
    const stored = await store.get(logLeavesKey(group, leaf / tileWidth))
    // A state that was taken over may have ended within this bundle.
    if (stored === undefined || checked(stored)?.length !== bundleBytes) return false
  }
  return true
}
