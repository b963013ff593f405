/** What a path below `/log/` names (C2SP tlog-tiles, and two resources of our own: bodies and charter). */
export type LogResource =
  | { readonly kind: 'checkpoint' | 'charter' }
  | { readonly kind: 'tile'; readonly level: number; readonly index: number; readonly width: number }
  | { readonly kind: 'entries' | 'bodies'; readonly index: number; readonly width: number }

export interface LogPath {
  readonly origin: string
  readonly resource: LogResource
}

export const TILE_WIDTH = 256
const MAX_LEVEL = 63

/** Digits in groups of three, all but the last with an `x`; `.p/W` for a partial tile of W hashes. */
const INDEX = '((?:x\\d{3}/){0,5}\\d{3})(?:\\.p/([1-9]\\d{0,2}))?'
const ORIGIN = '([A-Za-z0-9][A-Za-z0-9._/-]{0,199})'
const PATTERNS = {
  whole: new RegExp(`^${ORIGIN}/(checkpoint|charter)$`),
  tile: new RegExp(`^${ORIGIN}/tile/(0|[1-9]\\d?)/${INDEX}$`),
  bundle: new RegExp(`^${ORIGIN}/(tile/entries|bodies)/${INDEX}$`),
}

/** @param path what follows `/log/`; undefined when it names nothing. */
export function parseLogPath(path: string): LogPath | undefined {
  const whole = PATTERNS.whole.exec(path)
  if (whole !== null) return { origin: whole[1]!, resource: { kind: whole[2] as 'checkpoint' | 'charter' } }
  const bundle = PATTERNS.bundle.exec(path)
  if (bundle !== null) {
    const place = parsePlace(bundle[3]!, bundle[4])
    const kind = bundle[2] === 'bodies' ? 'bodies' : 'entries'
    return place === undefined ? undefined : { origin: bundle[1]!, resource: { kind, ...place } }
  }
  const tile = PATTERNS.tile.exec(path)
  if (tile === null) return undefined
  const level = Number(tile[2])
  const place = parsePlace(tile[3]!, tile[4])
  if (place === undefined || level > MAX_LEVEL) return undefined
  return { origin: tile[1]!, resource: { kind: 'tile', level, ...place } }
}

function parsePlace(indexText: string, widthText: string | undefined) {
  // The specification has one path per index: no leading group of zeros.
  if (indexText.startsWith('x000/')) return undefined
  const index = Number(indexText.replace(/[x/]/g, ''))
  const width = widthText === undefined ? TILE_WIDTH : Number(widthText)
  const isPartial = widthText !== undefined
  if (!Number.isSafeInteger(index) || (isPartial && width >= TILE_WIDTH)) return undefined
  return { index, width }
}
