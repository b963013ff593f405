import { decodeCertificate } from '../../consensus/finality/certificate.ts'
import { sealHash } from '../../consensus/finality/seal.ts'
import { encodeMark, encodeSeal } from '../../daemon/authority/bodies.ts'
import { Replica } from '../../daemon/authority/replica.ts'
import type { CertifiedLog } from '../../daemon/directory/serving.ts'
import { logUpTo } from '../../daemon/hosting/recover.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, recordKind } from '../../storage/log/record.ts'
import { treeEntry } from '../../storage/state/entry.ts'
import { StateTree } from '../../storage/state/state-tree.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { encodeDirectoryTick } from '../../world/directory/codec/tick.ts'
import { createDirectory, type Directory } from '../../world/directory/directory.ts'
import {
  BEGIN_MS,
  certificateOf,
  charterOf,
  host,
  ORIGIN,
  Stage,
  sealOf,
  TICK_MS,
  votersOf,
} from '../world/directory/support.ts'

export const GROUP = 2
const CHARTER = new TextEncoder().encode('the charter')

/** A replica of the directory of these tests, with what a disk has of it. */
export async function replicaOn(store: Store): Promise<Replica> {
  const rules = createDirectory(host, charterOf())
  rules.takeDirty()
  const tree = new StateTree()
  for (const { key, value } of rules.entries()) {
    const entry = treeEntry(key, value)
    tree.set(entry.key, entry.value)
  }
  const log = await logUpTo(store, GROUP, 0)
  const replica = new Replica({
    ...{ origin: ORIGIN, group: GROUP, isHidden: false, charterBody: CHARTER, rules, log, tree, actions: 0 },
    ...{ regime: { epoch: 1, members: [1, 2, 3, 4] }, lastSeal: undefined, pendingMark: undefined },
  })
  for await (const batch of new LogReader(store, GROUP).batches(0))
    log.tilesWritten(replica.applyRecords(batch.records, []).tiles)
  return replica
}

const write = (store: Store, ops: StoreOp[]): Promise<void> =>
  new Promise(resolve => store.write(ops, { sync: false }, () => resolve()))

/** What the directory's members have decided, on one of their disks. */
export class Member implements CertifiedLog {
  readonly store: Store
  readonly reader: LogReader
  readonly replica: Replica
  readonly certificates: Uint8Array[] = []
  readonly activations: Uint8Array[] = []
  #stage: Stage
  #members: readonly number[] = [1, 2, 3, 4]
  #epoch = 1
  #previous: Uint8Array = new Uint8Array(32)

  private constructor(store: Store, replica: Replica) {
    this.store = store
    this.replica = replica
    this.reader = new LogReader(store, GROUP)
    // It writes inputs; what it applies itself nobody looks at.
    this.#stage = new Stage(replica.rules as Directory)
  }

  static async begin(store: Store): Promise<Member> {
    const member = new Member(store, await replicaOn(store))
    await member.log({ kind: recordKind.charter, body: CHARTER })
    return member
  }

  get size(): number {
    const last = this.certificates.at(-1)
    return last === undefined ? 0 : decodeCertificate(last)!.seal.size
  }

  get state(): Directory['state'] {
    return (this.replica.rules as Directory).state
  }

  async certificateOver(leaf: number): Promise<Uint8Array | undefined> {
    return this.certificates.find(each => decodeCertificate(each)!.seal.size > leaf)
  }

  activationsAfter(epoch: number): readonly Uint8Array[] {
    return this.activations.filter(each => decodeCertificate(each)!.seal.nextEpoch > epoch)
  }

  async log(...records: Pick<LogRecord, 'kind' | 'body'>[]): Promise<void> {
    const salt = new Uint8Array(16).fill(records.length)
    const data = encodeBatch(records.map(record => ({ ...record, rulesVersion: 1, salt })))
    const ops: StoreOp[] = []
    const { tiles } = this.replica.apply({ index: 1, term: 1, data }, ops)
    await write(this.store, ops)
    this.replica.log.tilesWritten(tiles)
  }

  async tick(...renewed: number[]): Promise<void> {
    const renewals = renewed.map(node => ({ node, nonce: this.#stage.nextNonce() }))
    this.#stage.tick += 1_000 / TICK_MS
    const { tick } = this.#stage
    const body = encodeDirectoryTick({ tick, timeMs: BEGIN_MS + tick * TICK_MS, renewals })
    await this.log({ kind: recordKind.tick, body })
  }

  async say(node: number, action: Parameters<Stage['bodyOf']>[1]): Promise<void> {
    await this.log({ kind: recordKind.input, body: this.#stage.bodyOf(node, action) })
  }

  /** Has the log sealed and certified. */
  async seal(next: readonly number[] = this.#members): Promise<Uint8Array> {
    const { replica } = this
    const height = replica.nextHeight
    await this.log({ kind: recordKind.mark, body: encodeMark({ height }) })
    const { stateRoot, size: asOfSize, tick } = replica.pendingMark!
    const seal = { height, epoch: this.#epoch, previous: replica.previousHash, stateRoot, asOfSize, tick }
    const body = encodeSeal({ ...seal, timeMs: BEGIN_MS, nextMembers: [...next] })
    await this.log({ kind: recordKind.seal, body })
    const isLast = next.join() !== this.#members.join()
    const decided = sealOf({
      ...{ origin: ORIGIN, height, epoch: this.#epoch, previous: this.#previous, stateRoot, tick },
      ...{ size: replica.log.size, root: replica.log.root() },
      nextMembers: isLast ? votersOf(...next) : [],
    })
    const certificate = certificateOf(decided, this.#members)
    this.#previous = sealHash(decided)
    this.certificates.push(certificate)
    if (isLast) {
      this.activations.push(certificate)
      this.#members = next
      this.#epoch++
    }
    return certificate
  }
}
