import { Findings } from '../findings.ts'
import { checkBundle, maxBundleBytes, type NamedFile } from '../log/bundle.ts'
import { parsePath, pathOf, type Resource, tileWidth } from '../log/paths.ts'
import type { LogSource } from './source.ts'

/** A source, with the bodies that it has dropped from others, as far as they are those that its leaves name. */
export function filledFrom(source: LogSource, others: readonly LogSource[], rulesVersion: number): LogSource {
  if (others.length === 0) return source
  const given = new Set<string>()
  return {
    name: source.name,
    list: path => source.list(path),
    hasDropped: path => source.hasDropped(path) && !given.has(path),
    async read(path, maxBytes) {
      const own = await source.read(path, maxBytes)
      if (own !== undefined || !path.includes('/bodies/')) return own
      for (const other of others) {
        // Who doesn't answer has nothing to give.
        const bytes = await other.read(path, maxBytes).catch(() => undefined)
        if (bytes === undefined || !(await belongs(source, { path, bytes }, rulesVersion))) continue
        given.add(path)
        return bytes
      }
      return undefined
    },
  }
}

/** Whether these are the bodies to the source's own leaves: the log is not to be blamed for what another one gives. */
async function belongs(source: LogSource, bodies: NamedFile, rulesVersion: number): Promise<boolean> {
  const at = bodies.path.indexOf('/bodies/') + 1
  const bundle = parsePath(bodies.path.slice(at))
  if (bundle === undefined) return false
  const own = async (section: Resource['section'], maxBytes: number): Promise<NamedFile> => {
    const path = bodies.path.slice(0, at) + pathOf({ ...bundle, section })
    return { path, bytes: await source.read(path, maxBytes) }
  }
  const [entries, tile] = await Promise.all([
    own('entries', maxBundleBytes.entries),
    own(0, maxBundleBytes.tile),
  ])
  const { index, width } = bundle
  const findings = new Findings()
  checkBundle({ firstLeaf: index * tileWidth, width, bodies, entries, tile }, rulesVersion, true, findings)
  return findings.list().every(({ file }) => file !== bodies.path)
}
