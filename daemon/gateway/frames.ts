/**
 * Views are put together from ready pieces: an entity's bytes are encoded once for all clients, and each client's
 * message is a copy of pieces. So this one message of gateway.proto is written by hand, not by pbf.
 */

const LENGTH_DELIMITED = 2
const VIEW_FIELD = 4
const VIEW = { area: 1, tick: 2, reset: 3, seen: 4, gone: 5, events: 6 }
const SEEN = { handle: 1, entity: 2 }

/** A `View.seen` field, tag and all. */
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
  pieces: Uint8Array[] = []
  gone: number[] = []
  private pieceBytes = 0

  get empty(): boolean {
    return this.pieces.length === 0 && this.gone.length === 0
  }

  add(piece: Uint8Array): void {
    this.pieces.push(piece)
    this.pieceBytes += piece.length
  }

  /** The whole ServerMessage; the frame is empty afterwards. */
  finish(area: number, tick: number, reset: boolean): Uint8Array {
    let goneBytes = 0
    for (const handle of this.gone) goneBytes += varintBytes(handle)
    const goneField = goneBytes === 0 ? 0 : 1 + varintBytes(goneBytes) + goneBytes
    const headBytes = 1 + varintBytes(area) + 1 + varintBytes(tick) + (reset ? 2 : 0)
    const viewBytes = headBytes + goneField + this.pieceBytes
    const message = new Uint8Array(1 + varintBytes(viewBytes) + viewBytes)
    let at = putLengthTag(message, 0, VIEW_FIELD, viewBytes)
    message[at++] = VIEW.area << 3
    at = putVarint(message, at, area)
    message[at++] = VIEW.tick << 3
    at = putVarint(message, at, tick)
    if (reset) {
      message[at++] = VIEW.reset << 3
      message[at++] = 1
    }
    if (goneBytes > 0) {
      at = putLengthTag(message, at, VIEW.gone, goneBytes)
      for (const handle of this.gone) at = putVarint(message, at, handle)
    }
    for (const piece of this.pieces) {
      message.set(piece, at)
      at += piece.length
    }
    this.pieces.length = 0
    this.gone.length = 0
    this.pieceBytes = 0
    return message
  }
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
