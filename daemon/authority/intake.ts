import { readU32 } from '../../storage/bytes.ts'

/** player key 32 ‖ session id 16 ‖ seq u32: how every input body begins. */
export const inputHeadBytes = 52

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
    seq: readU32(body, 48),
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
  /** This node does not lead (any more); `leader` is a node number, 0 when unknown. */
  | { readonly kind: 'not-leader'; readonly leader: number }

/** Who waits for one input: whoever offered the batch, and the input's place there. */
export interface Waiting {
  readonly waiter: BatchWaiter
  readonly index: number
  /** A retry of it waits too. */
  also: Waiting | undefined
}

export function tell({ waiter, index }: Waiting, answer: InputAnswer): void {
  waiter(index, 1, answer)
}

interface InFlight {
  session: string
  /** The newest seq that was proposed. */
  lastSeq: number
  readonly waiting: Map<number, Waiting>
}

/** The leader's proposed and not yet applied inputs: who waits for which, and which seq may come next. */
export class InFlightInputs {
  readonly #players = new Map<string, InFlight>()
  #count = 0

  /** Inputs that somebody waits for. */
  get count(): number {
    return this.#count
  }

  /** The newest proposed seq of this player's session, if any is in flight. */
  lastSeq(player: string, session: string): number | undefined {
    const inFlight = this.#players.get(player)
    return inFlight?.session === session ? inFlight.lastSeq : undefined
  }

  add(head: InputHead, waiting: Waiting): void {
    let inFlight = this.#players.get(head.player)
    if (inFlight === undefined) {
      inFlight = { session: head.session, lastSeq: 0, waiting: new Map() }
      this.#players.set(head.player, inFlight)
    } else if (inFlight.session !== head.session) {
      // A new session closes the old one; who waits there is told to ask again and learns it then.
      this.#tell(inFlight, { kind: 'busy', retryAfterMs: 100 })
      inFlight.session = head.session
    }
    inFlight.lastSeq = head.seq
    inFlight.waiting.set(head.seq, waiting)
    this.#count++
  }

  /** A retry of an input that is in flight: it waits too. False when that input isn't. */
  join(head: InputHead, waiting: Waiting): boolean {
    const inFlight = this.#players.get(head.player)
    const first = inFlight?.session === head.session ? inFlight.waiting.get(head.seq) : undefined
    if (first === undefined) return false
    waiting.also = first.also
    first.also = waiting
    return true
  }

  /** The input was applied: takes out who waits for it. */
  applied(head: InputHead): Waiting | undefined {
    const inFlight = this.#players.get(head.player)
    if (inFlight?.session !== head.session) return undefined
    const waiting = inFlight.waiting.get(head.seq)
    if (waiting === undefined) return undefined
    inFlight.waiting.delete(head.seq)
    this.#count--
    if (inFlight.waiting.size === 0) this.#players.delete(head.player)
    return waiting
  }

  /** Nothing in flight will be answered here any more. */
  abandon(answer: InputAnswer): void {
    for (const inFlight of this.#players.values()) this.#tell(inFlight, answer)
    this.#players.clear()
  }

  #tell(inFlight: InFlight, answer: InputAnswer): void {
    for (const first of inFlight.waiting.values()) {
      this.#count--
      for (let each: Waiting | undefined = first; each !== undefined; each = each.also) tell(each, answer)
    }
    inFlight.waiting.clear()
  }
}
