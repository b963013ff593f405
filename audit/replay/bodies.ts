/** The auditor's own decoders of the records that an authority writes about itself; layouts in docs/protocol.md. */
import { readU64, view } from '../verify/bytes.ts'

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
