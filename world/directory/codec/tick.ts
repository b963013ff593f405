import { ByteReader, writer } from '../../codec/bytes.ts'
import type { Tick } from '../../codec/tick.ts'
import { MAX_RENEWALS } from '../limits.ts'
import { ascending } from './fields.ts'

export const NONCE_BYTES = 8

export interface Renewal {
  readonly node: number
  /** 8 bytes of the node's own. */
  readonly nonce: Uint8Array
}

/** What passes from one `timeMs` to the next is directory time, a second at most. */
export interface DirectoryTick extends Tick {
  /** Whom the leader heard asking for a lease since the last tick, by node, ascending. At most `MAX_RENEWALS`. */
  readonly renewals: readonly Renewal[]
}

/** The body of a tick record of the directory: tick u64 ‖ timeMs u64 ‖ u16 count ‖ (node u32 ‖ nonce 8) each. */
export function encodeDirectoryTick({ tick, timeMs, renewals }: DirectoryTick): Uint8Array {
  writer.start().u53(tick).u53(timeMs).u16(renewals.length)
  for (const { node, nonce } of renewals) writer.u32(node).raw(nonce, NONCE_BYTES)
  return writer.finish()
}

export function decodeDirectoryTick(body: Uint8Array): DirectoryTick | undefined {
  const reader = new ByteReader(body)
  const [tick, timeMs, count] = [reader.u53(), reader.u53(), reader.u16()]
  if (count > MAX_RENEWALS) return undefined
  const renewals: Renewal[] = []
  while (reader.ok && renewals.length < count)
    renewals.push({ node: reader.u32(), nonce: reader.raw(NONCE_BYTES) })
  ascending(
    reader,
    renewals.map(({ node }) => node),
  )
  return reader.done() ? { tick, timeMs, renewals } : undefined
}
