/** What placement is told and what it answers. All numbers are whole; `docs/placement.md` has the arithmetic. */

/** Thousandths of the reference node (`docs/placement.md`). */
export interface Resources {
  readonly cpu: number
  readonly memory: number
  readonly disk: number
  readonly bandwidth: number
}

export interface NodeFacts {
  readonly number: number
  readonly operator: string
  /** Of its first address; nodes of one host fall together. */
  readonly host: string
  /** `leaving` serves on and gets nothing new; `gone` (retired, banned) is not counted on any more. */
  readonly status: 'active' | 'leaving' | 'gone'
  /** What its owner gives. */
  readonly capacity: Resources
  /** What is used of it, by whatever runs there, as it last said. */
  readonly load: Resources
  /** To the nodes nearest to it. */
  readonly roundTripsMs: ReadonlyMap<number, number>
  /** The tick that last had its lease. Ticks are counted in records, so that an outage of the directory makes nobody silent. */
  readonly heardTick: number
  /** The tick since which it has been heard without a silence. */
  readonly sinceTick: number
  /** 0 to 1,000: `OBSERVER_TRUST`, `REPLICA_TRUST` and `LEADER_TRUST` say what for. */
  readonly trust: number
  /** The tick of the last order that gave it a replica or took one away. */
  readonly movedTick: number
}

export interface AuthorityFacts {
  readonly group: number
  readonly kind: string
  /** What one replica of it costs, in thousandths of the reference node. */
  readonly weight: number
  readonly players: number
  /** Those who decide now, by the newest anchored certificate: the preferred leader first, then its vice. Empty: nobody yet. */
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  /** The last order, until it is done: until its voters decide and all of its members have a replica. */
  readonly pending?: MembersToBe | undefined
  /** The tick of its last order or change, whichever came later. */
  readonly sinceTick: number
  /** Gateways whose players are there, the one with the most first; the first `MAX_NEAR` count. */
  readonly wantedNear: readonly number[]
  /** The holders that the last `lost` named; undefined while the authority has its quorum. */
  readonly lost?: readonly number[] | undefined
}

export interface MembersToBe {
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  readonly sinceTick: number
}

/** What operators may set. */
export interface PlacementPolicy {
  /** Voters of an authority, 3 to 7, where there are enough nodes. */
  readonly replicas: number
  /** Learners beside them, 0 to 2. */
  readonly observers: number
}

export const DEFAULT_POLICY: PlacementPolicy = { replicas: 5, observers: 2 }

/**
 * - `founding`: who holds an authority that nobody holds yet.
 * - The rest in order of urgency: `repair` (a member is dead, leaves, or there are fewer than three), `relief` (a node has more
 *   than it should), `growth` (extra replicas), `spread` (two on one operator or host), `nearness`, `balance`.
 */
export type Reason = 'founding' | 'repair' | 'relief' | 'growth' | 'spread' | 'nearness' | 'balance'

/** Who shall be the members. The rules give it its number. */
export interface Order {
  readonly kind: 'order'
  readonly group: number
  readonly why: Reason
  /** The preferred leader first, then its vice, then the others in the order in which leadership goes to them. */
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  /** All who may be members until it is done, ascending. */
  readonly before: readonly number[]
}

/** Other order of the same voters: leadership is to be transferred, no member changes. */
export interface Lead {
  readonly kind: 'lead'
  readonly group: number
  readonly voters: readonly number[]
}

/** Fewer than a quorum of voters are left: it is to be re-formed from these holders (ascending; empty: it is dark). */
export interface Lost {
  readonly kind: 'lost'
  readonly group: number
  readonly holders: readonly number[]
}

/** It was lost, and enough voters of it are back. */
export interface Found {
  readonly kind: 'found'
  readonly group: number
}

export type Decision = Order | Lead | Lost | Found
