/** What a C2SP tlog-tiles log serves, read by an auditor. */
import { view } from './bytes.ts'
import { rootOfLeafHashes } from './merkle.ts'

/** Path of a Merkle tile, or of an entry bundle; `width` 256 for a full one. */
export function resourcePath(section: number | 'entries', index: number, width: number): string {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g)!
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${section}/${path}${width < 256 ? `.p/${width}` : ''}`
}

/** The resources that hold all of a section for a log of `size` leaves, in order. */
export function resourcesOf(
  section: number | 'entries',
  size: number,
): { path: string; index: number; width: number }[] {
  const items = Math.floor(size / 256 ** (section === 'entries' ? 0 : section))
  const resources: { path: string; index: number; width: number }[] = []
  for (let first = 0; first < items; first += 256) {
    const index = first / 256
    const width = Math.min(256, items - first)
    resources.push({ path: resourcePath(section, index, width), index, width })
  }
  return resources
}

/** The entries of a bundle; undefined unless it is exactly `width` of them. */
export function parseEntries(bundle: Uint8Array, width: number): Uint8Array[] | undefined {
  const entries: Uint8Array[] = []
  const numbers = view(bundle)
  for (let at = 0; at < bundle.length; ) {
    if (at + 2 > bundle.length || entries.length === width) return undefined
    const end = at + 2 + numbers.getUint16(at)
    if (end > bundle.length) return undefined
    entries.push(bundle.slice(at + 2, end))
    at = end
  }
  return entries.length === width ? entries : undefined
}

/** The hashes of a tile; undefined unless it is exactly `width` of them. */
export function parseTile(tile: Uint8Array, width: number): Uint8Array[] | undefined {
  if (tile.length !== width * 32) return undefined
  return Array.from({ length: width }, (_, i) => tile.slice(i * 32, i * 32 + 32))
}

/** What stands for these hashes in the tile above: only 256 of them have a place there. */
export function tileRoot(hashes: readonly Uint8Array[]): Uint8Array {
  return rootOfLeafHashes(hashes)
}
