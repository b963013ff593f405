import { ByteReader, writer } from './bytes.ts'

export interface Tick {
  readonly tick: number
  /** The leader's clock, milliseconds since 1970. Nothing is decided by it. */
  readonly timeMs: number
}

/** The body of a tick record: tick u64 ‖ timeMs u64. */
export const encodeTick = ({ tick, timeMs }: Tick): Uint8Array =>
  writer.start().u53(tick).u53(timeMs).finish()

export function decodeTick(body: Uint8Array): Tick | undefined {
  const reader = new ByteReader(body)
  const tick = reader.u53()
  const timeMs = reader.u53()
  return reader.done() ? { tick, timeMs } : undefined
}
