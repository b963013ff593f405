import { equalBytes, joinBytes } from '../bytes.ts'
import { sha256 } from '../sha256.ts'

/**
 * How one entry of the world's state stands in the state tree: under the hash of its key, so that the tree stays even,
 * and with the key itself before the value, so that a snapshot gives the state back.
 *
 *   tree key = SHA-256(key) · tree value = key length u8 ‖ key ‖ value
 */
export function treeEntry(key: Uint8Array, value: Uint8Array): { key: Uint8Array; value: Uint8Array } {
  return { key: treeKey(key), value: treeValue(key, value) }
}

export function treeKey(key: Uint8Array): Uint8Array {
  return sha256(key)
}

export function treeValue(key: Uint8Array, value: Uint8Array): Uint8Array {
  return joinBytes([Uint8Array.of(key.length), key, value])
}

/** Under it a hidden state has the salt of its last mark. No key of the world is empty. */
export const hidingKey: Uint8Array = new Uint8Array(0)

/** The world's entry back from the tree's; undefined when the two don't belong together. */
export function worldEntry(entry: {
  key: Uint8Array
  value: Uint8Array
}): { key: Uint8Array; value: Uint8Array } | undefined {
  const length = entry.value[0]
  if (length === undefined || entry.value.length < 1 + length) return undefined
  const key = entry.value.subarray(1, 1 + length)
  return equalBytes(treeKey(key), entry.key) ? { key, value: entry.value.subarray(1 + length) } : undefined
}
