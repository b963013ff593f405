import type { Applied, Rules, StateEntry } from '../../world/interface.ts'
import { createRules, restoreRules } from '../../world/kinds.ts'
import { sha256 } from '../crypto.ts'
import type { Findings } from '../findings.ts'
import { charterBody, charterOfAuthority, type Genesis, type GenesisArea, originOf } from '../genesis.ts'
import type { CheckedRecord } from '../log/bundle.ts'
import { rulesHost } from '../rules-host.ts'
import { equalBytes, toBase64, utf8 } from '../verify/bytes.ts'
import { stateRoot } from '../verify/state.ts'
import { Attestations } from './attestations.ts'
import { readMark, readSeal, type Seal } from './bodies.ts'
import { recordKinds } from './record-kinds.ts'
import { type DecidedMembers, isSameSeal, type MarkedState, membersProblem } from './seals.ts'
import { StateTree } from './state-tree.ts'

const noKey = new Uint8Array(0)

/** Where a replay may begin that is not to begin at the first leaf: just after a mark. */
export interface ReplayBase {
  /** The log's size just after the mark. */
  readonly size: number
  /** As the mark's seal, which follows, has it sealed. */
  readonly state: readonly StateEntry[]
}

/** A mark's place, and that of the seal which names the root at it. */
export interface Segment {
  readonly markSize: number
  readonly sealLeaf: number
}

/** Applies every record once more through the rules, and holds what the log claims against what comes out. */
export class Replay {
  readonly #origin: string
  readonly #area: GenesisArea
  readonly #rulesVersion: number
  readonly #charter: Uint8Array
  readonly #findings: Findings
  readonly #fileOf: (leaf: number) => string
  readonly #decision: DecidedMembers | undefined
  readonly #rules: Rules
  readonly #tree = new StateTree()
  readonly #attestations: Attestations
  #mark: MarkedState | undefined
  #salt: Uint8Array | undefined
  /** Marks of the next height that a later one replaced: a seal that still names one of them has no effect. */
  #replacedMarks: MarkedState[] = []
  /** Of marks behind the one that the replay begins with: a seal of such a height does not seal that one. */
  #heightsBehindBase = new Set<number>()
  #lastSeal: Seal | undefined
  #baseHeight = 0
  /** Undefined before the first seal of a replay that does not begin with the log. */
  #previous: Uint8Array | undefined = new Uint8Array(32)
  #baseSize = 0
  /** Seals that agree with the replay, in order. */
  readonly segments: Segment[] = []
  /** Until a seal names another checkpoint before it: those behind it then do so too. */
  #chained = true
  /** Where the records begin that the next seal is the first to cover. */
  #segmentStart = 0
  #sealedSize = 0
  /** The leaf of the first record that was replayed, in an earlier audit perhaps. */
  from = 0
  records = 0
  inputs = 0
  sealedRoots = 0
  /** Seals and marks that came late and have no effect. */
  voidRecords = 0

  /**
   * @param base the state may be none of the rules: then this throws
   * @param decision of the members; who they are is looked at below its size only, and not at all without
   */
  constructor(
    genesis: Genesis,
    area: GenesisArea,
    findings: Findings,
    fileOf: (leaf: number) => string,
    base?: ReplayBase,
    decision?: DecidedMembers,
  ) {
    this.#decision = decision
    this.#origin = originOf(genesis, area)
    this.#area = area
    this.#rulesVersion = genesis.rules.version
    this.#charter = charterBody(genesis, area)
    this.#findings = findings
    this.#fileOf = fileOf
    const host = rulesHost(genesis, this.#origin)
    const born = charterOfAuthority(genesis, area)
    const hiding = base?.state.find(({ key }) => key.length === 0)
    const state = base?.state.filter(entry => entry !== hiding)
    this.#rules = state === undefined ? createRules(host, born) : restoreRules(host, born, state)
    for (const { key, value } of this.#rules.entries()) this.#tree.set(key, value)
    this.#rules.takeDirty()
    if (hiding !== undefined) this.#hide(hiding.value)
    if (base !== undefined) this.#beginAt(base.size)
    this.#attestations = new Attestations(this.#origin, genesis.nodes, findings, fileOf)
  }

  get lastHeight(): number {
    return this.#lastSeal?.height ?? this.#baseHeight
  }

  /** The first seal named the state that the replay began with. */
  get baseIsSealed(): boolean {
    return this.segments[0]?.markSize === this.#baseSize
  }

  /** As the last mark found it, for a replay that begins there. Only just after that mark. */
  stateAtMark(): StateEntry[] {
    const state = [...this.#rules.entries()]
    if (this.#salt !== undefined) state.push({ key: noKey, value: this.#salt })
    return state
  }

  /** Its mark's height is the first seal's to tell. */
  #beginAt(size: number): void {
    this.#baseSize = size
    this.#previous = undefined
    this.#segmentStart = size
    this.#mark = { height: 0, size, tick: this.#rules.tick, root: this.#tree.root() }
  }

  /** @param logRoot the log's root just after this record; asked for at seals only */
  apply(leaf: number, record: CheckedRecord, logRoot: () => Uint8Array): Applied | undefined {
    const { kind, body } = record
    this.records++
    if (record.rulesVersion !== this.#rulesVersion) {
      const what = `the record is of rules version ${record.rulesVersion}, not ${this.#rulesVersion}`
      this.#blame('wrong-rules-version', leaf, what)
    }
    if ((kind === recordKinds.charter) !== (leaf === 0))
      this.#blame('unexpected-record', leaf, 'the charter stands at leaf 0, and only there')
    this.#attestations.inputs.record(leaf, kind, body)
    if (kind === recordKinds.input) return this.#input(leaf, body)
    if (kind === recordKinds.tick) return this.#tick(leaf, body)
    if (kind === recordKinds.handover) return this.#handover(leaf, body)
    if (kind === recordKinds.mark) this.#applyMark(leaf, record)
    else if (kind === recordKinds.seal) this.#seal(leaf, body, logRoot)
    else if (kind !== recordKinds.charter && kind !== recordKinds.attestation)
      this.#blame('unexpected-record', leaf, `there is no record of kind ${kind}`)
    else if (kind === recordKinds.charter && !equalBytes(body, this.#charter))
      this.#blame('wrong-charter', leaf, 'the charter is not what the genesis file says')
    return undefined
  }

  /** Call now and then: signatures are checked on other threads meanwhile. */
  settled(): Promise<void> {
    return this.#attestations.settled()
  }

  /** A record cannot be read: nothing after it can be replayed. */
  abandon(): void {
    this.#attestations.inputs.abandon()
  }

  /** After the last of `size` leaves. */
  async finish(size: number): Promise<void> {
    this.#attestations.inputs.close(size)
    await this.settled()
    if (size === 0) return
    if (this.#sealedSize !== size)
      this.#blame('not-at-a-seal', size - 1, 'the checkpoint does not stand just after a seal')
    this.#compareWholeState(size)
  }

  /** The tree was kept up from what the rules said had changed: once, it is compared with all that there is. */
  #compareWholeState(size: number): void {
    this.#takeChanges()
    const entries = this.stateAtMark().map(({ key, value }) => ({
      key: sha256(key),
      value: Buffer.concat([Uint8Array.of(key.length), key, value]),
    }))
    const whole = stateRoot(entries)
    if (whole !== undefined && equalBytes(whole, this.#tree.root())) return
    this.#findings.add(
      'wrong-state-root',
      this.#fileOf(size - 1),
      0,
      size - 1,
      'the rules left out changes when they told of them, so no sealed root covers all state',
    )
  }

  /** An org's roots cover the salt of their mark, so that a state cannot be found by trying which one gives the root. */
  #hide(salt: Uint8Array): void {
    this.#tree.set(noKey, salt)
    this.#salt = salt
  }

  #takeChanges(): void {
    for (const { key, value } of this.#rules.takeDirty()) this.#tree.set(key, value)
  }

  /** As the records so far have made it. */
  get rules(): Rules {
    return this.#rules
  }

  #input(leaf: number, body: Uint8Array): Applied {
    this.inputs++
    const applied = this.#rules.apply(recordKinds.input, body, leaf)
    const { ignored } = applied
    if (ignored) this.#blame('malformed-record', leaf, `the input cannot be read (${ignored.code})`)
    return applied
  }

  #tick(leaf: number, body: Uint8Array): Applied {
    const before = this.#rules.tick
    const applied = this.#rules.apply(recordKinds.tick, body, leaf)
    const { ignored } = applied
    if (ignored) this.#blame('wrong-tick', leaf, `the tick is not one after tick ${before} (${ignored.code})`)
    return applied
  }

  #handover(leaf: number, body: Uint8Array): Applied {
    const applied = this.#rules.apply(recordKinds.handover, body, leaf)
    const what = 'it is no record of a handover, or shows what is not proven'
    if (applied.ignored) this.#blame('unproven-handover', leaf, what)
    return applied
  }

  #applyMark(leaf: number, { body, salt }: CheckedRecord): void {
    const mark = readMark(body)
    // Late, or in place of the one that the replay begins with: then that one is never sealed.
    if (mark !== undefined && this.#mark?.height === 0) {
      this.#heightsBehindBase.add(mark.height)
      this.voidRecords++
      return
    }
    const next = this.lastHeight + 1
    if (mark?.height === next) {
      this.#takeChanges()
      if (this.#area.kind === 'org') this.#hide(salt)
      if (this.#mark) this.#replacedMarks.push(this.#mark)
      this.#mark = { height: next, size: leaf + 1, tick: this.#rules.tick, root: this.#tree.root() }
    } else if (mark !== undefined && mark.height === this.lastHeight) this.voidRecords++
    else this.#blame('wrong-mark', leaf, `the mark is not one of height ${next}`)
  }

  #seal(leaf: number, body: Uint8Array, logRoot: () => Uint8Array): void {
    const seal = readSeal(body)
    if (seal === undefined) return this.#blame('malformed-record', leaf, 'the seal is malformed')
    const isFirst = this.#mark?.height === 0
    const isOfOther = seal.asOfSize < this.#baseSize || this.#heightsBehindBase.has(seal.height)
    if (isFirst && isOfOther) return void this.voidRecords++
    if (isFirst) {
      this.#baseHeight = seal.height - 1
      this.#mark = { ...this.#mark!, height: seal.height }
    }
    if (this.#isLate(seal, leaf)) return void this.voidRecords++
    const mark = this.#mark
    const problem = this.#sealProblem(seal, mark)
    if (problem !== undefined) this.#blame('wrong-seal', leaf, problem)
    const decision = problem === undefined ? this.#decision : undefined
    const others = decision && membersProblem(seal, leaf, this.#area, decision, logRoot)
    if (others !== undefined) this.#blame('wrong-members', leaf, others)
    // A wrong seal at the right place is gone on from, so that one lie is told once.
    if (mark === undefined || seal.height !== mark.height) return
    if (equalBytes(seal.stateRoot, mark.root)) {
      this.sealedRoots++
      if (problem === undefined) this.segments.push({ markSize: mark.size, sealLeaf: leaf })
    } else {
      const what = `the rules lead to another state than the seal of height ${seal.height} says`
      this.#findings.add('wrong-state-root', this.#fileOf(leaf), this.#segmentStart, leaf, what)
    }
    this.#lastSeal = seal
    this.#mark = undefined
    this.#replacedMarks = []
    this.#segmentStart = mark.size
    this.#sealedSize = leaf + 1
    this.#previous = sha256(utf8(`${this.#origin}\n${leaf + 1}\n${toBase64(logRoot())}\n`))
  }

  /** A leader that was in doubt proposes a seal once more: the second has no effect, nor has one of a mark that was replaced. */
  #isLate(seal: Seal, leaf: number): boolean {
    const last = this.#lastSeal
    if (last !== undefined && seal.height === last.height) return isSameSeal(seal, last)
    const mark = this.#replacedMarks.find(({ size }) => size === seal.asOfSize)
    if (mark === undefined || seal.height !== mark.height) return false
    // It has no effect here, but it is a seal of a state for whoever is shown nothing else.
    if (!equalBytes(seal.stateRoot, mark.root))
      this.#blame('wrong-seal', leaf, 'the seal names another state than its mark had, now replaced')
    return true
  }

  #sealProblem(seal: Seal, mark: MarkedState | undefined): string | undefined {
    const height = this.lastHeight + 1
    if (seal.height !== height) return `the seal is of height ${seal.height}, not ${height}`
    if (mark === undefined) return 'the seal follows no mark'
    if (this.#chained && this.#previous !== undefined && !equalBytes(seal.previous, this.#previous)) {
      this.#chained = false
      return 'the seal names another checkpoint of the seal before it than these leaves have'
    }
    if (seal.asOfSize !== mark.size)
      return `the seal is as of size ${seal.asOfSize}, its mark of ${mark.size}`
    if (seal.tick < mark.tick || seal.tick > this.#rules.tick) return `the seal is of tick ${seal.tick}`
    return undefined
  }

  #blame(code: Parameters<Findings['add']>[0], leaf: number, what: string): void {
    this.#findings.add(code, this.#fileOf(leaf), leaf, leaf, what)
  }
}
