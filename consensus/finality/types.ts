import type { Certificate } from './certificate.ts'
import type { Evidence } from './evidence.ts'
import type { Seal, Voter } from './seal.ts'
import type { Verify } from './signed.ts'

export interface FinalityHostOptions {
  /** This node's number. */
  readonly self: number
  /** With this node's key for votes; 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array
  readonly verify: Verify
  /** Of a clock that never goes back. */
  readonly nowMs: () => number
  /** A whole number n with 0 ≤ n < below. */
  readonly random: (below: number) => number
  /** How long what this node has executed may stay undecided, after so many views in a row that decided nothing. */
  readonly progressMs: (failures: number) => number
  /** What may have been lost is said again this often. */
  readonly resendMs: number
  /**
   * Whether a node can be reached. While fewer members than a quorum can be, no view is given up: another leader could decide
   * as little. One whose leader can't be is not waited for. Default: every node can.
   */
  readonly isReachable?: (node: number) => boolean
}

export interface MemberOptions {
  /** The authority's number, unique for all time. */
  readonly group: number
  /** SHA-256 of its log's origin. */
  readonly authority: Uint8Array
  /** Its first, which begins at height 0. */
  readonly epoch: number
  /** The members that it was founded with, by node, ascending. */
  readonly founders: readonly Voter[]
  /** What `write` effects have left on the disk, by name. */
  readonly stored: StoredMember | undefined
  /** The disk may have lost what this node has signed: it was wiped, or put back from a backup. */
  readonly forgetful: boolean
  /** It is the directory, which gives the leases: its own members vote without. */
  readonly givesLeases?: boolean
}

/** What of an authority a member keeps for finality, by `RecordName`. */
export interface StoredMember {
  /** The node's own, synced before what follows from it leaves. */
  readonly sign: Uint8Array | undefined
  /** The newest certificate. */
  readonly tip: Uint8Array | undefined
  /** The certificates that activated an epoch, in order. */
  readonly activations: readonly Uint8Array[]
  /** The proof of the view that the node is in. */
  readonly view: Uint8Array | undefined
}

/** `activation/<epoch>`: the certificate that activated this epoch. */
export type RecordName = 'sign' | 'tip' | 'view' | `activation/${number}`

export interface Record {
  readonly group: number
  readonly name: RecordName
  readonly value: Uint8Array
}

export interface WriteEffect {
  readonly cycle: number
  /** One atomic batch. */
  readonly records: readonly Record[]
  /** False: nothing waits for it to be durable. */
  readonly sync: boolean
}

export interface OutFrame {
  readonly peer: number
  readonly frame: Uint8Array
}

/** The Raft instance must stop for good: no entry of it counts any more on this node. */
export interface Freeze {
  readonly group: number
  readonly epoch: number
  readonly view: number
}

/**
 * The state machine goes back, or on, to `base`, and a fresh Raft instance begins there, led by `leader` first. When the
 * replica stands there, the base is handed to `executed`, and what fell off is proposed again.
 */
export interface Restart {
  readonly group: number
  readonly epoch: number
  readonly view: number
  readonly leader: number
  /** Undefined: the empty log. */
  readonly base: Seal | undefined
}

/** From here on these members vote; the others stop. */
export interface Activated {
  readonly group: number
  readonly epoch: number
  readonly members: readonly Voter[]
  readonly certificate: Certificate
}

export interface Decided {
  readonly group: number
  readonly certificate: Certificate
}

/** This replica executed another seal than the members decided: it must be restored to the decided one. */
export interface Diverged {
  readonly group: number
  readonly certificate: Certificate
}

export interface Found {
  readonly group: number
  readonly evidence: Evidence
}

/** Two certificates contradict each other: more than f members lie, and this node votes no more here. */
export interface Halted {
  readonly group: number
  readonly certificates: readonly [Certificate, Certificate]
}

export interface Effects {
  readonly write: WriteEffect | undefined
  readonly send: readonly OutFrame[]
  readonly freeze: readonly Freeze[]
  readonly restart: readonly Restart[]
  readonly activated: readonly Activated[]
  /** Certified; not final yet. Ask the directory to anchor them, then call `anchored`. */
  readonly certified: readonly Decided[]
  /** Anchored: now, and not before, the checkpoint is cosigned, served, and acted on. Those below are final with it. */
  readonly final: readonly Decided[]
  readonly diverged: readonly Diverged[]
  readonly evidence: readonly Found[]
  readonly halted: readonly Halted[]
}

export interface MemberStatus {
  readonly group: number
  readonly epoch: number
  readonly view: number
  /** Above `view` while a view change is under way. */
  readonly frozenTo: number
  /** Of this epoch, by node, ascending. */
  readonly members: readonly Voter[]
  /** Who leads this view's Raft instance first. */
  readonly leader: number
  /** Where this view began. */
  readonly base: { readonly height: number; readonly hash: Uint8Array }
  /** The seal of the base; undefined for the empty log, and after a crash that came before this node had it on its disk. */
  readonly baseSeal: Seal | undefined
  /** Certified seals that this node still knows, the newest first. */
  readonly certifiedSeals: readonly Seal[]
  /** It may have voted in this view and not know it any more: its disk was lost. */
  readonly hasForgotten: boolean
  /** The highest certified seal. */
  readonly certified: { readonly height: number; readonly hash: Uint8Array }
  readonly finalHeight: number
  readonly votes: boolean
  readonly halted: boolean
}
