import { standsAt } from '../../client/protocol/session.ts'
import { equalBytes, readU32 } from '../../storage/bytes.ts'

/** player key 32 ‖ session id 16 ‖ seq u32: how every input body begins. */
export const inputHeadBytes = 52
const playerBytes = 32
export const sessionAt = playerBytes
const seqAt = 48

export function seqOf(body: Uint8Array): number {
  return readU32(body, seqAt)
}

export interface InputHead {
  /** The player's public key, one character a byte: a key for maps. */
  readonly player: string
  readonly session: string
  readonly seq: number
  readonly playerKey: Uint8Array
  readonly sessionId: Uint8Array
}

/** Undefined when the body is too short to be an input. */
export function inputHead(body: Uint8Array): InputHead | undefined {
  if (body.length < inputHeadBytes) return undefined
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  return {
    player: bytes.toString('latin1', 0, 32),
    session: bytes.toString('latin1', 32, 48),
    seq: seqOf(body),
    playerKey: body.subarray(0, 32),
    sessionId: body.subarray(32, 48),
  }
}

/** Told once of each input what became of it: of `count` inputs from `index` on, all of one session when they were committed. */
export type BatchWaiter = (index: number, count: number, answer: InputAnswer) => void

export type InputAnswer =
  /** `receipts` are for all of them (client/protocol/receipts.ts). */
  | { readonly kind: 'committed'; readonly receipts: Uint8Array }
  | { readonly kind: 'gap'; readonly expectedSeq: number }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** Not logged, used no seq. */
  | { readonly kind: 'refused'; readonly code: string }
  /** The character is another authority's now: the hash of that one's log's origin, in hex. */
  | { readonly kind: 'moved'; readonly to: string }
  /** This node does not lead (any more); `leader` is a node number, 0 when unknown. */
  | { readonly kind: 'not-leader'; readonly leader: number }

/** Who waits for one input: whoever offered the batch, and the input's place there. */
export interface Waiting {
  readonly waiter: BatchWaiter
  readonly index: number
  /** The same for inputs of one session, once it is in flight. */
  session: object | undefined
  /** The input, of the first who waits for it. */
  body?: Uint8Array | undefined
  /** A retry of it waits too. */
  also: Waiting | undefined
}

export function tell({ waiter, index }: Waiting, answer: InputAnswer): void {
  waiter(index, 1, answer)
}

/** One player's session with inputs in flight. Another session of the player is another one of these. */
interface InFlight {
  /** The player's public key, one character a byte. */
  readonly name: string
  readonly playerKey: Uint8Array
  readonly sessionId: Uint8Array
  /** The newest seq that was proposed. */
  lastSeq: number
  /** By seq. */
  readonly waiting: Map<number, Waiting>
}

/** So many wait for one input: its gateways and their retries, and nobody who asks for it again and again meanwhile. */
const maxTogether = 8
/** A power of two. */
const nearPlaces = 1024
/** Sessions that have nothing in flight are kept up to so many: the next inputs mostly come from the same ones. */
const maxIdle = 4096

/**
 * The leader's proposed and not yet applied inputs: who waits for which, and which seq may come next. Inputs are given as
 * their bodies, of which at least the head is there.
 */
export class InFlightInputs {
  readonly #players = new Map<string, InFlight>()
  /** By some bits of the player's key: to compare its bytes is cheaper than to make a string of them. */
  readonly #near: (InFlight | undefined)[] = new Array(nearPlaces).fill(undefined)
  #count = 0

  /** Inputs that somebody waits for. */
  get count(): number {
    return this.#count
  }

  /** The newest proposed seq of this body's session, if any is in flight. */
  lastSeq(body: Uint8Array): number | undefined {
    const inFlight = this.#sessionOf(body)
    return inFlight !== undefined && inFlight.waiting.size > 0 ? inFlight.lastSeq : undefined
  }

  add(body: Uint8Array, waiting: Waiting): void {
    const inFlight = this.#sessionOf(body) ?? this.#begin(body)
    const seq = seqOf(body)
    inFlight.lastSeq = seq
    inFlight.waiting.set(seq, waiting)
    waiting.session = inFlight
    waiting.body = body
    this.#count++
  }

  /** A retry of an input that is in flight: it waits too, or is told to ask again. False when that input isn't in flight. */
  join(body: Uint8Array, waiting: Waiting): boolean {
    const first = this.#sessionOf(body)?.waiting.get(seqOf(body))
    if (first === undefined) return false
    let together = 1
    for (let each = first.also; each !== undefined; each = each.also) together++
    // Another input under the same seq learns what became of it once the first one is applied.
    if (together >= maxTogether || !equalBytes(first.body!, body)) {
      tell(waiting, { kind: 'busy', retryAfterMs: 100 })
      return true
    }
    waiting.session = first.session
    waiting.also = first.also
    first.also = waiting
    return true
  }

  /** The input was applied: takes out who waits for it. */
  applied(body: Uint8Array): Waiting | undefined {
    const inFlight = this.#sessionOf(body)
    const seq = seqOf(body)
    const waiting = inFlight?.waiting.get(seq)
    if (inFlight === undefined || waiting === undefined) return undefined
    inFlight.waiting.delete(seq)
    this.#count--
    return waiting
  }

  /** Nothing in flight will be answered here any more. */
  abandon(answer: InputAnswer): void {
    const all = [...this.#players.values()]
    this.#forget()
    for (const inFlight of all) this.#tell(inFlight, answer)
  }

  #sessionOf(body: Uint8Array): InFlight | undefined {
    const inFlight = this.#playerOf(body)
    return inFlight !== undefined && standsAt(body, playerBytes, inFlight.sessionId) ? inFlight : undefined
  }

  #playerOf(body: Uint8Array): InFlight | undefined {
    const place = (body[0]! | (body[1]! << 8)) & (nearPlaces - 1)
    const near = this.#near[place]
    if (near !== undefined && standsAt(body, 0, near.playerKey)) return near
    const inFlight = this.#players.get(nameOf(body))
    this.#near[place] = inFlight
    return inFlight
  }

  #begin(body: Uint8Array): InFlight {
    const older = this.#playerOf(body)
    // A new session closes the old one; who waits there is told to ask again and learns it then.
    if (older !== undefined) this.#tell(older, { kind: 'busy', retryAfterMs: 100 })
    if (this.#players.size >= maxIdle + this.#count) this.#dropIdle()
    const inFlight = {
      name: nameOf(body),
      playerKey: body.slice(0, playerBytes),
      sessionId: body.slice(playerBytes, seqAt),
      lastSeq: 0,
      waiting: new Map(),
    }
    this.#players.set(inFlight.name, inFlight)
    this.#near[(body[0]! | (body[1]! << 8)) & (nearPlaces - 1)] = inFlight
    return inFlight
  }

  #dropIdle(): void {
    for (const { name, waiting } of this.#players.values()) if (waiting.size === 0) this.#players.delete(name)
    this.#near.fill(undefined)
  }

  #forget(): void {
    this.#players.clear()
    this.#near.fill(undefined)
  }

  #tell(inFlight: InFlight, answer: InputAnswer): void {
    const all = [...inFlight.waiting.values()]
    inFlight.waiting.clear()
    this.#count -= all.length
    for (const first of all) {
      for (let each: Waiting | undefined = first; each !== undefined; each = each.also) tell(each, answer)
    }
  }
}

function nameOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, playerBytes).toString('latin1')
}
