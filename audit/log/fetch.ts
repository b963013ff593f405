import type { LogSource } from '../source/source.ts'
import { resourcesOf } from '../verify/tiles.ts'
import { type BundleFiles, maxBundleBytes, type NamedFile } from './bundle.ts'

/** Bundles that are fetched while one is being checked. */
const lookAhead = 6

/** The files of a log of `size` leaves, bundle by bundle, in order. @param folder as `log/<origin>` */
export async function* bundlesOf(
  source: LogSource,
  folder: string,
  size: number,
  withBodies: boolean,
): AsyncGenerator<BundleFiles> {
  const fetchNamed = async (path: string, maxBytes: number): Promise<NamedFile> => ({
    path,
    bytes: await source.read(path, maxBytes),
  })
  const fetchBundle = async (path: string, index: number, width: number): Promise<BundleFiles> => {
    const [bodies, entries, tile] = await Promise.all([
      withBodies
        ? fetchNamed(`${folder}/${bodiesPath(path)}`, maxBundleBytes.bodies)
        : { path: `${folder}/${bodiesPath(path)}`, bytes: undefined },
      fetchNamed(`${folder}/${path}`, maxBundleBytes.entries),
      fetchNamed(`${folder}/${path.replace('/entries/', '/0/')}`, maxBundleBytes.tile),
    ])
    return { firstLeaf: index * 256, width, bodies, entries, tile }
  }
  const underWay: Promise<BundleFiles>[] = []
  for (const { path, index, width } of resourcesOf('entries', size)) {
    const bundle = fetchBundle(path, index, width)
    bundle.catch(() => {}) // it is awaited below
    underWay.push(bundle)
    if (underWay.length > lookAhead) yield await underWay.shift()!
  }
  for (const bundle of underWay) yield await bundle
}

/** Where the bodies of an entry bundle are. */
export function bodiesPath(entriesPath: string): string {
  return entriesPath.replace('tile/entries/', 'bodies/')
}

/** Every file that a log of `size` leaves has in its folder. */
export function expectedFiles(size: number, withBodies: boolean): Set<string> {
  const files = new Set(['checkpoint', 'charter'])
  for (const { path } of resourcesOf('entries', size)) {
    files.add(path)
    if (withBodies) files.add(bodiesPath(path))
  }
  for (let level = 0; 256 ** level <= size; level++) {
    for (const { path } of resourcesOf(level, size)) files.add(path)
  }
  return files
}
