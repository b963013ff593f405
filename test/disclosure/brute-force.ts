import { hash } from 'node:crypto'
import { Replica } from '../../daemon/authority/replica.ts'
import type { GenesisArea } from '../../daemon/genesis/schema.ts'
import { verifySignature } from '../../daemon/identity/signing-key.ts'
import { readU16, readU32 } from '../../storage/bytes.ts'
import { type LogRecord, leafHashes, recordKind } from '../../storage/log/record.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { sha256 } from '../../storage/sha256.ts'
import { treeEntry } from '../../storage/state/entry.ts'
import { StateTree } from '../../storage/state/state-tree.ts'
import { createWorld } from '../../world/world.ts'
import { walkAt } from './guilds.ts'

/** Of leaves of 36 bytes, and a bundle of bodies: per leaf salt 16 ‖ length u32 ‖ body. */
export function recordsIn(leaves: readonly Uint8Array[], bundle: Uint8Array): LogRecord[] {
  let at = 0
  return leaves.map(leaf => {
    const salt = bundle.slice(at, at + 16)
    const end = at + 20 + readU32(bundle, at + 16)
    const body = bundle.slice(at + 20, end)
    at = end
    return { kind: leaf[1]!, rulesVersion: readU16(leaf, 2), salt, body }
  })
}

/** Every 16 bytes that stand side by side, and none at all. */
export function windowsOf(all: readonly Uint8Array[]): Uint8Array[] {
  const windows = new Set(['', '\0'.repeat(16)])
  for (const bytes of all) {
    const text = Buffer.from(bytes).toString('latin1')
    for (let at = 0; at + 16 <= text.length; at++) windows.add(text.slice(at, at + 16))
  }
  return [...windows].map(window => Buffer.from(window, 'latin1'))
}

/** The speeds whose move gives one of the leaves with one of the salts. */
export function speedsByLeaf(
  leaves: readonly Uint8Array[],
  origin: string,
  speeds: readonly number[],
  salts: Iterable<Uint8Array>,
): number[] {
  const wanted = new Set(leaves.map(leaf => Buffer.from(leaf.subarray(4)).toString('latin1')))
  const moves = speeds.map(speed => ({ speed, body: walkAt(origin, speed)[1]! }))
  const found = new Set<number>()
  for (const salt of salts) {
    for (const { speed, body } of moves) {
      const salted = Buffer.concat([salt, body])
      if (wanted.has(hash('sha256', salted, 'buffer').toString('latin1'))) found.add(speed)
    }
  }
  return [...found]
}

export interface Sealed {
  readonly authority: GenesisArea & { readonly origin: string }
  readonly isHidden: boolean
  readonly height: number
}

/** The state root at the mark of this height, if the inputs had been these. */
export function rootFor(
  { authority, isHidden, height }: Sealed,
  records: readonly LogRecord[],
  inputs: readonly Uint8Array[],
): Uint8Array | undefined {
  const { origin, group } = authority
  const world = createWorld({ origin, sha256, verifySignature }, authority)
  world.takeDirty()
  const tree = new StateTree()
  for (const { key, value } of world.entries()) {
    const entry = treeEntry(key, value)
    tree.set(entry.key, entry.value)
  }
  const replica = new Replica({
    ...{ origin, group, isHidden, charterBody: records[0]!.body, rules: world, tree, actions: 0 },
    regime: { epoch: authority.epoch, members: authority.members },
    ...{ log: new MerkleLog(async () => undefined), lastSeal: undefined, pendingMark: undefined },
  })
  let next = 0
  for (const record of records) {
    const isMark = record.kind === recordKind.mark
    const body = record.kind === recordKind.input ? inputs[next++]! : record.body
    // Seals name the root that is looked for; heights go on without them being held against it.
    if (record.kind === recordKind.seal) {
      replica.log.append(leafHashes([record]))
      replica.lastSeal = { ...replica.lastSeal!, seal: { height: replica.pendingMark!.height } as never }
      continue
    }
    replica.applyRecords([{ ...record, body }], [])
    if (isMark && replica.pendingMark?.height === height) return replica.pendingMark.stateRoot
  }
  return undefined
}
