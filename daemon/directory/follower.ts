import type { Certificate } from '../../consensus/finality/certificate.ts'
import { equalBytes } from '../../storage/bytes.ts'
import { decodeBatch, type LogRecord, leafHashes, recordKind } from '../../storage/log/record.ts'
import type { MerkleLog } from '../../storage/log/tree.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { decodeDirectoryTick, type Renewal } from '../../world/directory/codec/tick.ts'
import type { Directory } from '../../world/directory/directory.ts'
import { appliedOp } from '../authority/applied.ts'
import type { Replica } from '../authority/replica.ts'
import type { Clock } from '../ports.ts'
import { followedOps } from './followed.ts'
import type { MembershipChain } from './membership-chain.ts'
import { maxActivations, type SegmentAsk, type SegmentFrame, type SegmentHead } from './segments.ts'
import type { DirectoryNews, DirectoryView } from './view.ts'

export interface FollowerParts {
  readonly group: number
  readonly store: Store
  readonly clock: Pick<Clock, 'after'>
  /** As the disk has it. All of it is certified. */
  readonly replica: Replica
  readonly chain: MembershipChain
  /** The log of so many leaves, apart from the replica's: to see where leaves lead to. */
  readonly logUpTo: (size: number) => Promise<MerkleLog>
  /** More is certified, and on the disk. `tip`: the certificate over it. */
  readonly told: (news: DirectoryNews, tip: Uint8Array) => void
}

/** Why a segment is not taken; the next source is asked. */
export type SegmentFault =
  | 'unexpected'
  | 'bad-activation'
  | 'bad-certificate'
  | 'nothing-new'
  | 'bad-batch'
  | 'too-large'
  | 'wrong-root'

/** Of one segment, before its root is known to be right. */
const maxSegmentBytes = 64 * 1024 * 1024
/** Between these others have their turn. */
const batchesPerTurn = 16

interface Segment {
  readonly certificate: Certificate
  readonly bytes: Uint8Array
  readonly chain: MembershipChain
  readonly batches: { readonly data: Uint8Array; readonly records: readonly LogRecord[] }[]
  /** Where the next batch begins. */
  nextLeaf: number
  sizeBytes: number
}

/**
 * The directory on a node that is no member of it: certified pieces of its log in, state out. Nothing is applied before the members'
 * certificate and the root of the log were found right; then the state is compared at each seal, as every replica does.
 */
export class Follower implements DirectoryView {
  readonly #parts: FollowerParts
  #chain: MembershipChain
  #segment: Segment | undefined
  #size: number

  constructor(parts: FollowerParts) {
    this.#parts = parts
    this.#chain = parts.chain
    this.#size = parts.replica.log.size
  }

  get state(): Directory['state'] | undefined {
    return this.#size === 0 ? undefined : (this.#parts.replica.rules as Directory).state
  }

  get size(): number {
    return this.#size
  }

  get chain(): MembershipChain {
    return this.#chain
  }

  /** A new source is asked: what the one before had begun to send is forgotten. */
  ask(): SegmentAsk {
    this.#segment = undefined
    return { size: this.#size, epoch: this.#chain.now.epoch }
  }

  /**
   * Takes a frame of the source that was asked. `more`: it has more to send; `done`: it may be asked anew.
   * @throws DivergenceError when the members have decided another state than follows from their log: this node must not go on
   */
  async take(frame: SegmentFrame): Promise<'more' | 'done' | SegmentFault> {
    if (frame.kind === 'nothing') return this.#segment === undefined ? 'done' : 'unexpected'
    if (frame.kind === 'head') return this.#begin(frame)
    const segment = this.#segment
    if (segment === undefined || frame.firstLeaf !== segment.nextLeaf) return 'unexpected'
    const fault = addBatch(segment, frame.batch)
    if (fault !== undefined || segment.nextLeaf < segment.certificate.seal.size) return fault ?? 'more'
    this.#segment = undefined
    return await this.#end(segment)
  }

  #begin({ activations, certificate: bytes }: SegmentHead): 'more' | SegmentFault {
    if (this.#segment !== undefined || activations.length > maxActivations) return 'unexpected'
    const chain = this.#chain.copy()
    if (!activations.every(activation => chain.activate(activation))) return 'bad-activation'
    const certificate = chain.read(bytes)
    if (certificate === undefined) return 'bad-certificate'
    if (certificate.seal.size <= this.#size) return 'nothing-new'
    this.#segment = {
      ...{ certificate, bytes: bytes.slice(), chain, batches: [] },
      ...{ nextLeaf: this.#size, sizeBytes: 0 },
    }
    return 'more'
  }

  async #end(segment: Segment): Promise<'done' | SegmentFault> {
    const { logUpTo, store, group } = this.#parts
    const { certificate, bytes, chain, batches } = segment
    const log = await logUpTo(this.#size)
    for (const { records } of batches) log.append(leafHashes(records))
    if (!equalBytes(log.root(), certificate.seal.root)) return 'wrong-root'
    const isNewEpoch = chain.now.epoch !== this.#chain.now.epoch
    const ops: StoreOp[] = followedOps(group, bytes, isNewEpoch ? chain.activations : undefined)
    const news = await this.#apply(batches, ops)
    const { size } = certificate.seal
    ops.push(appliedOp(group, { index: 0, term: 0, size }))
    await new Promise<void>((resolve, reject) => {
      store.write(ops, { sync: false }, error => (error === undefined ? resolve() : reject(error)))
    })
    this.#chain = chain
    this.#size = size
    this.#parts.told(news, bytes)
    return 'done'
  }

  async #apply(batches: Segment['batches'], ops: StoreOp[]): Promise<DirectoryNews> {
    const { replica, clock } = this.#parts
    const changed = new Set<string>()
    const renewals = new Map<number, Renewal>()
    for (const [i, { data, records }] of batches.entries()) {
      const entry = replica.apply({ index: 0, term: 0, data }, ops)
      replica.log.tilesWritten(entry.tiles)
      for (const applied of entry.applied) for (const name of applied?.changed ?? []) changed.add(name)
      for (const { kind, body } of records) {
        if (kind !== recordKind.tick) continue
        for (const renewal of decodeDirectoryTick(body)?.renewals ?? []) renewals.set(renewal.node, renewal)
      }
      if (i % batchesPerTurn === batchesPerTurn - 1)
        await new Promise<void>(resolve => void clock.after(0, resolve))
    }
    return { changed, renewals }
  }
}

function addBatch(segment: Segment, bytes: Uint8Array): SegmentFault | undefined {
  const data = bytes.slice()
  const batch = decodeBatch(data)
  if (!batch.ok || batch.records.length === 0) return 'bad-batch'
  segment.nextLeaf += batch.records.length
  segment.sizeBytes += data.length
  if (segment.nextLeaf > segment.certificate.seal.size) return 'bad-batch'
  if (segment.sizeBytes > maxSegmentBytes) return 'too-large'
  segment.batches.push({ data, records: batch.records })
  return undefined
}
