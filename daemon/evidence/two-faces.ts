import { equalBytes } from '../../storage/bytes.ts'
import { decodeBase64, encodeBase64 } from '../../storage/log/base64.ts'
import type { Checkpoint } from '../../storage/log/checkpoint.ts'
import { rootsOfPath } from '../../storage/log/consistency.ts'

export const twoFacesHead = 'freehold.evidence/v1 two-faces'

/**
 * Two signed checkpoints of one log that cannot both be true. Of one size, they have two roots. Otherwise `path` leads,
 * under the newer one's root, to what that log's root was at the older one's size, which is another than was signed.
 */
export interface TwoFaces {
  /** Signed notes, verbatim, the smaller first. */
  readonly older: string
  readonly newer: string
  /** Hashes, from the first node on (`rootsOfPath`); none when the sizes are equal. */
  readonly path: readonly Uint8Array[]
}

const maxPath = 64

export function formatTwoFaces({ older, newer, path }: TwoFaces): string {
  const parts = [Buffer.from(older), Buffer.from(newer), ...path]
  return `${[twoFacesHead, ...parts.map(encodeBase64)].join('\n')}\n`
}

/** Undefined unless it is what `formatTwoFaces` makes. Whether it proves anything is for the judge. */
export function parseTwoFaces(text: string): TwoFaces | undefined {
  const [head, ...lines] = text.slice(0, -1).split('\n', 4 + maxPath)
  if (head !== twoFacesHead || lines.length > 2 + maxPath) return undefined
  const [older, newer, ...path] = lines.map(decodeBase64)
  if (older === undefined || newer === undefined) return undefined
  if (!path.every((hash): hash is Uint8Array => hash?.length === 32)) return undefined
  const faces = { older: Buffer.from(older).toString(), newer: Buffer.from(newer).toString(), path }
  return formatTwoFaces(faces) === text ? faces : undefined
}

/** The root that the newer one's log had at the older one's size, where that is another; undefined: they may both be true. */
export function otherRoot(
  older: Checkpoint,
  newer: Checkpoint,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  if (older.origin !== newer.origin) return undefined
  const root = older.size === newer.size && path.length === 0 ? newer.root : rootBefore(older, newer, path)
  return root === undefined || equalBytes(root, older.root) ? undefined : root
}

function rootBefore(
  older: Checkpoint,
  newer: Checkpoint,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  const roots = rootsOfPath(older.size, newer.size, path)
  return roots !== undefined && equalBytes(roots.new, newer.root) ? roots.old : undefined
}
