import type { Action } from '../../world/codec.ts'
import { Tokens } from './tokens.ts'

/** An action that has its seq and waits for its answer. */
export interface Item {
  readonly seq: number
  readonly action: Action
  readonly submittedMs: number
  /** Undefined while it is being signed. */
  body: Uint8Array | undefined
  /** When it was last sent over the present link; undefined when it has to be sent (again). */
  sentMs: number | undefined
  sends: number
  notBeforeMs: number
  gaps: number
  /** It had its answer, and then fell off the log with a change of views. */
  fellOff: boolean
}

/** What a gateway takes of one session. */
export interface Pace {
  readonly perSecond: number
  readonly burst: number
  readonly inFlight: number
}

export type GapVerdict =
  /** It will be sent again. */
  | 'retry'
  /** The owner has applied it, and doesn't know the outcome any more. */
  | 'applied'
  /** The owner waits for a seq that this session doesn't have: it can't go on. */
  | 'broken'

/** Without any answer, an input is sent again after so long. */
const RESEND_MS = 10_000
const GAP_RETRY_MS = 50
const MAX_GAPS = 100
/** What was committed and then fell off is asked for again; more than this is not undecided for one session. */
const MAX_ANSWERED = 1_024

/**
 * What a session has asked for and not been answered, in the order of seq. Decides what is sent when; knows no socket
 * and no clock. Inputs go out strictly in order, so that one that has to wait holds back those after it, which would
 * only be answered `gap`.
 */
export class Outbox {
  private readonly items = new Map<number, Item>()
  private next: number
  private pace: Pace = { perSecond: 1, burst: 1, inFlight: 1 }
  private readonly tokens = new Tokens()
  private inFlight = 0
  /** Answered last, in the order of seq. */
  private answered: Item[] = []

  constructor(nextSeq: number) {
    this.next = nextSeq
  }

  get nextSeq(): number {
    return this.next
  }

  get size(): number {
    return this.items.size
  }

  add(action: Action, nowMs: number): Item {
    return this.put(this.next++, action, nowMs)
  }

  /** Puts another action into the place of one that was refused without being logged: its seq must be used. */
  refill(seq: number, action: Action, nowMs: number): Item {
    this.remove(seq)
    const later = [...this.items.values()].filter(item => item.seq > seq)
    for (const item of later) this.items.delete(item.seq)
    const filler = this.put(seq, action, nowMs)
    for (const item of later) this.items.set(item.seq, item)
    return filler
  }

  /** Takes back an item of an earlier run of the session. */
  restore(seq: number, action: Action, body: Uint8Array, nowMs: number): Item {
    const item = this.put(seq, action, nowMs)
    item.body = body
    return item
  }

  pending(): IterableIterator<Item> {
    return this.items.values()
  }

  get(seq: number): Item | undefined {
    return this.items.get(seq)
  }

  /** A new link: nothing has been sent over it, and the gateway's bucket for it is full. */
  linked(pace: Pace, nowMs: number): void {
    this.pace = pace
    this.tokens.linked(pace, nowMs)
    this.inFlight = 0
    for (const item of this.items.values()) item.sentMs = undefined
  }

  /** What to send now, in order; it counts as sent. */
  due(nowMs: number): Item[] {
    this.tokens.refill(nowMs)
    const due: Item[] = []
    const end = this.endSeq
    for (const item of this.items.values()) {
      if (item.seq >= end) break
      if (item.sentMs !== undefined && nowMs - item.sentMs < RESEND_MS) continue
      if (item.body === undefined || item.notBeforeMs > nowMs || this.tokens.areOut) break
      if (item.sentMs === undefined) {
        if (this.inFlight >= this.pace.inFlight) break
        this.inFlight++
      }
      this.tokens.take()
      item.sentMs = nowMs
      item.sends++
      due.push(item)
    }
    return due
  }

  /** Milliseconds until `due` may have something, or undefined when only an answer can bring that. */
  waitMs(nowMs: number): number | undefined {
    for (const item of this.items.values()) {
      if (item.sentMs !== undefined) continue
      if (item.body === undefined || this.inFlight >= this.pace.inFlight || item.seq >= this.endSeq)
        return undefined
      return Math.max(1, item.notBeforeMs - nowMs, this.tokens.waitMs)
    }
    return undefined
  }

  /** Whatever is answered in between: the owner keeps so many outcomes, and the oldest may have to be asked for again. */
  private get endSeq(): number {
    for (const oldest of this.items.keys()) return oldest + this.pace.inFlight
    return this.next
  }

  /** It is committed; until that is final, it may be asked for once more. */
  settle(seq: number): void {
    const item = this.remove(seq)
    if (item === undefined) return
    this.answered.push(item)
    if (this.answered.length > MAX_ANSWERED) this.answered.shift()
  }

  /** It waits no more. */
  remove(seq: number): Item | undefined {
    const item = this.items.get(seq)
    if (item === undefined) return undefined
    if (item.sentMs !== undefined) this.inFlight--
    this.items.delete(seq)
    return item
  }

  postpone(seq: number, delayMs: number, nowMs: number): void {
    const item = this.items.get(seq)
    if (item === undefined) return
    if (item.sentMs !== undefined) this.inFlight--
    item.sentMs = undefined
    item.notBeforeMs = nowMs + delayMs
  }

  gap(seq: number, expectedSeq: number, nowMs: number): GapVerdict {
    const item = this.items.get(seq)
    if (item === undefined) return 'retry'
    if (expectedSeq > seq) return 'applied'
    this.postpone(seq, GAP_RETRY_MS, nowMs)
    // An earlier one that is on its way closes the gap, and so does one that was answered and fell off.
    if (expectedSeq === seq || this.items.has(expectedSeq) || this.takeBack(expectedSeq, nowMs))
      return 'retry'
    return ++item.gaps > MAX_GAPS ? 'broken' : 'retry'
  }

  /** Puts what was answered from this seq on back before all else. False: it is not known any more. */
  private takeBack(fromSeq: number, nowMs: number): boolean {
    const fallen = this.answered.filter(item => item.seq >= fromSeq).sort((a, b) => a.seq - b.seq)
    if (fallen[0]?.seq !== fromSeq) return false
    this.answered = this.answered.filter(item => item.seq < fromSeq)
    const later = [...this.items.values()]
    this.items.clear()
    for (const { seq, action, body } of fallen) {
      const item = this.put(seq, action, nowMs)
      item.body = body
      item.fellOff = true
    }
    for (const item of later) this.items.set(item.seq, item)
    return true
  }

  private put(seq: number, action: Action, nowMs: number): Item {
    const item: Item = {
      seq,
      action,
      submittedMs: nowMs,
      body: undefined,
      sentMs: undefined,
      sends: 0,
      notBeforeMs: 0,
      gaps: 0,
      fellOff: false,
    }
    this.items.set(seq, item)
    return item
  }
}
