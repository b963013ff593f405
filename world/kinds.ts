import { type AreaCharter, checkCharter as checkAreaCharter } from './charter.ts'
import { hexOf, ID_BYTES } from './codec/bytes.ts'
import { entityKey, playerKey } from './codec/state.ts'
import type { Rules, StateEntry, WorldHost } from './interface.ts'
import { createWorld, restoreWorld, World } from './world.ts'

/** What an authority is from its birth on, by its kind. Orgs have the rules of areas so far. */
export type Charter = AreaCharter & { readonly kind: 'area' | 'org' }

/** A new authority, as its charter says. Throws a `WorldError` `bad-charter`. */
export function createRules(host: WorldHost, charter: Charter): Rules {
  return createWorld(host, charter)
}

/** The authority that gave these `entries()`. They come from a verified snapshot or the own disk: broken ones throw `bad-state`. */
export function restoreRules(host: WorldHost, charter: Charter, entries: Iterable<StateEntry>): Rules {
  return restoreWorld(host, charter, entries)
}

/** Throws a `WorldError` `bad-charter` that names the field. */
export function checkCharter(charter: Charter, origin: string): void {
  checkAreaCharter(charter, origin)
}

/** Where the rules are an area's: what only areas have. */
export function areaOf(rules: Rules): World | undefined {
  return rules instanceof World ? rules : undefined
}

/** The key in the state of what somebody asks a proof of: an area's entity by its id, 16 bytes, or its player by the key, 32. */
export function stateKeyOf(target: Uint8Array): Uint8Array {
  return target.length === ID_BYTES
    ? entityKey(hexOf(target, 0, ID_BYTES))
    : playerKey(String.fromCharCode(...target))
}
