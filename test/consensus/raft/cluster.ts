import assert from 'node:assert/strict'
import {
  type ConfChange,
  type ConfState,
  decodeConfChange,
  decodeMessage,
  EMPTY_BYTES,
  type Entry,
  EntryType,
  encodeMessage,
  isLocalThread,
  MemoryLog,
  type Message,
  MessageType,
  type RaftConfig,
  RawNode,
} from '../../../consensus/raft/index.ts'

export type Options = Partial<Omit<RaftConfig, 'id' | 'random' | 'applied'>>

/** A member: its core (undefined while it is down), its disk, and what waits for that disk or to be applied. */
export interface Member {
  readonly id: number
  readonly log: MemoryLog
  core: RawNode | undefined
  readonly appends: Message[]
  readonly applies: Message[]
  /** The members as of what it has applied. */
  confState: ConfState
  applied: number
  /** Commit index that a crash cannot take back. */
  syncedCommit: number
}

export const FIRST_INDEX = 2

/**
 * Several cores, a network that delivers what and when the test says, and disks that lose what was not synced. After
 * every step it checks the four safety properties of the Raft paper (figure 3).
 */
export class Cluster {
  readonly members: Member[] = []
  messages: Message[] = []
  /** Cut off: what they send and what is sent to them is lost. */
  readonly isolated = new Set<number>()
  /** Every entry that anybody has applied: no other may ever be applied at its index. */
  readonly committed = new Map<number, Entry>()
  readonly leaders = new Map<number, number>()
  readonly reads: { readonly context: number; readonly index: number }[] = []
  readonly #options: Options
  readonly #asked: number[] = []
  #randomState: number

  constructor(voters: readonly number[], options: Options, seed = 1, learners: readonly number[] = []) {
    this.#options = options
    this.#randomState = seed
    const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false }
    for (const id of [...voters, ...learners]) {
      const log = new MemoryLog({ snapshot: { index: FIRST_INDEX, term: 1, confState, data: EMPTY_BYTES } })
      const member: Member = {
        id,
        log,
        core: undefined,
        appends: [],
        applies: [],
        confState,
        applied: FIRST_INDEX,
        syncedCommit: 0,
      }
      this.members.push(member)
      this.restart(member)
    }
  }

  member(id: number): Member {
    return this.members.find(member => member.id === id)!
  }

  core(id: number): RawNode {
    return this.member(id).core!
  }

  leader(): RawNode | undefined {
    const leading = this.members.filter(member => member.core?.role === 'leader').map(member => member.core!)
    return leading.sort((a, b) => b.term - a.term)[0]
  }

  maxApplied(): number {
    return Math.max(FIRST_INDEX, ...this.committed.keys())
  }

  readIndex(member: Member): void {
    const context = this.#asked.push(this.maxApplied()) - 1
    member.core?.readIndex(new Uint8Array([context >> 8, context & 0xff]))
  }

  restart(member: Member): void {
    if (member.core !== undefined) return
    const snapshot = member.log.snapshot()!
    member.confState = snapshot.confState
    member.applied = snapshot.index
    const random = (below: number): number => {
      this.#randomState = (this.#randomState * 48271) % 2147483647
      return this.#randomState % below
    }
    const config = { electionTicks: 10, heartbeatTicks: 2, ...this.#options, id: member.id, random }
    member.core = new RawNode({ ...config, applied: member.applied }, member.log)
    member.syncedCommit = member.core.status().commit
  }

  /** `written` of the writes that were under way still reached the disk; nobody was told. */
  crash(member: Member, written: number): void {
    if (member.core === undefined) return
    for (const message of member.appends.splice(0, written)) this.#write(member, message)
    member.appends.length = 0
    member.applies.length = 0
    member.core = undefined
    const { hardState } = member.log.initialState()
    const commit = Math.max(member.log.snapshot()!.index, Math.min(hardState.commit, member.syncedCommit))
    member.log.setHardState({ ...hardState, commit })
  }

  /** Takes what the core wants done. */
  process(member: Member): void {
    const { core } = member
    if (core === undefined || !core.hasReady()) return
    const before = this.messages.length
    const ready = core.ready()
    if (ready.softState?.role === 'leader') this.#checkNewLeader(member)
    for (const state of ready.readStates) this.#checkRead(state.context, state.index)
    for (const message of ready.messages) {
      if (message.type === MessageType.StorageAppend) member.appends.push(message)
      else if (message.type === MessageType.StorageApply) member.applies.push(message)
      else this.messages.push(overTheWire(message))
    }
    if (this.#options.asyncStorageWrites === true) return
    if (ready.hardState !== undefined) member.log.setHardState(ready.hardState)
    if (ready.snapshot !== undefined) this.#takeSnapshot(member, ready.snapshot)
    member.log.append(ready.entries)
    member.syncedCommit = member.log.initialState().hardState.commit
    this.#apply(member, ready.committedEntries)
    core.advance(ready)
    assert.ok(this.messages.length >= before)
  }

  /** One write reaches the disk, and what waited for it may leave. */
  write(member: Member): void {
    const message = member.appends.shift()
    if (message === undefined) return
    this.#write(member, message)
    for (const response of message.responses) {
      if (response.to === member.id) this.stepLocal(member, response)
      else this.messages.push(overTheWire(response))
    }
  }

  apply(member: Member): void {
    const message = member.applies.shift()
    if (message === undefined) return
    this.#apply(member, message.entries)
    for (const response of message.responses) this.stepLocal(member, response)
  }

  stepLocal(member: Member, message: Message): void {
    const result = member.core!.step(message)
    // A member that was removed meanwhile no longer counts its own acks.
    if (!result.ok) assert.equal(result.code, 'not-member')
  }

  deliver(position: number, keep = false): void {
    const at = position % Math.max(1, this.messages.length)
    const message = this.messages[at]
    if (message === undefined) return
    if (!keep) this.messages.splice(at, 1)
    const { core } = this.member(message.to)
    if (core === undefined || this.isolated.has(message.to) || this.isolated.has(message.from)) return
    const result = core.step(message)
    const excused = ['not-member', 'no-leader', 'removed', 'transferring', 'over-quota', 'busy']
    if (!result.ok) assert.ok(excused.includes(result.code), `honest message refused: ${result.code}`)
  }

  /** Lets everybody work and talk, in order, until nothing is left, or until `rounds` are over. */
  settle(rounds = 1000): void {
    for (let i = 0; i < rounds; i++) {
      let worked = this.messages.length > 0
      for (let n = this.messages.length; n > 0; n--) this.deliver(0)
      for (const member of this.members) {
        while (member.core?.hasReady()) {
          this.process(member)
          worked = true
        }
        while (member.appends.length > 0) this.write(member)
        while (member.applies.length > 0) this.apply(member)
      }
      if (!worked) return
    }
  }

  /** A leader waits for the end of a snapshot until its host says that it was lost. */
  reportLostSnapshots(): void {
    for (const { core } of this.members) {
      for (const member of core?.status().members ?? []) {
        const isUnderWay = this.messages.some(({ type, to }) => type === MessageType.Snap && to === member.id)
        if (member.state === 'snapshot' && !isUnderWay) core?.reportSnapshot(member.id, false)
      }
    }
  }

  compact(member: Member): void {
    if (member.core === undefined || member.applied <= member.log.snapshot()!.index) return
    member.log.createSnapshot(member.applied, member.confState, EMPTY_BYTES)
    member.log.compact(member.applied)
  }

  propose(member: Member, value: number): boolean {
    return member.core?.propose(new Uint8Array([value >> 8, value & 0xff])).ok === true
  }

  proposeChange(member: Member, change: Omit<ConfChange, 'version' | 'context'>): void {
    member.core?.proposeConfChange({ version: 2, context: EMPTY_BYTES, ...change })
  }

  /** Log matching: logs that agree at one index agree below it. */
  checkLogs(): void {
    for (const a of this.members) {
      for (const b of this.members) {
        if (a.id < b.id) checkMatching(a.log, b.log)
      }
    }
  }

  #write(member: Member, message: Message): void {
    const { term, vote, commit } = message
    if (term + vote + commit > 0) {
      member.log.setHardState({ term, vote, commit })
      if (message.responses.length > 0) member.syncedCommit = commit
    }
    if (message.snapshot !== undefined) this.#takeSnapshot(member, message.snapshot)
    member.log.append(message.entries)
  }

  #takeSnapshot(member: Member, snapshot: NonNullable<Message['snapshot']>): void {
    if (!member.log.applySnapshot(snapshot)) return
    member.applied = Math.max(member.applied, snapshot.index)
    member.confState = snapshot.confState
    const { hardState } = member.log.initialState()
    member.log.setHardState({ ...hardState, commit: Math.max(hardState.commit, snapshot.index) })
    member.syncedCommit = Math.max(member.syncedCommit, snapshot.index)
  }

  /** State machine safety: nobody applies another entry at an index. */
  #apply(member: Member, entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index <= member.applied) continue
      assert.equal(entry.index, member.applied + 1, 'entries are applied in order, none left out')
      const known = this.committed.get(entry.index)
      if (known === undefined) this.committed.set(entry.index, entry)
      else assert.ok(sameEntry(known, entry), `two entries committed at ${entry.index}`)
      member.applied = entry.index
      const change = entry.type === EntryType.Normal ? undefined : decodeConfChange(entry)
      if (change !== undefined) member.confState = member.core!.applyConfChange(change).confState
    }
  }

  /** Election safety: one leader a term. Leader completeness: it has every committed entry. */
  #checkNewLeader(member: Member): void {
    const { term, log } = member.core!.raft
    assert.equal(this.leaders.get(term) ?? member.id, member.id, `two leaders in term ${term}`)
    this.leaders.set(term, member.id)
    for (const [index, entry] of this.committed) {
      if (index < log.firstIndex()) continue
      assert.equal(log.term(index), entry.term, `leader of ${term} lacks committed entry ${index}`)
    }
  }

  /** A read sees everything that anybody had applied when it was asked. */
  #checkRead(context: Uint8Array, index: number): void {
    const asked = context[0]! * 256 + context[1]!
    assert.ok(index >= this.#asked[asked]!, `stale read at ${index}, ${this.#asked[asked]} was applied`)
    this.reads.push({ context: asked, index })
  }
}

function sameEntry(a: Entry, b: Entry): boolean {
  return a.term === b.term && a.type === b.type && Buffer.compare(a.data, b.data) === 0
}

function checkMatching(a: MemoryLog, b: MemoryLog): void {
  const from = Math.max(a.firstIndex(), b.firstIndex())
  const to = Math.min(a.lastIndex(), b.lastIndex()) + 1
  if (from >= to) return
  const ours = a.entries(from, to, Number.MAX_SAFE_INTEGER)!
  const theirs = b.entries(from, to, Number.MAX_SAFE_INTEGER)!
  let agree = false
  for (let i = ours.length - 1; i >= 0; i--) {
    agree ||= ours[i]!.term === theirs[i]!.term
    if (agree) assert.ok(sameEntry(ours[i]!, theirs[i]!), `logs differ at ${from + i} below an agreement`)
  }
}

function overTheWire(message: Message): Message {
  assert.ok(!isLocalThread(message.to))
  const decoded = decodeMessage(encodeMessage(message))
  assert.ok(!('ok' in decoded), `cannot decode what was encoded: ${JSON.stringify(decoded)}`)
  return decoded
}
