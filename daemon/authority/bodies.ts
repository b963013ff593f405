/**
 * The bodies of the records that an authority writes about itself: marks and seals. (Attestations of gateways are in
 * `client/protocol`, the bodies of inputs, intents and ticks in `world/codec`.) Layouts are in docs/protocol.md; every decoder is
 * canonical: what it accepts encodes back to the same bytes.
 */

const hashBytes = 32
const maxMembers = 64

/** The record after which every replica takes the state root that the seal of this height will name. */
export interface Mark {
  readonly height: number
}

export function encodeMark(mark: Mark): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(mark.height))
  return bytes
}

export function decodeMark(bytes: Uint8Array): Mark | undefined {
  if (bytes.length !== 8) return undefined
  const height = readSafe(new DataView(bytes.buffer, bytes.byteOffset, 8), 0)
  return height === undefined ? undefined : { height }
}

/** The record that ends a segment (design section 5, finality). */
export interface Seal {
  readonly height: number
  readonly epoch: number
  /** Hash of the checkpoint of the seal before; zeros for the first. A certificate's hash from step C on. */
  readonly previous: Uint8Array
  readonly stateRoot: Uint8Array
  /** The log's size just after the mark at which `stateRoot` was taken. */
  readonly asOfSize: number
  readonly tick: number
  readonly timeMs: number
  /** Node numbers of the next segment's members, ascending. */
  readonly nextMembers: readonly number[]
}

const sealHeadBytes = 8 + 4 + hashBytes + hashBytes + 8 + 8 + 8 + 1

export function encodeSeal(seal: Seal): Uint8Array {
  const bytes = new Uint8Array(sealHeadBytes + 4 * seal.nextMembers.length)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(seal.height))
  view.setUint32(8, seal.epoch)
  bytes.set(seal.previous, 12)
  bytes.set(seal.stateRoot, 44)
  view.setBigUint64(76, BigInt(seal.asOfSize))
  view.setBigUint64(84, BigInt(seal.tick))
  view.setBigUint64(92, BigInt(seal.timeMs))
  view.setUint8(100, seal.nextMembers.length)
  seal.nextMembers.forEach((member, i) => {
    view.setUint32(sealHeadBytes + 4 * i, member)
  })
  return bytes
}

export function decodeSeal(bytes: Uint8Array): Seal | undefined {
  if (bytes.length < sealHeadBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const memberCount = view.getUint8(100)
  if (memberCount > maxMembers || bytes.length !== sealHeadBytes + 4 * memberCount) return undefined
  const [height, asOfSize, tick, timeMs] = [
    readSafe(view, 0),
    readSafe(view, 76),
    readSafe(view, 84),
    readSafe(view, 92),
  ]
  if (height === undefined || asOfSize === undefined || tick === undefined || timeMs === undefined)
    return undefined
  const nextMembers: number[] = []
  for (let i = 0; i < memberCount; i++) {
    const member = view.getUint32(sealHeadBytes + 4 * i)
    if (i > 0 && member <= nextMembers[i - 1]!) return undefined
    nextMembers.push(member)
  }
  return {
    height,
    epoch: view.getUint32(8),
    previous: bytes.slice(12, 44),
    stateRoot: bytes.slice(44, 76),
    asOfSize,
    tick,
    timeMs,
    nextMembers,
  }
}

function readSafe(view: DataView, offset: number): number | undefined {
  const value = Number(view.getBigUint64(offset))
  return Number.isSafeInteger(value) ? value : undefined
}
