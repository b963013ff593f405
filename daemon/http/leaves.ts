import { headerBytes, recordKind } from '../../storage/log/record.ts'
import type { LogView, PublicLeaf } from './view.ts'

/** A leaf as the API shows it: what is public of a record, and how long its body is where that is disclosed. */
export interface LeafSummary {
  readonly index: number
  readonly kind: number
  readonly kindName: string
  readonly rulesVersion: number
  /** Hex of SHA-256(salt ‖ body). */
  readonly bodyHash: string
  readonly bodyBytes: number | null
  readonly dropped: boolean
}

const KIND_NAMES = new Map<number, string>(Object.entries(recordKind).map(([name, kind]) => [kind, name]))

/** Up to `limit` leaves from `from` on, below the published checkpoint; `discloses`: also how long their bodies are. */
export async function readLeaves(
  log: LogView,
  { from, limit, discloses }: { from: number; limit: number; discloses: boolean },
): Promise<LeafSummary[]> {
  const leaves = await log.leaves(from, Math.min(log.size, from + limit))
  return leaves.map((leaf, at) => {
    const summary = summaryOf(from + at, leaf)
    return discloses ? summary : { ...summary, bodyBytes: null }
  })
}

/** Leaf data = version u8, kind u8, rules version u16, hash (32). */
function summaryOf(index: number, { data, bodyBytes, dropped }: PublicLeaf): LeafSummary {
  const leaf = Buffer.from(data.buffer, data.byteOffset, data.length)
  const kind = leaf[1]!
  return {
    index,
    kind,
    kindName: KIND_NAMES.get(kind) ?? `kind ${kind}`,
    rulesVersion: leaf.readUInt16BE(2),
    bodyHash: leaf.subarray(headerBytes).toString('hex'),
    bodyBytes,
    dropped,
  }
}
