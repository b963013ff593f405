import { decodeEntity, type EntityView } from '../../world/codec.ts'
import type { Read, ReadAnswer } from '../protocol/gateway.pb.js'
import { ClientError } from './errors.ts'
import type { Pace } from './outbox.ts'
import { Tokens } from './tokens.ts'

/**
 * An entity as its owner had it at one moment between the question and the answer: whatever anybody was told to be
 * committed before the question is in it.
 */
export interface EntityRead {
  /** Undefined: there was none. */
  readonly entity: EntityView | undefined
  /** Records in the area's log at that moment, and its tick. */
  readonly size: number
  readonly tick: number
  /** What it rests on: a quorum that confirmed the leader, or the leader's clock. */
  readonly by: 'quorum' | 'lease'
  readonly latencyMs: number
}

interface Waiting {
  readonly target: Uint8Array
  readonly resolve: (read: EntityRead) => void
  readonly reject: (error: ClientError) => void
  readonly askedMs: number
  /** Nothing older can be true: by receipts alone, and by what its gateway has told as well. */
  readonly provenSize: number
  leastSize: number
  sentMs: number | undefined
  notBeforeMs: number
  fault: string
}

const ID_PATTERN = /^[0-9a-f]{32}$/
/** Without an answer, a read is asked for again after so long. */
const RESEND_MS = 5_000
/** Asking costs little, and forgetting to wait must not fill the memory. */
const MAX_WAITING = 1_000

/** Reads that wait for an answer. They change nothing, so they may be asked for as often as need be, at any gateway. */
export class Reads {
  private readonly waiting = new Map<number, Waiting>()
  private readonly tokens = new Tokens()
  private mayWait = 1
  private last = 0
  private provenSize = 0
  /** By the gateway of now. Nobody has signed it, so it is held against nobody else. */
  private toldSize = 0

  /** A receipt has shown that the area's log has so many records. */
  proved(size: number): void {
    this.provenSize = Math.max(this.provenSize, size)
  }

  ask(target: Uint8Array, nowMs: number): Promise<EntityRead> {
    if (this.waiting.size >= MAX_WAITING)
      return Promise.reject(new ClientError('busy', 'Too many reads wait for an answer.'))
    const { provenSize } = this
    const leastSize = Math.max(provenSize, this.toldSize)
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.last, {
        ...{ target, resolve, reject, askedMs: nowMs, provenSize, leastSize },
        ...{ sentMs: undefined, notBeforeMs: 0, fault: '' },
      })
    })
  }

  linked(pace: Pace, nowMs: number): void {
    this.tokens.linked(pace, nowMs)
    this.mayWait = pace.inFlight
    this.toldSize = 0
    for (const read of this.waiting.values()) {
      read.sentMs = undefined
      read.leastSize = read.provenSize
    }
  }

  /** Another area is asked from now on: what was told of the last one says nothing of it. */
  movedOn(): void {
    this.provenSize = 0
    this.toldSize = 0
    const waiting = [...this.waiting.values()]
    this.waiting.clear()
    for (const read of waiting)
      this.waiting.set(++this.last, { ...read, sentMs: undefined, leastSize: 0, provenSize: 0 })
  }

  /** What to send now; it counts as sent. */
  due(nowMs: number): Read[] {
    this.tokens.refill(nowMs)
    const due: Read[] = []
    let sent = 0
    for (const [number, read] of this.waiting) {
      if (sent >= this.mayWait || this.tokens.areOut) break
      sent++
      const isUnderWay = read.sentMs !== undefined && nowMs - read.sentMs < RESEND_MS
      if (isUnderWay || read.notBeforeMs > nowMs) continue
      this.tokens.take()
      read.sentMs = nowMs
      due.push({ number, target: read.target })
    }
    return due
  }

  /** Milliseconds until `due` may have something, or undefined when only an answer can bring that. */
  waitMs(nowMs: number): number | undefined {
    let waitMs: number | undefined
    for (const { sentMs, notBeforeMs } of [...this.waiting.values()].slice(0, this.mayWait)) {
      if (sentMs !== undefined) continue
      const thisMs = Math.max(1, notBeforeMs - nowMs, this.tokens.waitMs)
      waitMs = Math.min(waitMs ?? thisMs, thisMs)
    }
    return waitMs
  }

  /** False: its gateway says what can't be, and should be left. */
  answered({ number, state, code = '', retryAfterMs = 0 }: ReadAnswer, nowMs: number): boolean {
    const read = this.waiting.get(number)
    if (read === undefined) return true // answered before
    if (state === undefined) {
      read.fault = code
      if (retryAfterMs > 0) {
        read.sentMs = undefined
        read.notBeforeMs = nowMs + retryAfterMs
      } else this.fail(number, 'refused', `The gateway refused it: ${code}.`)
      return true
    }
    const { size, tick, byLease } = state
    const entity = state.entity && decodeEntity(state.entity)
    if (size < read.leastSize || (state.entity !== undefined && entity === undefined)) {
      read.fault = size < read.leastSize ? 'stale' : 'malformed'
      read.sentMs = undefined
      return false
    }
    this.toldSize = Math.max(this.toldSize, size)
    this.waiting.delete(number)
    const by = byLease ? 'lease' : 'quorum'
    read.resolve({ entity, size, tick, by, latencyMs: nowMs - read.askedMs })
    return true
  }

  expire(nowMs: number, timeoutMs: number): void {
    for (const [number, { askedMs }] of this.waiting) {
      if (nowMs - askedMs < timeoutMs) return
      this.fail(number, 'timeout', 'There was no answer in time.')
    }
  }

  end(code: string, text: string): void {
    for (const number of this.waiting.keys()) this.fail(number, code, text)
  }

  private fail(number: number, code: string, text: string): void {
    const read = this.waiting.get(number)!
    this.waiting.delete(number)
    read.reject(new ClientError(code, text, { fault: read.fault }))
  }
}

/** An entity's id as the 16 bytes that a read names. Throws a `ClientError` for what is none. */
export function targetOf(id: string): Uint8Array {
  if (!ID_PATTERN.test(id)) throw new ClientError('bad-id', `"${id}" is not an entity's id.`)
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(id.slice(2 * i, 2 * i + 2), 16))
}
