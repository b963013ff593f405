import { type LogResource, parseLogPath } from '../../storage/log/tiles.ts'

/** What C2SP tlog-tiles has, and what is our own. */
export type ServedResource =
  | LogResource
  | { readonly kind: 'charter' | 'certificates' | 'kept' }
  | { readonly kind: 'snapshot'; readonly size: number; readonly piece: 'manifest' | number }
  | { readonly kind: 'bodies'; readonly index: number; readonly width: number }

const PATH =
  /^([A-Za-z0-9][A-Za-z0-9._/-]{0,199})\/(checkpoint|charter|certificates|kept|(?:tile|bodies|snapshot)\/[\w/.]{1,80})$/

/** @param path what follows `/log/` in a URL; undefined when it names nothing */
export function parseLogUrl(path: string): { origin: string; resource: ServedResource } | undefined {
  const [, origin, rest] = PATH.exec(path) ?? []
  if (origin === undefined || rest === undefined) return undefined
  const resource = resourceOf(rest)
  return resource === undefined ? undefined : { origin, resource }
}

function resourceOf(path: string): ServedResource | undefined {
  if (path === 'charter' || path === 'certificates' || path === 'kept') return { kind: path }
  if (path.startsWith('snapshot/')) return snapshotOf(path)
  if (!path.startsWith('bodies/')) return parseLogPath(path)
  // A bundle of bodies has the place of the entries that they belong to.
  const entries = parseLogPath(path.replace('bodies/', 'tile/entries/'))
  return entries?.kind === 'entries' ? { ...entries, kind: 'bodies' } : undefined
}

const SNAPSHOT = /^snapshot\/([1-9]\d{0,15})\/(manifest|0|[1-9]\d{0,4})$/

function snapshotOf(path: string): ServedResource | undefined {
  const [, size, piece] = SNAPSHOT.exec(path) ?? []
  if (!Number.isSafeInteger(Number(size))) return undefined
  return { kind: 'snapshot', size: Number(size), piece: piece === 'manifest' ? piece : Number(piece) }
}
