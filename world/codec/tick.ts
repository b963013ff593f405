import { ByteReader, writer } from './bytes.ts'

export interface Tick {
  readonly tick: number
  /** The leader's clock, milliseconds since 1970. Nothing is decided by it. */
  readonly timeMs: number
}

const TICK_BYTES = 16

/** The body of a tick record: tick u64 ‖ timeMs u64. */
export const encodeTick = ({ tick, timeMs }: Tick): Uint8Array =>
  writer.start().u53(tick).u53(timeMs).finish()

/** The beginning of a tick record's body, which is the same whatever the kind of authority. */
export function tickOf(body: Uint8Array): Tick | undefined {
  return decodeTick(body.subarray(0, TICK_BYTES))
}

export function decodeTick(body: Uint8Array): Tick | undefined {
  const reader = new ByteReader(body)
  const tick = reader.u53()
  const timeMs = reader.u53()
  return reader.done() ? { tick, timeMs } : undefined
}
