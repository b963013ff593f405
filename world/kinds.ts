import { type AreaCharter, checkCharter as checkAreaCharter } from './charter.ts'
import { hexOf, ID_BYTES } from './codec/bytes.ts'
import { PLAYER_BYTES } from './codec/input.ts'
import { entityKey, playerKey } from './codec/state.ts'
import { checkDirectoryCharter, type DirectoryCharter } from './directory/charter.ts'
import { createDirectory, restoreDirectory } from './directory/directory.ts'
import type { DirectoryHost } from './directory/host.ts'
import type { Rules, StateEntry } from './interface.ts'
import { createWorld, restoreWorld, World } from './world.ts'

/** What the rules of any kind are given from outside. */
export type RulesHost = DirectoryHost

/** What an authority is from its birth on, by its kind. Orgs have the rules of areas so far. */
export type Charter =
  | (AreaCharter & { readonly kind: 'area' | 'org' })
  | (DirectoryCharter & { readonly kind: 'directory' })

/** A new authority, as its charter says. Throws a `WorldError` `bad-charter`. */
export function createRules(host: RulesHost, charter: Charter): Rules {
  return charter.kind === 'directory' ? createDirectory(host, charter) : createWorld(host, charter)
}

/** The authority that gave these `entries()`. They come from a verified snapshot or the own disk: broken ones throw `bad-state`. */
export function restoreRules(host: RulesHost, charter: Charter, entries: Iterable<StateEntry>): Rules {
  return charter.kind === 'directory'
    ? restoreDirectory(host, charter, entries)
    : restoreWorld(host, charter, entries)
}

/** Throws a `WorldError` `bad-charter` that names the field. */
export function checkCharter(charter: Charter, origin: string): void {
  if (charter.kind === 'directory') checkDirectoryCharter(charter, origin)
  else checkAreaCharter(charter, origin)
}

/** Where the rules are an area's: what only areas have. */
export function areaOf(rules: Rules): World | undefined {
  return rules instanceof World ? rules : undefined
}

/**
 * The key in the state of what somebody asks a proof of: an area's entity by its id, 16 bytes, or its player by the key, 32;
 * of a directory the key itself.
 */
export function stateKeyOf(rules: Rules, target: Uint8Array): Uint8Array {
  if (areaOf(rules) === undefined) return target
  if (target.length === ID_BYTES) return entityKey(hexOf(target, 0, ID_BYTES))
  return playerKey(String.fromCharCode(...target.subarray(0, PLAYER_BYTES)))
}
