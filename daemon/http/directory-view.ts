import type { Policy } from '../../world/directory/types.ts'

/** The network as its directory's certified log has it (docs/directory.md). Times are in milliseconds, keys in base64. */
export interface DirectoryStatusView {
  readonly network: string
  /** Of the directory's log. */
  readonly origin: string
  /** Leaves that this is read from. */
  readonly size: number
  /** Since 1970. */
  readonly createdAtMs: number
  /** Of the last tick record, by its leader's clock. */
  readonly timeMs: number
  /** Seconds of ticks since the network began: what commands expire by. */
  readonly seconds: number
  /** Of the directory's members. */
  readonly epoch: number
  /** Node that leads it, as far as this node knows; 0: none. */
  readonly coordinator: number
  /** Who is to lead it next. 0: nobody else holds it. */
  readonly vice: number
  readonly block: {
    readonly number: number
    readonly timeMs: number
    /** Hex. */
    readonly hash: string
    readonly certificates: number
    readonly records: number
  } | null
  readonly policy: Policy
  readonly operators: readonly { readonly name: string; readonly key: string }[]
  readonly recovery: { readonly keys: readonly string[]; readonly threshold: number }
  readonly nodes: readonly NodeStandingView[]
  readonly authorities: number
  /** That are still to be carried out; at most 1,000 are listed. */
  readonly orderCount: number
  readonly orders: readonly OrderView[]
  /** Authorities that fewer than a quorum is left of; at most 1,000 are listed. */
  readonly darkCount: number
  readonly dark: readonly { readonly name: string; readonly holders: readonly number[] }[]
}

/** What a node has a replica of. */
export interface NodeSeats {
  /** As a member, and of these as the one that is to lead. */
  readonly held: number
  readonly led: number
  /** As a learner beside the members. */
  readonly follows: number
  /** The first 16 that are held. */
  readonly names: readonly string[]
}

export interface NodeStandingView extends NodeSeats {
  readonly number: number
  readonly peerId: string
  readonly operator: string
  readonly addresses: readonly string[]
  readonly status: 'admitted' | 'active' | 'leaving' | 'retired' | 'banned'
  /** It founded the network, or the operators admitted it. Otherwise node `sponsor` brought it in. */
  readonly isVouched: boolean
  readonly sponsor: number
  /** As it reported; empty before. */
  readonly version: string
  /** How long its lease still runs; null: it has none. */
  readonly leaseMs: number | null
  /** Thousandths (docs/directory.md, "Reputation"), but for `invalidProposals`. */
  readonly uptime: number
  readonly participation: number
  readonly invalidProposals: number
  readonly trust: number
}

export interface OrderView {
  /** The authority's. */
  readonly name: string
  readonly number: number
  /** Who holds it now, and who shall. */
  readonly members: readonly number[]
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  readonly forMs: number
}

/** What became of a command that was brought to the directory. */
export interface CommandResultView {
  /** `ok`, or why it was refused (docs/rules.md). */
  readonly code: string
  /** The same in a sentence. */
  readonly message: string
  readonly leaf: number
  /** Of an admission: the node's number. */
  readonly value: number | null
  /** Whether it can't fall off any more; a refusal changes nothing and is not waited for. */
  readonly isFinal: boolean
}
