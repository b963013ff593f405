import type { LogSource } from '../source/source.ts'
import { type BundleFiles, maxBundleBytes, type NamedFile } from './bundle.ts'
import { pathOf, type Resource, resourceAt, tileWidth } from './paths.ts'

/** Bundles that are fetched while one is being checked. */
const lookAhead = 6

export interface BundleRange {
  /** Leaves in the log. */
  readonly size: number
  /** The first bundle, and the one behind the last. Default: all. */
  readonly from?: number
  readonly to?: number
}

/**
 * The files of a log, bundle by bundle, in order.
 * @param folder as `log/<origin>`
 * @param wantsBodies of the bundle that begins with this leaf
 */
export async function* bundlesOf(
  source: LogSource,
  folder: string,
  { size, from = 0, to = Number.POSITIVE_INFINITY }: BundleRange,
  wantsBodies: (firstLeaf: number) => boolean,
): AsyncGenerator<BundleFiles> {
  const fetchNamed = async (resource: Resource, maxBytes: number): Promise<NamedFile> => {
    const path = `${folder}/${pathOf(resource)}`
    const wanted = resource.section !== 'bodies' || wantsBodies(resource.index * tileWidth)
    return { path, bytes: wanted ? await source.read(path, maxBytes) : undefined }
  }
  const fetchBundle = async (entriesAt: Resource): Promise<BundleFiles> => {
    const [bodies, entries, tile] = await Promise.all([
      fetchNamed({ ...entriesAt, section: 'bodies' }, maxBundleBytes.bodies),
      fetchNamed(entriesAt, maxBundleBytes.entries),
      fetchNamed({ ...entriesAt, section: 0 }, maxBundleBytes.tile),
    ])
    return { firstLeaf: entriesAt.index * tileWidth, width: entriesAt.width, bodies, entries, tile }
  }
  const underWay: Promise<BundleFiles>[] = []
  for (let index = from; index < to; index++) {
    const next = resourceAt('entries', index, size)
    if (next === undefined) break
    const bundle = fetchBundle(next)
    bundle.catch(() => {}) // it is awaited below
    underWay.push(bundle)
    if (underWay.length > lookAhead) yield await underWay.shift()!
  }
  for (const bundle of underWay) yield await bundle
}
