import { EMPTY_BYTES, type Entry, EntryType } from '../raft/types.ts'
import type {
  CommittedEntry,
  Effects,
  GroupFault,
  MembersChange,
  OutFrame,
  ReadDone,
  Removal,
  RoleChange,
  SnapshotInstalled,
  SnapshotOffer,
  WriteEffect,
} from './types.ts'

/** Collects what the groups want done until the driver takes it. */
export class EffectsBuilder {
  #committed = new Map<number, CommittedEntry[]>()
  #roles: RoleChange[] = []
  #members: MembersChange[] = []
  #removed: Removal[] = []
  #offered: SnapshotOffer[] = []
  #installed: SnapshotInstalled[] = []
  #faults: GroupFault[] = []
  #reads: ReadDone[] = []

  committed(group: number, entries: readonly Entry[]): void {
    const waiting = this.#committed.get(group)
    const list = waiting ?? []
    for (const entry of entries) list.push(entry.type === EntryType.Normal ? entry : withoutData(entry))
    if (waiting === undefined) this.#committed.set(group, list)
  }

  role(change: RoleChange): void {
    this.#roles.push(change)
  }

  members(change: MembersChange): void {
    this.#members.push(change)
  }

  removed(removal: Removal): void {
    this.#removed.push(removal)
  }

  offered(offer: SnapshotOffer): void {
    this.#offered.push(offer)
  }

  installed(group: number, index: number, term: number, meta: Uint8Array): void {
    this.#installed.push({ group, index, term, meta })
  }

  read(done: ReadDone): void {
    this.#reads.push(done)
  }

  fault(fault: GroupFault): void {
    this.#faults.push(fault)
  }

  get isWaiting(): boolean {
    const many = this.#roles.length + this.#members.length + this.#removed.length + this.#offered.length
    return many + this.#installed.length + this.#faults.length + this.#reads.length + this.#committed.size > 0
  }

  take(send: readonly OutFrame[], write: WriteEffect | undefined): Effects {
    const effects: Effects = {
      send,
      write,
      committed: Array.from(this.#committed, ([group, entries]) => ({ group, entries })),
      roles: this.#roles,
      members: this.#members,
      removed: this.#removed,
      offered: this.#offered,
      installed: this.#installed,
      faults: this.#faults,
      reads: this.#reads,
    }
    if (this.#committed.size > 0) this.#committed = new Map()
    this.#roles = []
    this.#members = []
    this.#removed = []
    this.#offered = []
    this.#installed = []
    this.#faults = []
    this.#reads = []
    return effects
  }
}

/** A configuration change is Raft's own matter: it holds no records. */
function withoutData({ index, term }: Entry): CommittedEntry {
  return { index, term, data: EMPTY_BYTES }
}
