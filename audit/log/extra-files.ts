import type { Findings } from '../findings.ts'
import type { LogSource } from '../source/source.ts'
import { maxBundleBytes } from './bundle.ts'
import { expectedFiles } from './fetch.ts'

const partial = /^(tile\/(?:\d+|entries)|bodies)\/((?:x\d{3}\/)*\d{3})\.p\/(\d{1,3})$/

/**
 * Looks at files that the log as it is now has no need of. Partial tiles of a time when it was shorter may be there, and must be
 * the beginning of what stands there now; anything else is foreign.
 */
export async function checkExtraFiles(
  source: LogSource,
  folder: string,
  size: number,
  withBodies: boolean,
  findings: Findings,
): Promise<void> {
  const expected = expectedFiles(size, withBodies)
  for (const file of (await source.list(folder)) ?? []) {
    const path = file.slice(folder.length + 1)
    if (expected.has(path)) continue
    const now = successorOf(path, expected)
    if (now === undefined) {
      findings.add('extra-file', file, 0, Math.max(0, size - 1), 'the log has no such file')
      continue
    }
    const [bytes, whole] = await Promise.all(
      [path, now.path].map(it => source.read(`${folder}/${it}`, maxBundleBytes.bodies)),
    )
    const grew = bytes !== undefined && whole !== undefined && startsWith(whole, bytes)
    if (grew && (now.itemBytes === undefined || bytes.length === now.width * now.itemBytes)) continue
    findings.add(
      'wrong-tile',
      file,
      now.firstLeaf,
      now.lastLeaf,
      'the file is not the beginning of the one that followed it',
    )
  }
}

interface Successor {
  readonly path: string
  readonly width: number
  /** Undefined where items differ in length. */
  readonly itemBytes: number | undefined
  readonly firstLeaf: number
  readonly lastLeaf: number
}

/** What a partial file grew into. */
function successorOf(path: string, expected: ReadonlySet<string>): Successor | undefined {
  const [, section, index, digits] = partial.exec(path) ?? []
  if (section === undefined || index === undefined || digits === undefined) return undefined
  const width = Number(digits)
  const full = `${section}/${index}`
  const later = [full, ...Array.from({ length: 255 - width }, (_, i) => `${full}.p/${width + 1 + i}`)]
  const found = later.find(it => expected.has(it))
  if (found === undefined || width < 1 || String(width) !== digits) return undefined
  const itemBytes = section === 'bodies' ? undefined : section === 'tile/entries' ? 38 : 32
  const level = Number(section.slice('tile/'.length)) || 0
  const first = Number(index.replaceAll(/[x/]/g, '')) * 256
  return {
    path: found,
    width,
    itemBytes,
    firstLeaf: first * 256 ** level,
    lastLeaf: (first + width) * 256 ** level - 1,
  }
}

function startsWith(whole: Uint8Array, beginning: Uint8Array): boolean {
  return (
    beginning.length <= whole.length && Buffer.compare(whole.subarray(0, beginning.length), beginning) === 0
  )
}
