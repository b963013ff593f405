/** The auditor's own decoders of the records that an authority writes about itself; layouts in docs/protocol.md. */
import { readU64, view } from '../verify/bytes.ts'

export interface Attestation {
  readonly leaf: number
  readonly gateway: number
  /** Undefined stands for the next input that follows, 32 bytes for one that was not logged. */
  readonly slots: readonly (Uint8Array | undefined)[]
  readonly signature: Uint8Array
}

const maxSlots = 4096

/** gateway u32 ‖ count u16 ‖ per slot: 0, or 1 ‖ hash 32 ‖ signature 64. */
export function readAttestation(body: Uint8Array, leaf: number): Attestation | undefined {
  if (body.length < 6 + 64) return undefined
  const numbers = view(body)
  const count = numbers.getUint16(4)
  if (count > maxSlots) return undefined
  const slots: (Uint8Array | undefined)[] = []
  let at = 6
  while (slots.length < count) {
    const flag = body[at]
    if (flag === 0) {
      slots.push(undefined)
      at += 1
    } else if (flag === 1 && at + 33 <= body.length) {
      slots.push(body.subarray(at + 1, at + 33))
      at += 33
    } else return undefined
  }
  if (at + 64 !== body.length) return undefined
  return { leaf, gateway: numbers.getUint32(0), slots, signature: body.subarray(at) }
}

/** height u64. */
export function readMark(body: Uint8Array): { height: number } | undefined {
  const height = body.length === 8 ? readU64(body, 0) : undefined
  return height === undefined ? undefined : { height }
}

export interface Seal {
  readonly height: number
  readonly epoch: number
  readonly previous: Uint8Array
  readonly stateRoot: Uint8Array
  readonly asOfSize: number
  readonly tick: number
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly nextMembers: readonly number[]
}

/** height u64 ‖ epoch u32 ‖ previous 32 ‖ state root 32 ‖ as-of size u64 ‖ tick u64 ‖ time u64 ‖ count u8 ‖ members u32. */
export function readSeal(body: Uint8Array): Seal | undefined {
  if (body.length < 101 || body.length !== 101 + 4 * body[100]!) return undefined
  const numbers = view(body)
  const [height, asOfSize, tick] = [readU64(body, 0), readU64(body, 76), readU64(body, 84)]
  const timeMs = readU64(body, 92)
  if (height === undefined || asOfSize === undefined || tick === undefined || timeMs === undefined)
    return undefined
  const nextMembers = Array.from({ length: body[100]! }, (_, i) => numbers.getUint32(101 + 4 * i))
  return {
    height,
    epoch: numbers.getUint32(8),
    previous: body.subarray(12, 44),
    stateRoot: body.subarray(44, 76),
    asOfSize,
    tick,
    timeMs,
    nextMembers,
  }
}
