import type { Outcome } from '../../world/codec.ts'
import type { Receipt } from '../protocol/receipt.ts'
import type { Final } from './finals.ts'
import type { Histogram } from './histogram.ts'
import type { Signer, Verify } from './keys.ts'
import type { SocketMaker } from './link.ts'
import type { PlayerSession } from './session.ts'
import type { Trust } from './trust.ts'

/** What became of one action. `outcome.code` is `ok`, or why the rules said no; both are logged and proven by the receipt. */
export interface Done {
  readonly seq: number
  /** Name of the area in whose log it stands. */
  readonly area: string
  /** The bytes that are logged. */
  readonly body: Uint8Array
  readonly outcome: Outcome
  /** The leader's promise that it is committed: it survives crashes of a minority. */
  readonly receipt: Receipt
  /**
   * Resolves once it is final, and verified: looked at for the first time, it is asked for. Rejects with a `ClientError`:
   * `fell-off` (the members decided a log without it), `timeout` (look again), `closed` …
   */
  readonly final: Promise<Final>
  readonly latencyMs: number
}

/** A promise that was made to this client: what a checker looks up in the audited log. */
export interface KeptReceipt {
  readonly seq: number
  readonly area: string
  readonly body: Uint8Array
  readonly receipt: Receipt
}

export interface ClientStats {
  readonly submitted: number
  /** Answered with a verified receipt; `rejected` of them were refused by the rules. */
  readonly committed: number
  readonly rejected: number
  /** Refused without being logged. */
  readonly refused: number
  readonly retried: number
  /** Receipts that did not verify. */
  readonly forged: number
  readonly links: number
  readonly latency: Histogram
}

export type ClientState = 'connecting' | 'open' | 'reconnecting' | 'closed'

/** A fixed place to look at. */
export interface Place {
  readonly area: string
  readonly xMm: number
  readonly yMm: number
  readonly radiusMm: number
}

/** `ConnectOptions` with nothing left open. */
export interface ClientSettings {
  readonly gateways: readonly string[]
  readonly player: Signer
  readonly session: PlayerSession
  readonly area: string
  /** Of a session of before: the area that it was opened in; otherwise ''. */
  readonly home: string
  readonly trust: Trust | undefined
  readonly verify: Verify
  readonly makeSocket: SocketMaker
  readonly actionTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly grantMs: number
  readonly keepReceipts: boolean
  readonly finalTimeoutMs: number
  readonly sealSoon: boolean
  readonly nowMs: () => number
  /** From 0 up to 1, for spreading reconnects. */
  readonly random: () => number
}
