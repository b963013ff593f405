/**
 * Views are put together from ready pieces: an entity's bytes are encoded once for all clients, and each client's
 * message is a copy of pieces. So this one message of gateway.proto is written by hand, not by pbf, in the same form.
 */

const LENGTH_DELIMITED = 2
const VIEW_FIELD = 4
const VIEW = { area: 1, tick: 2, reset: 3, seen: 4, gone: 5, events: 6 }
const SEEN = { handle: 1, entity: 2 }

/** A `View.seen` field, tag and all. @param handle above 0 */
export function seenPiece(handle: number, entity: Uint8Array): Uint8Array {
  const bodyBytes = 1 + varintBytes(handle) + 1 + varintBytes(entity.length) + entity.length
  const piece = new Uint8Array(1 + varintBytes(bodyBytes) + bodyBytes)
  let at = putLengthTag(piece, 0, VIEW.seen, bodyBytes)
  piece[at++] = SEEN.handle << 3
  at = putVarint(piece, at, handle)
  at = putLengthTag(piece, at, SEEN.entity, entity.length)
  piece.set(entity, at)
  return piece
}

/** A `View.events` field, tag and all. */
export function eventPiece(event: Uint8Array): Uint8Array {
  const piece = new Uint8Array(1 + varintBytes(event.length) + event.length)
  piece.set(event, putLengthTag(piece, 0, VIEW.events, event.length))
  return piece
}

/** Collects one client's view. Made once and used again for every client. */
export class ViewFrame {
  gone: number[] = []
  private readonly seen: Uint8Array[] = []
  private readonly events: Uint8Array[] = []
  private pieceBytes = 0

  get empty(): boolean {
    return this.seen.length === 0 && this.events.length === 0 && this.gone.length === 0
  }

  add(piece: Uint8Array): void {
    const isEvent = piece[0]! >> 3 === VIEW.events
    const pieces = isEvent ? this.events : this.seen
    pieces.push(piece)
    this.pieceBytes += piece.length
  }

  /** The whole ServerMessage; the frame is empty afterwards. */
  finish(area: number, tick: number, reset: boolean): Uint8Array {
    let goneBytes = 0
    for (const handle of this.gone) goneBytes += varintBytes(handle)
    const goneField = goneBytes === 0 ? 0 : 1 + varintBytes(goneBytes) + goneBytes
    const headBytes = numberFieldBytes(area) + numberFieldBytes(tick) + (reset ? 2 : 0)
    const viewBytes = headBytes + goneField + this.pieceBytes
    const message = new Uint8Array(1 + varintBytes(viewBytes) + viewBytes)
    let at = putLengthTag(message, 0, VIEW_FIELD, viewBytes)
    at = putNumberField(message, at, VIEW.area, area)
    at = putNumberField(message, at, VIEW.tick, tick)
    if (reset) {
      message[at++] = VIEW.reset << 3
      message[at++] = 1
    }
    at = putPieces(message, at, this.seen)
    if (goneBytes > 0) {
      at = putLengthTag(message, at, VIEW.gone, goneBytes)
      for (const handle of this.gone) at = putVarint(message, at, handle)
    }
    putPieces(message, at, this.events)
    this.seen.length = 0
    this.events.length = 0
    this.gone.length = 0
    this.pieceBytes = 0
    return message
  }
}

function putPieces(bytes: Uint8Array, at: number, pieces: readonly Uint8Array[]): number {
  let end = at
  for (const piece of pieces) {
    bytes.set(piece, end)
    end += piece.length
  }
  return end
}

/** A field that is 0 is left out. */
function putNumberField(bytes: Uint8Array, at: number, field: number, value: number): number {
  if (value === 0) return at
  bytes[at] = field << 3
  return putVarint(bytes, at + 1, value)
}

function numberFieldBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value)
}

function putLengthTag(bytes: Uint8Array, at: number, field: number, length: number): number {
  bytes[at] = (field << 3) | LENGTH_DELIMITED
  return putVarint(bytes, at + 1, length)
}

/** Whole numbers from 0 to 2^53 − 1. */
function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let end = at
  while (rest > 0x7f) {
    bytes[end++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  bytes[end++] = rest
  return end
}

function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) count++
  return count
}
