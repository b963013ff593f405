import { startsWith } from '../codec/bytes.ts'
import { LOG_AT, SESSION_AT, SESSION_BYTES, sessionNumber } from '../codec/input.ts'
import type { Outcome } from '../codec/outcome.ts'
import {
  type Applied,
  type DirtyEntry,
  INPUT_RECORD,
  type Rules,
  type StateEntry,
  TICK_RECORD,
} from '../interface.ts'
import { MAX_SESSION_AHEAD_MS, OUTCOMES_KEPT } from '../limits.ts'
import type { Refusal } from '../reasons.ts'
import { type Verdict, verdict } from '../rules/verdict.ts'
import { beginState } from './begin.ts'
import { checkDirectoryCharter, type DirectoryCharter } from './charter.ts'
import { type DirectoryRequest, decodeDirectoryRequest, signedPartOf } from './codec/input.ts'
import type { SessionRow } from './codec/rows.ts'
import { decodeDirectoryTick } from './codec/tick.ts'
import type { DirectoryHost } from './host.ts'
import { DIRECTORY_INPUT_MAX_BYTES, MAX_IDLE_INPUTS } from './limits.ts'
import { restoreState } from './restore.ts'
import { act } from './rules/act.ts'
import { advance } from './rules/tick.ts'
import type { DirectoryState } from './state.ts'
import type { NodeRecord } from './types.ts'

/** A new directory, as its charter says. Throws a `WorldError` `bad-charter`. */
export function createDirectory(host: DirectoryHost, charter: DirectoryCharter): Directory {
  checkDirectoryCharter(charter, host.origin)
  return new Directory(beginState(host, charter))
}

/** The directory that gave these `entries()`. They come from a verified snapshot or the own disk: broken ones throw `bad-state`. */
export function restoreDirectory(
  host: DirectoryHost,
  charter: DirectoryCharter,
  entries: Iterable<StateEntry>,
): Directory {
  checkDirectoryCharter(charter, host.origin)
  return new Directory(restoreState(host, charter, entries))
}

/** The rules of the directory. The same records give the same bytes everywhere, restored in between or not. */
export class Directory implements Rules {
  readonly maxInputBytes = DIRECTORY_INPUT_MAX_BYTES
  /** To be read from (`DirectoryView`), never to be written to. */
  readonly state: DirectoryState

  constructor(state: DirectoryState) {
    this.state = state
  }

  get tick(): number {
    return this.state.header.tick
  }

  get timeMs(): number {
    return this.state.header.timeMs
  }

  /** While a lease is running that could end, or certificates wait for a world block. Who asks for a lease wants a tick too. */
  needsTick(): boolean {
    return this.state.isBusy
  }

  /**
   * Applies one record's body. Never throws on any bytes; it alone decides. `changed` names what a follower may want to look at:
   * `node/1`, `report/1`, `authority/1`, `anchor/1`, `load/1` (node or group numbers), `tile/0231`, `operators`, `policy`, `rules`,
   * `block`. Renewals are in the tick's own body.
   */
  apply(kind: number, body: Uint8Array, leaf: number): Applied {
    this.state.leaf = leaf
    this.state.changed = new Set()
    if (kind === INPUT_RECORD) return this.applyInput(body)
    if (kind === TICK_RECORD) return this.applyTick(body)
    return this.applied()
  }

  check(body: Uint8Array): Refusal | undefined {
    const input = this.read(body)
    if ('code' in input) return input
    const node = this.state.nodeOf(body)
    const stranger = strangeness(node)
    if (stranger !== undefined) return { code: stranger }
    const session = this.state.sessions.get(node!.number)
    if (session !== undefined) {
      if (startsWith(body, SESSION_AT, session.session)) {
        if (input.seq <= session.lastSeq) return { code: 'duplicate', seq: session.lastSeq }
      } else if (sessionNumber(body, SESSION_AT) <= sessionNumber(session.session) && !opensSession(input))
        return { code: 'session-closed' }
    }
    // Applied, these would be refused without being counted: a node could fill the log with them.
    const isOther = session === undefined || !startsWith(body, SESSION_AT, session.session)
    if (isOther && input.seq === 1) {
      if (!opensSession(input)) return { code: 'no-session' }
      if (this.isAhead(body)) return { code: 'session-ahead' }
    }
    if (this.asksInVain(node!)) return { code: 'too-many-inputs' }
    return this.isSigned(body, input) ? undefined : { code: 'forged' }
  }

  lastSeq(player: Uint8Array, session: Uint8Array, sessionAt = 0): number {
    return this.openSession(player, session, sessionAt)?.lastSeq ?? 0
  }

  outcomeOf(player: Uint8Array, session: Uint8Array, seq: number): Outcome | undefined {
    return this.openSession(player, session, 0)?.outcomes.find(outcome => outcome.seq === seq)
  }

  takeDirty(): DirtyEntry[] {
    return this.state.takeDirty()
  }

  entries(): Iterable<StateEntry> {
    return this.state.entries()
  }

  private applyTick(body: Uint8Array): Applied {
    const to = decodeDirectoryTick(body)
    if (!to) return this.applied(undefined, { code: 'malformed' })
    if (to.tick <= this.tick) return this.applied(undefined, { code: 'stale-tick' })
    advance(this.state, to)
    return this.applied()
  }

  private applyInput(body: Uint8Array): Applied {
    const input = this.read(body)
    if ('code' in input) return this.applied(undefined, input)
    const node = this.state.nodeOf(body)
    const refusal = this.refuse(node, input, body)
    if (refusal) return this.applied(this.outcome(input, refusal))
    const session = this.sessionOf(node!, body)
    const decided = act(this.state, node!, input)
    return this.settle(node!, session, input, decided)
  }

  private read(body: Uint8Array): DirectoryRequest | Refusal {
    const input = decodeDirectoryRequest(body)
    return 'code' in input || startsWith(body, LOG_AT, this.state.logTag) ? input : { code: 'other-log' }
  }

  /** Says why an input has no place here. Such an input consumes nothing and is not remembered. */
  private refuse(
    node: NodeRecord | undefined,
    input: DirectoryRequest,
    body: Uint8Array,
  ): Verdict | undefined {
    const stranger = strangeness(node)
    if (stranger !== undefined) return verdict(stranger)
    const refusal = this.refuseSession(this.state.sessions.get(node!.number), input, body)
    if (refusal !== undefined) return refusal
    if (this.asksInVain(node!)) return verdict('too-many-inputs')
    return this.isSigned(body, input) ? undefined : verdict('forged')
  }

  private refuseSession(
    session: SessionRow | undefined,
    input: DirectoryRequest,
    body: Uint8Array,
  ): Verdict | undefined {
    const { seq } = input
    if (session && startsWith(body, SESSION_AT, session.session)) {
      if (seq <= session.lastSeq) return verdict('duplicate', session.lastSeq)
      return seq > session.lastSeq + 1 ? verdict('gap', session.lastSeq + 1) : undefined
    }
    const last = session ? sessionNumber(session.session) : 0
    const number = sessionNumber(body, SESSION_AT)
    if (number <= last) return verdict('session-closed', last)
    if (!opensSession(input)) return verdict('no-session')
    return this.isAhead(body) ? verdict('session-ahead', last) : undefined
  }

  private isAhead(body: Uint8Array): boolean {
    return sessionNumber(body, SESSION_AT) > this.timeMs + MAX_SESSION_AHEAD_MS
  }

  private isSigned(body: Uint8Array, { signature }: DirectoryRequest): boolean {
    const { host } = this.state
    return host.verifySignature(body.subarray(0, SESSION_AT), signedPartOf(host.origin, body), signature)
  }

  /** Whoever is admitted could fill the log with what changes nothing. */
  private asksInVain({ number }: NodeRecord): boolean {
    return this.state.presence(number).idleInputs >= MAX_IDLE_INPUTS
  }

  /** The one that the input stands in, which it may open. */
  private sessionOf({ number }: NodeRecord, body: Uint8Array): SessionRow {
    const open = this.state.sessions.get(number)
    if (open && startsWith(body, SESSION_AT, open.session)) return open
    return { session: body.slice(SESSION_AT, SESSION_AT + SESSION_BYTES), lastSeq: 0, outcomes: [] }
  }

  /** The input's seq is consumed, whatever the verdict. */
  private settle(node: NodeRecord, session: SessionRow, input: DirectoryRequest, decided: Verdict): Applied {
    const outcome = this.outcome(input, decided)
    session.lastSeq = input.seq
    session.outcomes.push(outcome)
    if (session.outcomes.length > OUTCOMES_KEPT) session.outcomes.shift()
    this.state.sessions.set(node.number, session)
    if (decided.code !== 'ok' || input.action.kind === 'open') {
      const presence = this.state.presence(node.number)
      presence.idleInputs++
      this.state.setPresence(node.number, presence)
    }
    return this.applied(outcome)
  }

  private outcome({ seq }: DirectoryRequest, { code, entity, value }: Verdict): Outcome {
    return { seq, leaf: this.state.leaf, tick: this.tick, code, entity, value }
  }

  private applied(outcome?: Outcome, ignored?: Refusal): Applied {
    return { outcome, ignored, changed: [...this.state.changed], removed: [], events: [] }
  }

  private openSession(key: Uint8Array, session: Uint8Array, sessionAt: number): SessionRow | undefined {
    const node = this.state.nodeOf(key)
    const row = node && this.state.sessions.get(node.number)
    return row && startsWith(session, sessionAt, row.session) ? row : undefined
  }
}

/** Why nothing of this node is taken. */
function strangeness(node: NodeRecord | undefined): 'not-admitted' | 'banned' | 'retired' | undefined {
  if (node === undefined) return 'not-admitted'
  return node.status === 'banned' || node.status === 'retired' ? node.status : undefined
}

const opensSession = ({ seq, action }: DirectoryRequest): boolean => seq === 1 && action.kind === 'open'
