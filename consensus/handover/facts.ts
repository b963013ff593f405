/** What a state that was shown says of one handover, and what has to be shown of it. */
import type { Lock } from './cargo.ts'
import type { Authority, HandoverId } from './id.ts'
import type { Witness } from './shown.ts'
import { layouts } from './state.ts'
import { keyBytesOf, readValueOf } from './table.ts'

/** The four things that one authority can tell another of a handover; once final, none of them changes what it means. */
export type Word = 'locked' | 'accepted' | 'declined' | 'released'

/**
 * The entries that show it.
 * @param self who shows it: the authority that the id names, or one that has inherited from that
 */
export function keysOf(word: Word, id: HandoverId, self: Authority): Uint8Array[] {
  const named = word === 'locked' || word === 'released' ? id.source : id.target
  const heir = named === self ? [] : [keyBytesOf(layouts.inherited, named)]
  switch (word) {
    case 'locked':
      return [keyBytesOf(layouts.lock, id), ...heir]
    case 'released':
      return [keyBytesOf(layouts.released, id), ...heir]
    case 'accepted':
      return [keyBytesOf(layouts.accept, id), ...heir]
    case 'declined':
      return [
        keyBytesOf(layouts.accept, id),
        ...(named === self ? [keyBytesOf(layouts.watermark, id.source)] : heir),
      ]
  }
}

/** Whether this state shows it. */
export function wordShown(word: Word, id: HandoverId, by: Witness): boolean {
  switch (word) {
    case 'locked':
      return lockShown(id, by) !== undefined
    case 'accepted':
      return acceptShown(id, by)
    case 'declined':
      return declineShown(id, by)
    case 'released':
      return releaseShown(id, by)
  }
}

/** The source has locked the entity under this id: what it was then. */
export function lockShown(id: HandoverId, by: Witness): Lock | undefined {
  const value = speaksFor(id.source, by) ? by.value(keyBytesOf(layouts.lock, id)) : undefined
  return value && readValueOf(layouts.lock, value)
}

/** The target owns the entity, or did and has handed it on. */
export function acceptShown(id: HandoverId, by: Witness): boolean {
  return speaksFor(id.target, by) && by.value(keyBytesOf(layouts.accept, id)) !== undefined
}

/**
 * The id is decided and no accept of it stands. For whoever holds the lock it was refused, since an accept stands until the
 * lock's final release was shown; for whoever has released, the target has forgotten.
 */
export function declineShown(id: HandoverId, by: Witness): boolean {
  if (!by.lacks(keyBytesOf(layouts.accept, id))) return false
  if (by.proven.authority !== id.target) return hasInherited(id.target, by)
  const value = by.value(keyBytesOf(layouts.watermark, id.source))
  return value !== undefined && (readValueOf(layouts.watermark, value) ?? 0) >= id.n
}

/** The source has let go of the entity, since it was accepted. */
export function releaseShown(id: HandoverId, by: Witness): boolean {
  return speaksFor(id.source, by) && by.value(keyBytesOf(layouts.released, id)) !== undefined
}

function speaksFor(authority: Authority, by: Witness): boolean {
  return by.proven.authority === authority || hasInherited(authority, by)
}

/** The directory says that it succeeds that one, and it says itself that it has done so. */
function hasInherited(authority: Authority, by: Witness): boolean {
  if (!by.proven.ancestors.includes(authority)) return false
  return by.value(keyBytesOf(layouts.inherited, authority)) !== undefined
}
