import { createHash } from 'node:crypto'
import type { Certificate } from '../../../consensus/finality/certificate.ts'
import { logBatchRange, parseLogBatchKey } from '../../../storage/keys.ts'
import {
  decodeBatch,
  decodeStoredBatch,
  type LogRecord,
  leafHashes,
  recordKind,
  saltBytes,
} from '../../../storage/log/record.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { decodeDirectoryTick, encodeDirectoryTick } from '../../../world/directory/codec/tick.ts'
import { createDirectory, type Directory } from '../../../world/directory/directory.ts'
import { LEASE_MS } from '../../../world/directory/limits.ts'
import type { StateEntry } from '../../../world/interface.ts'
import type { SimDisk } from '../disk.ts'
import type { Promised } from './judge.ts'
import { type Realm, worldHostOf } from './realm.ts'
import type { ViewTruth } from './view-truth.ts'

export interface DirectoryTruthParts {
  readonly realm: Realm
  readonly views: ViewTruth
  readonly diskOf: (node: number) => SimDisk
  readonly fail: (problem: string) => void
  readonly count: (name: string) => void
  readonly leader: () => number
}

type State = { entries(): Iterable<StateEntry> }

/**
 * The directory's certified log, read from whichever disk has what its members have decided, and replayed apart from all nodes: what
 * it has anchored and whom it has ordered, and the leases that it has given.
 */
export class DirectoryTruth {
  readonly #parts: DirectoryTruthParts
  readonly #group: number
  readonly #rules: Directory
  readonly #records: LogRecord[] = []
  readonly #states = new Set<string>()
  readonly #anchored = new Map<string, string>()
  readonly #epochs = new Map<number, number>()
  readonly #heights = new Map<number, number>()
  readonly #ordered = new Set<string>()
  /** When a nonce left its node, by that machine's monotonic clock. */
  readonly #askedMs = new Map<string, number>()
  readonly #leasedUntilMs = new Map<number, number>()
  /** Of the newest vote of a node that was looked at. */
  readonly #votedMs = new Map<number, number>()
  #newest: Certificate | undefined

  constructor(parts: DirectoryTruthParts) {
    this.#parts = parts
    const { identity, charter } = parts.realm.directory!
    if (charter.kind !== 'directory') throw new TypeError('not the directory')
    this.#group = identity.group
    this.#rules = createDirectory(worldHostOf(identity.origin), charter)
  }

  get state(): Directory['state'] {
    this.catchUp()
    return this.#rules.state
  }

  wasOrdered(group: number, members: readonly number[]): boolean {
    this.catchUp()
    return this.#ordered.has(`${group} ${members}`)
  }

  /** The members have decided so far: each node calls that final at once. */
  certified(certificate: Certificate): void {
    this.#parts.views.anchored(this.#group, certificate.seal)
    if (certificate.seal.size > (this.#newest?.seal.size ?? 0)) this.#newest = certificate
    this.catchUp()
  }

  /** A new life begins: what the one before was given, it does not have. */
  began(node: number): void {
    for (const key of this.#askedMs.keys())
      if (key.startsWith(`${node} `)) this.#askedMs.set(key, Number.NEGATIVE_INFINITY)
    this.#leasedUntilMs.delete(node)
    this.#votedMs.delete(node)
  }

  /** A node asks for a lease. */
  asks(node: number, nonce: Uint8Array, nowMs: number): void {
    const key = `${node} ${hex(nonce)}`
    if (!this.#askedMs.has(key)) this.#askedMs.set(key, nowMs)
  }

  /** A node has decided, since it last did, to cast a second vote. */
  votes(node: number, group: number, nowMs: number): void {
    this.catchUp()
    const sinceMs = this.#votedMs.get(node) ?? nowMs
    this.#votedMs.set(node, nowMs)
    if (group === this.#group) return
    const untilMs = this.#leasedUntilMs.get(node) ?? Number.NEGATIVE_INFINITY
    this.#parts.count('votes-under-lease')
    if (untilMs > Math.min(sinceMs, nowMs)) return
    const late = Math.round(nowMs - untilMs)
    this.#parts.fail(
      `n${node} casts a vote in group ${group} without a lease: the last one was over for ${late} ms`,
    )
  }

  /** What a node takes for what the directory's members have decided. */
  shows(node: number, state: State): void {
    this.catchUp()
    this.#parts.count('directory-states')
    if (!this.#states.has(sumOf(state)))
      this.#parts.fail(`n${node} has a state of the directory that its members never decided`)
  }

  /** Of a log of so many leaves and one that nobody decided; undefined where this is not known. */
  rootBeyond(size: number): Uint8Array | undefined {
    this.catchUp()
    if (size !== this.#records.length) return undefined
    const log = new MerkleLog(async () => undefined)
    log.append(leafHashes([...this.#records, this.neverDecided()]))
    return log.root()
  }

  /** A tick that its members would have to decide next. */
  neverDecided(): LogRecord {
    const { tick, timeMs } = this.#rules.state.header
    const body = encodeDirectoryTick({ tick: tick + 1, timeMs: timeMs + 1, renewals: [] })
    return { kind: recordKind.tick, rulesVersion: 1, salt: new Uint8Array(saltBytes), body }
  }

  /** What was promised is in what was decided. */
  checkPromises(promises: Iterable<Promised>): void {
    this.catchUp()
    const { views, fail } = this.#parts
    for (const { group, view, leaf, body } of promises) {
      const record = this.#records[leaf]
      if (group !== this.#group || record === undefined || views.fellOff(group, view, leaf)) continue
      if (Buffer.compare(record.body, body) !== 0)
        fail(`lost: the directory promised an input at leaf ${leaf}`)
    }
  }

  /** Who leads it, by what a node of those that are up says; 0 for nobody. */
  leader(): number {
    return this.#parts.leader()
  }

  get size(): number {
    this.catchUp()
    return this.#records.length
  }

  /** All that is certified, as far as any disk has it. */
  catchUp(): void {
    const seal = this.#newest?.seal
    if (seal === undefined || this.#records.length >= seal.size) return
    for (const { number } of this.#parts.realm.nodes) {
      const more = recordsOn(this.#parts.diskOf(number), this.#group, this.#records.length, seal.size)
      if (this.#records.length + more.length !== seal.size) continue
      const log = new MerkleLog(async () => undefined)
      log.append(leafHashes([...this.#records, ...more]))
      if (Buffer.compare(log.root(), seal.root) !== 0) continue
      for (const record of more) this.#apply(record)
      return
    }
  }

  #apply(record: LogRecord): void {
    const leaf = this.#records.push(record) - 1
    const { kind, body } = record
    if (kind === recordKind.input || kind === recordKind.tick) {
      for (const name of this.#rules.apply(kind, body, leaf).changed) this.#changed(name)
      this.#rules.takeDirty()
    }
    if (kind === recordKind.tick) this.#renew(body)
    if (kind === recordKind.seal) this.#states.add(sumOf(this.#rules))
  }

  #renew(body: Uint8Array): void {
    for (const { node, nonce } of decodeDirectoryTick(body)?.renewals ?? []) {
      const askedMs = this.#askedMs.get(`${node} ${hex(nonce)}`)
      if (askedMs === undefined) this.#parts.fail(`n${node} is renewed for what it never asked`)
      else {
        const known = this.#leasedUntilMs.get(node) ?? Number.NEGATIVE_INFINITY
        this.#leasedUntilMs.set(node, Math.max(known, askedMs + LEASE_MS))
      }
      this.#parts.count('leases-renewed')
    }
  }

  #changed(name: string): void {
    const [kind, number] = name.split('/')
    const group = Number(number)
    if (kind === 'anchor') this.#anchor(group)
    if (kind !== 'authority') return
    for (const { voters } of this.#rules.state.authorities.get(group)?.orders ?? []) {
      const key = `${group} ${[...voters].sort((a, b) => a - b)}`
      if (!this.#ordered.has(key)) this.#parts.count('orders')
      this.#ordered.add(key)
    }
  }

  #anchor(group: number): void {
    const anchor = this.#rules.state.anchors.get(group)?.anchor
    if (anchor === undefined) return
    const { epoch, height, hash } = anchor
    const key = `${group} ${height}`
    const other = this.#anchored.get(key)
    if (other === hex(hash)) return
    this.#parts.count('anchors')
    if (other !== undefined)
      this.#parts.fail(`two certificates of height ${height} of group ${group} are anchored`)
    this.#anchored.set(key, hex(hash))
    const below = this.#heights.get(group) ?? 0
    this.#heights.set(group, height)
    if (height < below) this.#parts.fail(`seal ${height} of group ${group} is anchored after ${below}`)
    if (epoch < (this.#epochs.get(group) ?? 0))
      this.#parts.fail(
        `what old members of group ${group} certified in epoch ${epoch} is anchored after a new one began`,
      )
    this.#epochs.set(group, this.#rules.state.authorities.get(group)!.epoch)
    this.#parts.views.anchoredAs(group, hex(hash))
  }
}

function sumOf(state: State): string {
  const sum = createHash('sha256')
  for (const { key, value } of state.entries()) sum.update(key).update('=').update(value).update(';')
  return sum.digest('hex')
}

function recordsOn({ visible }: SimDisk, group: number, from: number, to: number): LogRecord[] {
  const records: LogRecord[] = []
  // The batch that has the first leaf may begin before it.
  const [first] = visible.slice({ ...logBatchRange(group, 0, from + 1), reverse: true, limit: 1 })
  if (first === undefined) return records
  const begin = parseLogBatchKey(first.key)!.firstLeaf
  for (const { key, value } of visible.slice(logBatchRange(group, begin, to))) {
    const stored = decodeStoredBatch(value)
    const batch = stored && decodeBatch(stored.batch)
    const leaf = parseLogBatchKey(key)!.firstLeaf
    if (batch === undefined || !batch.ok) return records
    batch.records.forEach((record, i) => {
      if (leaf + i === from + records.length && leaf + i < to) records.push(record)
    })
  }
  return records
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
