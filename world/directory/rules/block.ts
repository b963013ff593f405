import { asciiBytes } from '../../codec/bytes.ts'
import { blockRow, encodeCertificateLeaf } from '../codec/authority-rows.ts'
import { HASH_BYTES } from '../codec/fields.ts'
import type { DirectoryHost } from '../host.ts'
import type { DirectoryState } from '../state.ts'
import type { Counted, WorldBlock } from '../types.ts'

/** SHA-256 of "freehold/world-block/1\n" ‖ the block: what the next one names as previous. */
export function blockHash({ sha256 }: Pick<DirectoryHost, 'sha256'>, block: WorldBlock): Uint8Array {
  return sha256(joined(asciiBytes('freehold/world-block/1\n'), blockRow.encode(block)))
}

/** One more link of the world's chain: what was anchored since the last one. */
export function makeBlock(state: DirectoryState): void {
  const { header, host } = state
  const last = state.blocks.get(0)
  const groups = state.anchoredSince
  const leaves: Uint8Array[] = []
  let records = 0
  for (const group of groups) {
    const { anchor, blockSize } = state.anchors.get(group)!
    leaves.push(encodeCertificateLeaf({ group, anchor }))
    records += anchor.size - blockSize
    state.setAnchor(group, { anchor, blockSize: anchor.size })
  }
  state.blocks.set(0, {
    number: (last?.number ?? 0) + 1,
    previous: last === undefined ? new Uint8Array(HASH_BYTES) : blockHash(host, last),
    tick: header.tick,
    timeMs: header.timeMs,
    certificates: { count: leaves.length, root: merkleRoot(host, leaves) },
    records,
    // Seals tell nothing of these yet.
    ...{ playerActions: nothing, npcDecisions: nothing, structureChanges: nothing },
  })
  header.blockMs = header.passedMs
  state.touchHeader()
  state.tell('block')
  closeVotes(state)
}

const nothing: Counted = { count: 0, root: new Uint8Array(HASH_BYTES) }

/** What was expected of the members until this block, and what they did, goes into their reputation. All may ask in vain again. */
function closeVotes(state: DirectoryState): void {
  for (const number of state.presences.ids()) {
    const presence = state.presences.get(number)!
    if (!presence.isExpected && presence.idleInputs === 0) continue
    if (presence.isExpected) presence.expectedBlocks++
    if (presence.hasSigned) presence.signedBlocks++
    presence.idleInputs = 0
    presence.isExpected = false
    presence.hasSigned = false
    state.setPresence(number, presence)
  }
}

/** RFC 6962, section 2.1; zeros over nothing. */
export function merkleRoot(
  { sha256 }: Pick<DirectoryHost, 'sha256'>,
  leaves: readonly Uint8Array[],
): Uint8Array {
  if (leaves.length === 0) return new Uint8Array(HASH_BYTES)
  let level = leaves.map(leaf => sha256(joined(Uint8Array.of(0), leaf)))
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) {
      const right = level[i + 1]
      above.push(right === undefined ? level[i]! : sha256(joined(Uint8Array.of(1), level[i]!, right)))
    }
    level = above
  }
  return level[0]!
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
