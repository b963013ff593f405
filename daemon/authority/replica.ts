import { hash } from 'node:crypto'
import { equalBytes } from '../../storage/bytes.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { batchOp, tileOps } from '../../storage/log/log-store.ts'
import { decodeBatch, hashBytes, type LogRecord, leafHashes, recordKind } from '../../storage/log/record.ts'
import type { MerkleLog, Tile } from '../../storage/log/tree.ts'
import { hidingKey, treeEntry, treeKey } from '../../storage/state/entry.ts'
import type { StateTree } from '../../storage/state/state-tree.ts'
import type { StoreOp } from '../../storage/store.ts'
import type { Applied, Rules } from '../../world/interface.ts'
import { areaOf } from '../../world/kinds.ts'
import type { World } from '../../world/world.ts'
import { decodeMark, decodeSeal, type Seal } from './bodies.ts'
import { DivergenceError } from './errors.ts'
import { Faults } from './faults.ts'
import type { Fault, Regime } from './types.ts'

/** The last seal that this replica executed, and the checkpoint after it. */
export interface AppliedSeal {
  readonly seal: Seal
  /** The log's size just after the seal. */
  readonly size: number
  /** The log's root at that size. */
  readonly root: Uint8Array
  /** SHA-256 of the checkpoint's text: what the next seal names as `previous`. */
  readonly checkpointHash: Uint8Array
  /** It names other members than there were: once it is decided the next epoch begins, and nothing of this one follows it. */
  readonly endsEpoch: boolean
}

/** A state that a mark was set at, and another one since: its seal may come late. */
export interface ReplacedMark {
  readonly size: number
  readonly stateRoot: Uint8Array
}

/** A mark that no seal has followed yet. */
export interface PendingMark extends ReplacedMark {
  readonly height: number
  /** Of the authority's time then. */
  readonly tick: number
}

export interface AppliedRecords {
  /** The leaf of the first record; the others follow. */
  readonly firstLeaf: number
  readonly records: readonly LogRecord[]
}

export interface AppliedEntry extends AppliedRecords {
  /** All that are in it. */
  readonly faults: readonly Fault[]
  /** 32 bytes for each record, one after another. */
  readonly leafHashes: Uint8Array
  /** What the rules made of each record; undefined for those that the rules don't see. */
  readonly applied: readonly (Applied | undefined)[]
  readonly tiles: readonly Tile[]
  /** A mark was applied as the entry's last record: the state is now as the next seal will name it. */
  readonly marked: boolean
  readonly sealed: AppliedSeal | undefined
}

export interface ReplicaParts {
  readonly origin: string
  readonly group: number
  /**
   * Its state is not everybody's. Then each root of it covers the salt of the mark that it is taken after: nobody without
   * the bodies can find a state by trying which one gives the root.
   */
  readonly isHidden: boolean
  /** The body that the log's first leaf must have. */
  readonly charterBody: Uint8Array
  readonly rules: Rules
  readonly log: MerkleLog
  readonly tree: StateTree
  /** After `lastSeal`, if there is one. */
  readonly regime: Regime
  readonly lastSeal: AppliedSeal | undefined
  readonly pendingMark: PendingMark | undefined
  /** Of the same height, before that one, the oldest first. */
  readonly replacedMarks?: readonly ReplacedMark[] | undefined
  /** Inputs applied so far. */
  readonly actions: number
}

/** Marks of one height whose seals may come late. */
export const maxReplacedMarks = 64
const noSeal = new Uint8Array(hashBytes)

const nothingIn = (firstLeaf: number, faults: readonly Fault[]): AppliedEntry => ({
  firstLeaf,
  faults,
  records: [],
  leafHashes: new Uint8Array(0),
  applied: [],
  tiles: [],
  marked: false,
  sealed: undefined,
})

/**
 * One replica's deterministic half: committed entries in, state and log out. Every member runs it over the same
 * entries and gets the same bytes; it knows nothing of leaders, clients or clocks.
 */
export class Replica {
  readonly origin: string
  readonly group: number
  readonly rules: Rules
  /** The rules, where they are an area's. */
  readonly area: World | undefined
  readonly log: MerkleLog
  readonly tree: StateTree
  /** Entries that held no well-formed batch. Only a faulty leader makes them; every replica skips them alike. */
  malformedEntries = 0
  /** Records that have no effect where they stand: a second charter, a seal or mark out of order. */
  voidRecords = 0
  /** Who is to decide the next seal: whoever the seals so far say. */
  regime: Regime
  lastSeal: AppliedSeal | undefined
  pendingMark: PendingMark | undefined
  /** Inputs applied since the log began, taken and refused. */
  actions: number
  /** Records since the last seal, seals and marks not counted. */
  unsealedRecords = 0
  /** Since the log began, or the snapshot that it was read back from. */
  readonly faults = new Faults()
  /** Of the entry that is being applied. */
  #found: Fault[] = []
  /** Of the next height. */
  #replacedMarks: ReplacedMark[] = []
  readonly #isHidden: boolean
  readonly #charterBody: Uint8Array

  constructor(parts: ReplicaParts) {
    this.origin = parts.origin
    this.group = parts.group
    this.rules = parts.rules
    this.area = areaOf(parts.rules)
    this.log = parts.log
    this.tree = parts.tree
    this.regime = parts.regime
    this.lastSeal = parts.lastSeal
    this.pendingMark = parts.pendingMark
    this.actions = parts.actions
    this.#replacedMarks = [...(parts.replacedMarks ?? [])]
    this.#isHidden = parts.isHidden
    this.#charterBody = parts.charterBody
  }

  /** Of the next height, before the one that is pending, the oldest first. */
  get replacedMarks(): readonly ReplacedMark[] {
    return this.#replacedMarks
  }

  get nextHeight(): number {
    return (this.lastSeal?.seal.height ?? 0) + 1
  }

  /** The hash that the next seal must name as `previous`. */
  get previousHash(): Uint8Array {
    return this.lastSeal?.checkpointHash ?? noSeal
  }

  /**
   * Applies one committed entry. The ops for its records and tiles are added to `ops`.
   * @throws DivergenceError when a seal names another state than this replica's own: it must stop.
   */
  apply(entry: { index: number; term: number; data: Uint8Array }, ops: StoreOp[]): AppliedEntry {
    this.#found = []
    const batch = decodeBatch(entry.data)
    if (!batch.ok) {
      this.malformedEntries++
      this.#blame(this.log.size, 'malformed-entry', `an entry of Raft is no batch (${batch.code})`)
      return nothingIn(this.log.size, this.#found)
    }
    if (batch.records.length === 0) return nothingIn(this.log.size, [])
    ops.push(batchOp(this.group, this.log.size, { index: entry.index, term: entry.term, batch: entry.data }))
    return this.applyRecords(batch.records, ops)
  }

  /** Applies the records of one entry, in order. Tiles that became full are added to `ops`. */
  applyRecords(batch: readonly LogRecord[], ops: StoreOp[]): AppliedEntry {
    this.#found = []
    const firstLeaf = this.log.size
    const hashes = leafHashes(batch)
    const applied: (Applied | undefined)[] = []
    const tiles: Tile[] = []
    let sealed: AppliedSeal | undefined
    let appended = 0
    for (let i = 0; i < batch.length; i++) {
      const record = batch[i]!
      applied.push(this.#applyToState(record, firstLeaf + i))
      if (record.kind !== recordKind.seal) continue
      // A checkpoint is the log's root just after its seal, so the log must stand exactly there.
      tiles.push(...this.log.append(hashes.subarray(appended * hashBytes, (i + 1) * hashBytes)))
      appended = i + 1
      sealed = this.#applySeal(record, firstLeaf + i) ?? sealed
    }
    tiles.push(...this.log.append(hashes.subarray(appended * hashBytes)))
    ops.push(...tileOps(this.group, tiles))
    const marked =
      batch[batch.length - 1]!.kind === recordKind.mark && this.pendingMark?.size === this.log.size
    const faults = this.#found
    return { firstLeaf, faults, records: batch, leafHashes: hashes, applied, tiles, marked, sealed }
  }

  #blame(leaf: number, code: string, what: string): void {
    const fault = { leaf, code, what }
    this.#found.push(fault)
    this.faults.add(fault)
  }

  #applyToState(record: LogRecord, leaf: number): Applied | undefined {
    if (leaf === 0 && record.kind !== recordKind.charter)
      this.#blame(leaf, 'unexpected-record', 'the first record is no charter')
    switch (record.kind) {
      case recordKind.input:
      case recordKind.tick: {
        this.unsealedRecords++
        if (record.kind === recordKind.input) this.actions++
        const applied = this.rules.apply(record.kind, record.body, leaf)
        const code = record.kind === recordKind.tick ? 'wrong-tick' : 'malformed-record'
        if (applied.ignored !== undefined) this.#blame(leaf, code, `it is passed by: ${applied.ignored.code}`)
        return applied
      }
      case recordKind.handover: {
        this.unsealedRecords++
        const applied = this.rules.apply(record.kind, record.body, leaf)
        if (applied.ignored !== undefined)
          this.#blame(leaf, 'unproven-handover', 'it is no record of a handover, or shows what is not proven')
        return applied
      }
      case recordKind.intent:
        this.unsealedRecords++
        this.#blame(leaf, 'unexpected-record', 'there are no intents yet')
        return this.rules.apply(record.kind, record.body, leaf)
      case recordKind.mark:
        this.#applyMark(record, leaf)
        return undefined
      case recordKind.charter:
        this.unsealedRecords++
        if (leaf === 0 && equalBytes(record.body, this.#charterBody)) return undefined
        this.voidRecords++
        this.#blame(leaf, 'wrong-charter', 'it is not the charter, or not in its place')
        return undefined
      default:
        return undefined
    }
  }

  #applyMark(record: LogRecord, leaf: number): void {
    const mark = decodeMark(record.body)
    if (mark === undefined || mark.height !== this.nextHeight) {
      this.voidRecords++
      // A leader that was in doubt proposes one once more.
      const isLate = mark !== undefined && mark.height === this.lastSeal?.seal.height
      if (!isLate) this.#blame(leaf, 'wrong-mark', `the mark is not one of height ${this.nextHeight}`)
      return
    }
    if (this.pendingMark !== undefined) this.#replacedMarks.push(this.pendingMark)
    if (this.#replacedMarks.length > maxReplacedMarks) this.#replacedMarks.shift()
    for (const { key, value } of this.rules.takeDirty()) {
      if (value === undefined) this.tree.set(treeKey(key), undefined)
      else {
        const entry = treeEntry(key, value)
        this.tree.set(entry.key, entry.value)
      }
    }
    if (this.#isHidden) {
      const salt = treeEntry(hidingKey, record.salt)
      this.tree.set(salt.key, salt.value)
    }
    const { tick } = this.rules
    this.pendingMark = { height: mark.height, size: leaf + 1, stateRoot: this.tree.root(), tick }
  }

  /** A leader that was in doubt proposes a seal once more: the second has no effect, nor has one of a mark that was replaced. */
  #isLate({ height, asOfSize, stateRoot, previous }: Seal): boolean {
    const last = this.lastSeal?.seal
    if (height === last?.height) {
      const isSame = asOfSize === last.asOfSize && equalBytes(previous, last.previous)
      return isSame && equalBytes(stateRoot, last.stateRoot)
    }
    const mark = this.#replacedMarks.find(({ size }) => size === asOfSize)
    // It has no effect here, but it proves its state to whoever restores from a snapshot at that mark.
    return height === this.nextHeight && mark !== undefined && equalBytes(stateRoot, mark.stateRoot)
  }

  #applySeal(record: LogRecord, leaf: number): AppliedSeal | undefined {
    const seal = decodeSeal(record.body)
    const mark = this.pendingMark
    const fits =
      seal !== undefined &&
      mark !== undefined &&
      seal.height === mark.height &&
      seal.asOfSize === mark.size &&
      seal.epoch === this.regime.epoch &&
      seal.nextMembers.length > 0 &&
      // What is proven of a state is proven as of the seal's tick.
      seal.tick >= mark.tick &&
      seal.tick <= this.rules.tick &&
      equalBytes(seal.previous, this.previousHash)
    if (!fits) {
      this.voidRecords++
      if (seal === undefined) this.#blame(leaf, 'malformed-record', 'the seal is malformed')
      else if (!this.#isLate(seal)) this.#blame(leaf, 'wrong-seal', 'the seal does not fit where it stands')
      return undefined
    }
    if (!equalBytes(seal.stateRoot, mark.stateRoot)) {
      throw new DivergenceError(this.origin, seal.height, seal.stateRoot, mark.stateRoot)
    }
    const size = this.log.size
    const root = this.log.root()
    const text = formatCheckpoint({ origin: this.origin, size, root, extensions: [] })
    const { epoch, members } = this.regime
    const endsEpoch = seal.nextMembers.join() !== members.join()
    this.lastSeal = { seal, size, root, checkpointHash: hash('sha256', text, 'buffer'), endsEpoch }
    if (endsEpoch) this.regime = { epoch: epoch + 1, members: seal.nextMembers }
    this.pendingMark = undefined
    this.#replacedMarks = []
    this.unsealedRecords = 0
    return this.lastSeal
  }
}
