import { type LogResource, parseLogPath } from '../../storage/log/tiles.ts'

/** What C2SP tlog-tiles has, and two resources of our own: the records' bodies by bundle, and the charter. */
export type ServedResource =
  | LogResource
  | { readonly kind: 'charter' }
  | { readonly kind: 'bodies'; readonly index: number; readonly width: number }

const PATH = /^([A-Za-z0-9][A-Za-z0-9._/-]{0,199})\/(checkpoint|charter|(?:tile|bodies)\/[\w/.]{1,80})$/

/** @param path what follows `/log/` in a URL; undefined when it names nothing */
export function parseLogUrl(path: string): { origin: string; resource: ServedResource } | undefined {
  const [, origin, rest] = PATH.exec(path) ?? []
  if (origin === undefined || rest === undefined) return undefined
  const resource = resourceOf(rest)
  return resource === undefined ? undefined : { origin, resource }
}

function resourceOf(path: string): ServedResource | undefined {
  if (path === 'charter') return { kind: 'charter' }
  if (!path.startsWith('bodies/')) return parseLogPath(path)
  // A bundle of bodies has the place of the entries that they belong to.
  const entries = parseLogPath(path.replace('bodies/', 'tile/entries/'))
  return entries?.kind === 'entries' ? { ...entries, kind: 'bodies' } : undefined
}
