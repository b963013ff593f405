import type { LogRecord } from '../../storage/log/record.ts'
import type { StoreOp } from '../../storage/store.ts'
import type { Tick } from '../../world/codec.ts'
import type { Crossings } from '../handover/crossings.ts'
import type { Random } from '../ports.ts'
import type { Ahead } from './ahead.ts'
import type { Waiting } from './intake.ts'
import type { ReceiptSigner } from './receipts.ts'
import type { AppliedEntry, AppliedSeal } from './replica.ts'

/** Who decides in an authority from a seal on. */
export interface Regime {
  readonly epoch: number
  /** Node numbers, ascending. */
  readonly members: readonly number[]
}

/** What an authority is, from the genesis file. */
export interface AuthorityIdentity {
  readonly genesisHash: Uint8Array
  readonly origin: string
  /** Its bodies and state are not everybody's. */
  readonly isHidden: boolean
  readonly group: number
  readonly epoch: number
  readonly view: number
  readonly members: readonly number[]
  readonly charterBody: Uint8Array
  readonly rulesVersion: number
  readonly tickMs: number
  /** Tick 0, by the wall clock. */
  readonly createdAtMs: number
}

export interface AuthorityLimits {
  /** Input batches that wait for the leader to propose them. */
  readonly inputBatches: number
  /** Of inputs that wait, before and after the filter each. One gateway's may take a quarter of it. */
  readonly queueBytes: number
  readonly intents: number
  readonly simulationJobs: number
  readonly outputs: number
  /** Raft entries that are proposed and not yet applied; while so many are, the next batch fills. */
  readonly entriesInFlight: number
  readonly entryBytes: number
  readonly sealEveryMs: number
  /** However many ask for one. */
  readonly sealAtMostEveryMs: number
  /** A seal that stays undecided for so long holds up the next one no longer. */
  readonly sealStallMs: number
}

export const defaultAuthorityLimits: AuthorityLimits = {
  inputBatches: 4096,
  queueBytes: 16 * 1024 * 1024,
  intents: 4096,
  simulationJobs: 16,
  outputs: 4096,
  entriesInFlight: 4,
  entryBytes: 512 * 1024,
  sealEveryMs: 1000,
  sealAtMostEveryMs: 50,
  sealStallMs: 10_000,
}

export type ProposeResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'not-leader' | 'busy' | 'stopped' }

/** How a leader makes ticks where they are more than the time. */
export interface TickMaker {
  /** From one to the next, in milliseconds. */
  readonly everyMs: number
  /** Somebody waits for one, whatever the rules say. */
  isWanted(): boolean
  /** Of the record that is proposed now. */
  bodyOf(tick: Tick): Uint8Array
}

export interface AuthorityPorts {
  /** Undefined: plain ones, each `tickMs`. */
  readonly ticks?: TickMaker | undefined
  /** Somebody waits for what this entry did to become final: the next seal comes at once. Undefined: nobody does. */
  readonly isAwaited?: ((entry: AppliedEntry) => boolean) | undefined
  readonly propose: (data: Uint8Array) => ProposeResult
  readonly random: Random
  readonly signer: ReceiptSigner
  /** The height of the highest seal that the members have decided; undefined where this node does not know. */
  readonly certifiedHeight: () => number | undefined
  /** What is committed is voted on, and may fall off until it is decided. */
  readonly isVotedOn?: boolean
  /** Records that this replica had beyond where it stands: what was asked for in them is proposed again. */
  readonly fallen?: readonly LogRecord[]
  /** It has seen all that the replica was read back from. */
  readonly ahead: Ahead
  /** Where the authority's entities may change owners. */
  readonly crossings?: Crossings | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** A record of this authority's, under a fresh salt. */
export type RecordMaker = (kind: number, body: Uint8Array) => LogRecord

/** What no honest leader has its members commit: no member votes on a log with this in it, and an auditor would blame it. */
export interface Fault {
  /** The first that it is about. */
  readonly leaf: number
  readonly code: string
  readonly what: string
}

/** What the area's gateways are told after a delivery of committed entries. */
export interface FeedDelta {
  readonly tick: number
  /** The log's size after it. */
  readonly leaf: number
  /** Public forms of the entities that changed (world/codec). */
  readonly changed: readonly Uint8Array[]
  readonly removed: readonly string[]
  readonly events: readonly Uint8Array[]
}

/** An old outcome whose record has to be read from the log before a receipt can be made. */
export interface Lookup {
  readonly leaf: number
  readonly outcome: Uint8Array
  /** Of the input that was asked for again. */
  readonly body: Uint8Array
  readonly waiting: Waiting
}

export interface Delivery {
  /** For the same batch as Raft's own writes; they need no sync of their own. */
  readonly ops: StoreOp[]
  readonly entries: readonly AppliedEntry[]
  readonly seals: readonly AppliedSeal[]
}
