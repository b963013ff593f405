import { resourcePath } from '../verify/tiles.ts'

/** What a file of a log is about: items (leaves, or hashes of a level) of which it has `width`, from 256 × `index` on. */
export interface Resource {
  readonly section: 'bodies' | 'entries' | number
  readonly index: number
  readonly width: number
}

export const tileWidth = 256

export function pathOf({ section, index, width }: Resource): string {
  if (section !== 'bodies') return resourcePath(section, index, width)
  return resourcePath('entries', index, width).replace('tile/entries/', 'bodies/')
}

const resource = /^(?:tile\/(entries|0|[1-9]\d?)|(bodies))\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/

/** Undefined for anything that `pathOf` would not have made. */
export function parsePath(path: string): Resource | undefined {
  const [, tile, bodies, digits, width] = resource.exec(path) ?? []
  if (digits === undefined) return undefined
  const section = bodies === 'bodies' ? 'bodies' : tile === 'entries' ? 'entries' : Number(tile)
  const index = Number(digits.replaceAll(/[x/]/g, ''))
  const found = { section, index, width: width === undefined ? tileWidth : Number(width) } as const
  return found.width <= tileWidth && pathOf(found) === path ? found : undefined
}

/** The one at `index` in a log of `size` leaves; undefined when the log is not so long. */
export function resourceAt(section: Resource['section'], index: number, size: number): Resource | undefined {
  const items = Math.floor(size / leavesPerItem(section))
  const width = Math.min(tileWidth, items - index * tileWidth)
  return width > 0 ? { section, index, width } : undefined
}

export function leavesPerItem(section: Resource['section']): number {
  return typeof section === 'number' ? tileWidth ** section : 1
}
