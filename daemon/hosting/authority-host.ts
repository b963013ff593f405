import { decodeCertificate } from '../../consensus/finality/certificate.ts'
import type { CommittedEntry, ReadAsked, ReadDone, RoleChange } from '../../consensus/groups/types.ts'
import { encodeFinal } from '../../consensus/handover/final.ts'
import type { LogReader } from '../../storage/log/log-store.ts'
import { leafHash, recordsInBatch } from '../../storage/log/record.ts'
import type { Tile } from '../../storage/log/tree.ts'
import type { StoreOp } from '../../storage/store.ts'
import type { Authority } from '../authority/authority.ts'
import type { InputBatch } from '../authority/batch.ts'
import { type BatchWaiter, tell } from '../authority/intake.ts'
import type { ReadAnswer } from '../authority/reading.ts'
import type { AppliedEntry, AppliedSeal, Replica } from '../authority/replica.ts'
import type { Lookup } from '../authority/types.ts'
import { FeedPublisher } from '../feed/publisher.ts'
import type { Clock } from '../ports.ts'
import { Decided, type DecidedPoint } from './decided.ts'
import { type FinalAnswer, type FinalAsk, FinalAsks } from './final-asks.ts'
import type { KeptCertificates } from './kept-certificates.ts'
import type { PublishedLog } from './log-view.ts'
import type { SnapshotKeeper } from './snapshots.ts'
import { StateReads } from './state-reads.ts'

export interface AuthorityHostParts {
  readonly name: string
  readonly authority: Authority
  readonly published: PublishedLog
  readonly reader: LogReader
  /** The last Raft index that the replica had applied when it was recovered. */
  readonly appliedIndex: number
  readonly snapshots: SnapshotKeeper
  readonly certificates: KeptCertificates
  readonly clock: Clock
  readonly schedule: (run: () => void) => void
  /** Puts ops into the node's next batch; `written` is called once they can be read back. */
  readonly write: (ops: readonly StoreOp[], written: () => void) => void
  /** Calls `done` once all that was put into batches so far is durable. */
  readonly sync: (done: () => void) => void
  /** An entry was applied; before what is told of the seals in it. */
  readonly applied: (entry: AppliedEntry) => void
  /** A seal was executed. What is returned goes into the batch with its records. */
  readonly sealed: (seal: AppliedSeal) => readonly StoreOp[]
  /** What is final by now, as far as this node knows. */
  readonly final: DecidedPoint | undefined
  /** More of the log is final, and on the disk. */
  readonly shown: () => void
  readonly maySign: () => boolean
  /** Certificates that activated the epochs after this one, in order. */
  readonly activations: (epoch: number) => readonly Uint8Array[]
  /** Asks the group from which index on a state is new enough; `readTold` gets the answer. */
  readonly askRead: (context: number) => ReadAsked
  /**
   * An input came to a replica that does not lead: it may be that nobody does. Where this member knows who leads, that is
   * no sign that the leader serves nobody: whoever offers it may never have asked it.
   */
  readonly inputWaits: (knowsLeader: boolean) => void
  readonly count: (name: string, labels: Record<string, string>) => void
  /** The replica must not go on: it diverged, or its disk is damaged. */
  readonly halted: (name: string, error: Error) => void
}

const keepAliveMs = 1_000
const gatewayGoneMs = 60_000
const noLeader = 0

/** One authority on this node with everything around it: batches in and out, its feed, its published log, its snapshots. */
export class AuthorityHost {
  readonly name: string
  readonly authority: Authority
  readonly published: PublishedLog
  readonly feed: FeedPublisher
  readonly #parts: AuthorityHostParts
  readonly #reads: StateReads
  readonly #decided: Decided
  readonly #finals: FinalAsks
  #flushing = false
  #halted = false
  #keepAliveAtMs = 0
  /** When a gateway last brought something, by its node number. */
  readonly #gatewaysMs = new Map<number, number>()
  #appliedIndex: number

  constructor(parts: AuthorityHostParts) {
    this.name = parts.name
    this.authority = parts.authority
    this.published = parts.published
    this.#parts = parts
    this.#appliedIndex = parts.appliedIndex
    const { replica } = parts.authority
    this.#reads = new StateReads(replica, parts.askRead)
    this.feed = new FeedPublisher({
      point: () => ({ tick: replica.rules.tick, leaf: replica.log.size }),
      entities: () => entitiesOf(replica),
    })
    const { published, sync, count } = parts
    this.#finals = new FinalAsks({
      log: replica.log,
      signed: () => published.signed(),
      activations: parts.activations,
      sealSoon: () => this.authority.sealSoon(),
      isSealAsked: () => this.authority.isSealAsked,
      leads: () => this.authority.serving,
    })
    const shown = (point: DecidedPoint): void => {
      this.#finals.decided(point)
      parts.certificates.shown(point)
      parts.shown()
    }
    const { maySign } = parts
    this.#decided = new Decided({ log: replica.log, published, sync, maySign, shown, count })
    if (parts.final !== undefined) this.#decided.final(parts.final)
  }

  get halted(): boolean {
    return this.#halted
  }

  /** The members have decided so far, and the directory has it. */
  final(point: DecidedPoint): void {
    this.#decided.final(point)
    if (!this.authority.handsOver) return
    const { certificate } = point
    const { height } = decodeCertificate(certificate)!.seal
    this.authority.final(height, encodeFinal(certificate, this.#parts.activations(0)))
    this.#flushSoon()
  }

  offer(batch: InputBatch, waiter: BatchWaiter): void {
    this.#gatewaysMs.set(batch.gateway, this.#parts.clock.monotonicMs())
    this.authority.offer(batch, waiter)
    if (!this.authority.serving) this.#parts.inputWaits(this.authority.leader !== noLeader)
    this.#flushSoon()
  }

  /** Of another authority's leader, or whoever brings it. */
  heard(message: Uint8Array): void {
    if (this.#halted) return
    this.authority.heard(message)
    this.#flushSoon()
  }

  /** Gateways that have brought something lately, by node number, ascending. */
  gateways(): number[] {
    const sinceMs = this.#parts.clock.monotonicMs() - gatewayGoneMs
    for (const [gateway, atMs] of this.#gatewaysMs) if (atMs < sinceMs) this.#gatewaysMs.delete(gateway)
    return [...this.#gatewaysMs.keys()].sort((a, b) => a - b)
  }

  /** How an entity is now, on any member; nothing is logged. */
  read(target: Uint8Array, answer: (answer: ReadAnswer) => void): void {
    if (this.#halted) return answer({ kind: 'not-leader', leader: noLeader })
    if (this.authority.leader === noLeader) this.#parts.inputWaits(false)
    this.#reads.read(target, this.#parts.clock.monotonicMs(), answer)
  }

  /** Tells once these leaves are final; a leader has them sealed. `from` is the node at whose gateway it is asked. */
  whenFinal(ask: FinalAsk, from: number, answer: (answer: FinalAnswer) => void): void {
    if (this.#halted) return answer({ kind: 'not-leader', leader: noLeader })
    if (this.authority.leader === noLeader) this.#parts.inputWaits(false)
    this.#finals.ask(ask, from, this.#parts.clock.monotonicMs(), answer)
  }

  readTold(done: ReadDone): void {
    this.#reads.told(done, this.#appliedIndex)
  }

  /** A catch-up has brought the state to this index of Raft's log. */
  caughtUp(index: number): void {
    this.#appliedIndex = Math.max(this.#appliedIndex, index)
    this.#reads.applied(this.#appliedIndex)
  }

  /** A start, or a follower that was away, may need all from the oldest snapshot on. */
  get oldestSnapshotSize(): number {
    return this.#parts.snapshots.oldestSize
  }

  roleChanged(change: RoleChange): void {
    if (this.#halted) return this.authority.roleChanged(false, change.term, noLeader)
    this.authority.roleChanged(change.role === 'leader', change.term, change.leader)
  }

  /** Up to here the replica holds the log, whatever Raft's own copy of it knows: a catch-up runs ahead of that. */
  get appliedIndex(): number {
    return this.#appliedIndex
  }

  tick(nowMs: number, wallMs: number): void {
    if (this.#halted) return
    this.authority.tick(nowMs, wallMs)
    this.#reads.tick(nowMs)
    this.#finals.tick(nowMs)
    this.authority.publish(this.feed.subscribers > 0)
    for (const delta of this.authority.outputs.drain()) this.feed.publish(delta)
    if (nowMs < this.#keepAliveAtMs) return
    this.#keepAliveAtMs = nowMs + keepAliveMs
    this.feed.keepAlive()
  }

  /** Committed entries, in order. Those that came before, in a catch-up that a crash cut short, are passed over. */
  committed(entries: readonly CommittedEntry[]): void {
    const news = entries.filter(entry => entry.index > this.#appliedIndex)
    if (this.#halted || news.length === 0) return
    this.#appliedIndex = news.at(-1)!.index
    try {
      this.#apply(news)
      this.#reads.applied(this.#appliedIndex)
    } catch (error) {
      this.halt(error as Error)
    }
  }

  #apply(entries: readonly CommittedEntry[]): void {
    // Entries are applied up to each mark, so that a snapshot can be taken exactly there.
    const { snapshots } = this.#parts
    let from = 0
    let records = 0
    let sizeBytes = 0
    for (let i = 0; i < entries.length; i++) {
      const { index, data } = entries[i]!
      records += recordsInBatch(data)
      sizeBytes += data.length
      const size = this.authority.replica.log.size + records
      if (i < entries.length - 1 && !snapshots.due(size, index, sizeBytes)) continue
      snapshots.applied(sizeBytes)
      this.#deliver(entries.slice(from, i + 1))
      from = i + 1
      records = 0
      sizeBytes = 0
    }
    this.#lookUp()
    this.#flushSoon()
  }

  #deliver(entries: readonly CommittedEntry[]): void {
    const delivery = this.authority.committed(entries)
    const tiles: Tile[] = delivery.entries.flatMap(entry => entry.tiles)
    const { log } = this.authority.replica
    for (const entry of delivery.entries) this.#parts.applied(entry)
    const sealOps = delivery.seals.flatMap(seal => this.#parts.sealed(seal))
    this.#parts.write([...delivery.ops, ...sealOps], () => log.tilesWritten(tiles))
    this.#decided.advance()
    if (delivery.entries.at(-1)?.marked) this.#parts.snapshots.take(this.authority.replica, entries.at(-1)!)
  }

  /** Proposes at the end of the turn, so that inputs which arrive together travel together. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#parts.schedule(() => {
      this.#flushing = false
      if (!this.#halted) this.authority.flush(this.#parts.clock.wallMs())
      this.#lookUp()
    })
  }

  #lookUp(): void {
    for (const lookup of this.authority.takeLookups()) void this.#find(lookup)
  }

  async #find(lookup: Lookup): Promise<void> {
    try {
      const record = await this.#parts.reader.record(lookup.leaf)
      if (record === undefined) tell(lookup.waiting, { kind: 'refused', code: 'outcome-forgotten' })
      else this.authority.foundRecord(lookup, record, leafHash(record))
    } catch (error) {
      this.halt(error as Error)
    }
  }

  /** This node keeps it no longer: whoever waits here is sent elsewhere. */
  retire(): void {
    this.#end('the replica moved')
  }

  #end(why: string): void {
    this.#halted = true
    this.authority.roleChanged(false, this.authority.term, noLeader)
    this.feed.end(why)
    this.#reads.end()
    this.#finals.end()
  }

  /** For good: it serves nobody any more, and is told to the node once. */
  halt(error: Error): void {
    if (this.#halted) return
    this.#end('the authority halted on this node')
    this.#parts.halted(this.name, error)
  }
}

function entitiesOf({ area }: Replica): Uint8Array[] {
  return area === undefined ? [] : [...area.entities()].map(({ id }) => area.entityBytes(id)!)
}
