import type { Findings } from '../findings.ts'
import type { LogSource } from '../source/source.ts'
import { maxBundleBytes } from './bundle.ts'
import type { Kept } from './kept.ts'
import { leavesPerItem, parsePath, pathOf, type Resource, resourceAt, tileWidth } from './paths.ts'

const smallFiles: ReadonlySet<string> = new Set(['checkpoint', 'charter', 'certificates', 'kept'])

/**
 * Looks at files that the log as it is now has no need of. Partial tiles of a time when it was shorter may be there, and
 * must be the beginning of what stands there now; anything else is foreign.
 */
export async function checkExtraFiles(
  source: LogSource,
  folder: string,
  size: number,
  { snapshots }: Kept,
  findings: Findings,
): Promise<void> {
  const states = snapshots.map(at => `snapshot/${at}/`)
  for (const file of (await source.list(folder)) ?? []) {
    const path = file.slice(folder.length + 1)
    if (smallFiles.has(path) || states.some(state => path.startsWith(state))) continue
    const found = parsePath(path)
    const now = found && resourceAt(found.section, found.index, size)
    if (found === undefined || now === undefined || now.width < found.width) {
      findings.add('extra-file', file, 0, Math.max(0, size - 1), 'the log has no such file')
    } else if (found.width < now.width && !(await isBeginning(source, folder, found, now))) {
      const leaves = leavesPerItem(found.section)
      const first = found.index * tileWidth * leaves
      const what = 'the file is not the beginning of the one that followed it'
      findings.add('wrong-tile', file, first, first + found.width * leaves - 1, what)
    }
  }
}

async function isBeginning(
  source: LogSource,
  folder: string,
  partial: Resource,
  now: Resource,
): Promise<boolean> {
  const [beginning, whole] = await Promise.all(
    [partial, now].map(it => source.read(`${folder}/${pathOf(it)}`, maxBundleBytes.bodies)),
  )
  if (beginning === undefined || whole === undefined || beginning.length > whole.length) return false
  // Bodies differ in length, so only that they are the beginning can be told.
  const itemBytes = partial.section === 'entries' ? 38 : 32
  if (partial.section !== 'bodies' && beginning.length !== partial.width * itemBytes) return false
  return Buffer.compare(whole.subarray(0, beginning.length), beginning) === 0
}
