import { apply } from '../../../consensus/handover/apply.ts'
import type { Proposal } from '../../../consensus/handover/desk.ts'
import type { Authority } from '../../../consensus/handover/id.ts'
import type { HandoverRecord } from '../../../consensus/handover/record.ts'
import type { Part } from '../../../consensus/handover/shown.ts'
import { HandoverState } from '../../../consensus/handover/state.ts'
import { type Change, kindOf } from '../../../consensus/handover/table.ts'
import type { Refusal, Surroundings } from '../../../consensus/handover/types.ts'
import { treeKey, treeValue } from '../../../storage/state/entry.ts'
import { encodeStateProof } from '../../../storage/state/proof.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'
import { type Input, SimEstate } from './estate.ts'
import { verifyFinal } from './finals.ts'

/** An entry of the state that a record changed. */
export interface Step {
  readonly key: Uint8Array
  readonly before: Uint8Array | undefined
  readonly after: Uint8Array | undefined
}

/** A committed record, and how it can be undone. */
export interface Committed {
  readonly what:
    | HandoverRecord
    | { readonly kind: 'input'; readonly input: Input }
    | { readonly kind: 'founding' }
  readonly steps: readonly Step[]
}

export interface SimSeal {
  readonly epoch: number
  readonly height: number
  /** Records before it. */
  readonly position: number
  readonly stateRoot: Uint8Array
  isCertified: boolean
}

/** Sees every change of a log's newest state. */
export interface Observer {
  committed(log: CertifiedLog, record: Committed): void
  undone(log: CertifiedLog, record: Committed): void
  final(log: CertifiedLog, records: readonly Committed[]): void
}

/**
 * An authority as the handover sees it: a log whose records are committed, then certified, then anchored; what is only
 * committed can vanish in a change of views, what is not anchored when the authority is re-formed.
 */
export class CertifiedLog {
  readonly self: Authority
  readonly number: number
  readonly estate: SimEstate
  readonly state: HandoverState
  readonly tree = new StateTree()
  readonly #values = new Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>()
  readonly #around: Surroundings
  readonly #observer: Observer
  /** Those that are not anchored. */
  #records: Committed[] = []
  seals: SimSeal[] = []
  /** What it leaves, once it has ended for good, and to whom. */
  left: readonly Change[] = []
  #successors: readonly Authority[] = []
  anchored: SimSeal = { epoch: 0, height: 0, position: 0, stateRoot: new Uint8Array(32), isCertified: true }

  constructor(
    number: number,
    self: Authority,
    directory: Authority,
    capacity: number,
    predecessors: readonly Authority[],
    observer: Observer,
  ) {
    this.number = number
    this.self = self
    this.estate = new SimEstate(capacity)
    this.state = HandoverState.born(predecessors)
    this.#around = { self, directory, estate: this.estate, verify: verifyFinal }
    this.#observer = observer
    this.#takeSteps()
  }

  get around(): Surroundings {
    return this.#around
  }

  /** Its newest final state is its last. */
  end(successors: readonly Authority[]): void {
    this.#successors = successors
    this.left = [...this.#values.values()]
  }

  /** Who follows this log as the owner of an entity. */
  heirOf(entity: string): Authority | undefined {
    const held = { entity, cargo: { state: new Uint8Array(0), session: new Uint8Array(0) } }
    return this.#successors[this.estate.heirOf(held, this.#successors.length)]
  }

  get length(): number {
    return this.anchored.position + this.#records.length
  }

  /** Where what was certified ends. */
  get certifiedLength(): number {
    return this.seals.findLast(({ isCertified }) => isCertified)?.position ?? this.anchored.position
  }

  get isSealed(): boolean {
    return (this.seals.at(-1) ?? this.anchored).position === this.length
  }

  /** Puts the first entities there. */
  found(fill: (estate: SimEstate) => void): void {
    fill(this.estate)
    this.#observer.committed(this, { what: { kind: 'founding' }, steps: this.#takeSteps() })
  }

  commit({ record, payload }: Proposal): Refusal | undefined {
    const refusal = apply(this.state, this.#around, record, payload)
    this.#keep(record, refusal === undefined)
    return refusal
  }

  commitInput(input: Input): boolean {
    const isApplied = this.state.isOpen && this.estate.apply(input)
    this.#keep({ kind: 'input', input }, isApplied)
    return isApplied
  }

  #keep(what: Committed['what'], isApplied: boolean): void {
    const steps = this.#takeSteps()
    if (!isApplied && steps.length > 0) throw new Error(`A refused ${what.kind} changed the state.`)
    if (!isApplied) return
    const committed = { what, steps }
    this.#records.push(committed)
    this.#observer.committed(this, committed)
  }

  #takeSteps(): Step[] {
    const changes = [...this.state.takeChanges(), ...this.estate.takeChanges()]
    const steps: Step[] = []
    for (const { key, value } of changes) {
      const before = this.#values.get(text(key))?.value
      if (before === undefined && value === undefined) continue
      this.#set(key, value)
      steps.push({ key, before, after: value })
    }
    return steps
  }

  #set(key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined) this.#values.delete(text(key))
    else this.#values.set(text(key), { key, value })
    this.tree.set(treeKey(key), value && treeValue(key, value))
  }

  /** All that stands behind `position` is gone. */
  cut(position: number): void {
    this.seals = this.seals.filter(seal => seal.position <= position)
    while (this.length > position) {
      const record = this.#records.pop()!
      for (const { key, before } of record.steps.toReversed()) {
        this.#set(key, before)
        if (kindOf(key) === undefined) this.estate.restore(key, before)
        else this.state.put(key, before)
      }
      this.#observer.undone(this, record)
    }
  }

  seal(epoch: number): SimSeal {
    const height = (this.seals.at(-1) ?? this.anchored).height + 1
    const seal = { epoch, height, position: this.length, stateRoot: this.tree.root(), isCertified: false }
    this.seals.push(seal)
    return seal
  }

  /** The directory has it: from here on it can't be undone. */
  anchor(seal: SimSeal): void {
    const records = this.#records.splice(0, seal.position - this.anchored.position)
    this.seals = this.seals.filter(({ height }) => height > seal.height)
    this.anchored = seal
    this.#observer.final(this, records)
  }

  prove(key: Uint8Array): Part {
    const value = this.#values.get(text(key))?.value
    return { key, value, path: encodeStateProof(this.tree.proof(treeKey(key))) }
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}
