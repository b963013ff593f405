/** Names of the resources of a C2SP tlog-tiles log, and which tiles a log of some size has. */
import { tileHeight, tileWidth } from './tree.ts'

export type LogResource =
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'tile'; readonly level: number; readonly index: number; readonly width: number }
  | { readonly kind: 'entries'; readonly index: number; readonly width: number }

const maxLevel = 63

/** `x001/x234/067` for 1234067, and `.p/<width>` behind it when the tile isn't full. */
function indexPath(index: number, width: number): string {
  let path = String(index % 1000).padStart(3, '0')
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  }
  return width === tileWidth ? path : `${path}.p/${width}`
}

/** `width` is 1 to 256 hashes. */
export function tilePath(level: number, index: number, width: number): string {
  return `tile/${level}/${indexPath(index, width)}`
}

/** `width` is 1 to 256 entries. */
export function entriesPath(index: number, width: number): string {
  return `tile/entries/${indexPath(index, width)}`
}

/** Undefined unless the path is exactly what the functions above make, or `checkpoint`. */
export function parseLogPath(path: string): LogResource | undefined {
  if (path === 'checkpoint') return { kind: 'checkpoint' }
  const [, section, indexText, widthText] =
    /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path) ??
    []
  if (section === undefined || indexText === undefined) return undefined
  const index = Number(indexText.replaceAll(/[x/]/g, ''))
  const width = widthText === undefined ? tileWidth : Number(widthText)
  if (!Number.isSafeInteger(index) || (widthText !== undefined && width >= tileWidth)) return undefined
  if (section === 'entries')
    return entriesPath(index, width) === path ? { kind: 'entries', index, width } : undefined
  const level = Number(section)
  if (level > maxLevel || tilePath(level, index, width) !== path) return undefined
  return { kind: 'tile', level, index, width }
}

/** How many tiles of a level a log of `size` leaves has full, and how wide the partial one behind them is (0: none). */
export function tilesOfLevel(size: number, level: number): { full: number; partialWidth: number } {
  const hashes = Math.floor(size / tileWidth ** level)
  return { full: Math.floor(hashes / tileWidth), partialWidth: hashes % tileWidth }
}

/** The entry bundle that has a leaf in a log of `size` leaves. */
export function bundleOfLeaf(leaf: number, size: number): { index: number; width: number } {
  const index = Math.floor(leaf / tileWidth)
  return { index, width: Math.min(tileWidth, size - index * tileWidth) }
}

/**
 * The tiles, full and partial, that a log shows new when it grows from `oldSize` leaves to `size`: what a publisher writes for
 * a checkpoint. Tiles are 2^height wide.
 */
export function tilesOfGrowth(
  oldSize: number,
  size: number,
  height: number = tileHeight,
): { level: number; index: number; width: number }[] {
  const fullWidth = 2 ** height
  const tiles: { level: number; index: number; width: number }[] = []
  for (let level = 0, before = oldSize, now = size; now > 0; level++) {
    if (before !== now) {
      const full = Math.floor(now / fullWidth)
      for (let index = Math.floor(before / fullWidth); index < full; index++) {
        tiles.push({ level, index, width: fullWidth })
      }
      if (now % fullWidth > 0) tiles.push({ level, index: full, width: now % fullWidth })
    }
    before = Math.floor(before / fullWidth)
    now = Math.floor(now / fullWidth)
  }
  return tiles
}
