import { headerBytes, recordKind, saltBytes } from '../../storage/log/record.ts'
import { tileWidth } from '../../storage/log/tree.ts'
import type { LogView } from './view.ts'

/** A leaf as the API shows it: what is public of a record, and how long its body is where that is disclosed. */
export interface LeafSummary {
  readonly index: number
  readonly kind: number
  readonly kindName: string
  readonly rulesVersion: number
  /** Hex of SHA-256(salt ‖ body). */
  readonly bodyHash: string
  readonly bodyBytes: number | null
}

const KIND_NAMES = new Map<number, string>(Object.entries(recordKind).map(([name, kind]) => [kind, name]))

/** Up to `limit` leaves from `from` on, below the published checkpoint. */
export async function readLeaves(log: LogView, from: number, limit: number): Promise<LeafSummary[]> {
  const to = Math.min(log.size, from + limit)
  const found: LeafSummary[] = []
  for (let bundle = Math.floor(from / tileWidth); bundle * tileWidth < to; bundle++) {
    const width = Math.min(tileWidth, log.size - bundle * tileWidth)
    const [entries, bodies] = await Promise.all([log.entries(bundle, width), log.bodies(bundle, width)])
    if (entries === undefined) break
    const lengths = bodies === undefined ? [] : bodyLengths(bodies)
    splitEntries(entries).forEach((leaf, at) => {
      const index = bundle * tileWidth + at
      if (index >= from && index < to) found.push(summaryOf(index, leaf, lengths[at]))
    })
  }
  return found
}

/** Leaf data = version u8, kind u8, rules version u16, hash (32). */
function summaryOf(index: number, leaf: Buffer, bodyBytes: number | undefined): LeafSummary {
  const kind = leaf[1] ?? 0
  return {
    index,
    kind,
    kindName: KIND_NAMES.get(kind) ?? `kind ${kind}`,
    rulesVersion: leaf.length >= headerBytes ? leaf.readUInt16BE(2) : 0,
    bodyHash: leaf.subarray(headerBytes).toString('hex'),
    bodyBytes: bodyBytes ?? null,
  }
}

function splitEntries(bundle: Uint8Array): Buffer[] {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  const leaves: Buffer[] = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at)
    leaves.push(bytes.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return leaves
}

function bodyLengths(bundle: Uint8Array): number[] {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  const lengths: number[] = []
  for (let at = 0; at + saltBytes + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + saltBytes)
    lengths.push(length)
    at += saltBytes + 4 + length
  }
  return lengths
}
