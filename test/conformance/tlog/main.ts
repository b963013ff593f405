import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Cases, type FileResult } from '../result.ts'
import { runCosignature } from './cosignature.ts'
import { runLog } from './log.ts'
import { runConsistency, runInclusion, runTrees } from './merkle.ts'
import { runSignedNote, runVkeys } from './notes.ts'
import { runTilePaths, runTlogProof } from './paths.ts'
import { runPatricia } from './patricia.ts'

/** The parsed JSON of a vector file. Each suite knows the fields of its own. */
// biome-ignore lint/suspicious/noExplicitAny: vectors are checked by running them, and a wrong shape fails its case
export type Vectors = any

interface Shape {
  /** A file with all of these keys is of this kind. */
  readonly keys: readonly string[]
  readonly run: (vectors: Vectors, cases: Cases) => void | Promise<void>
}

const shapes: readonly Shape[] = [
  { keys: ['leafIdx', 'treeSize', 'wantErr'], run: runInclusion },
  { keys: ['size1', 'size2', 'wantErr'], run: runConsistency },
  { keys: ['leafInputs', 'rootsBySize'], run: runTrees },
  { keys: ['open'], run: runSignedNote },
  { keys: ['signing'], run: runSignedNote },
  { keys: ['note', 'ed25519Vkey', 'mldsaVkey'], run: runCosignature },
  { keys: ['marshal'], run: runTlogProof },
  { keys: ['ok', 'bad'], run: runVkeys },
  { keys: ['malformed'], run: runTlogProof },
  { keys: ['tile'], run: runTilePaths },
  { keys: ['entries'], run: runTilePaths },
  { keys: ['badSuffix'], run: runTilePaths },
  { keys: ['files', 'vkey'], run: runLog },
  { keys: ['treehash'], run: runPatricia },
  { keys: ['verify'], run: runPatricia },
]

/** Runs every JSON file below a folder by what it holds. A file of no known shape fails: nothing is skipped in silence. */
export async function runTlog(folder: string): Promise<FileResult[]> {
  const names = (await readdir(folder, { recursive: true })).filter(name => name.endsWith('.json')).sort()
  const results: FileResult[] = []
  for (const name of names) {
    const cases = new Cases()
    await runFile(await readFile(join(folder, name), 'utf8'), cases)
    results.push(cases.result(name))
  }
  return results
}

async function runFile(text: string, cases: Cases): Promise<void> {
  try {
    const vectors: Vectors = JSON.parse(text)
    const shape = shapes.find(shape => shape.keys.every(key => key in vectors))
    if (!shape)
      cases.run('file', expect => expect('known shape of keys', Object.keys(vectors), 'one of the known'))
    else await shape.run(vectors, cases)
  } catch (error) {
    cases.run('file', () => {
      throw error
    })
  }
}
