import { hexOf } from '../codec/bytes.ts'
import { WorldError } from '../errors.ts'
import type { StateEntry } from '../interface.ts'
import { RULES_VERSION } from '../version.ts'
import type { DirectoryCharter } from './charter.ts'
import type { DirectoryHost } from './host.ts'
import { DirectoryState } from './state.ts'

/** Rebuilds the state from its entries, in any order. What follows from the rows is linked in the order of their keys. */
export function restoreState(
  host: DirectoryHost,
  charter: DirectoryCharter,
  entries: Iterable<StateEntry>,
): DirectoryState {
  const state = new DirectoryState(host, charter)
  for (const entry of entries) {
    const table = state.tables.find(({ prefix }) => prefix.charCodeAt(0) === entry.key[0])
    if (table?.restore(entry) !== true) throw broken(`at ${hexOf(entry.key, 0, entry.key.length)}`)
  }
  const isWhole = [state.headers, state.policies, state.operators].every(({ size }) => size === 1)
  if (!isWhole) throw broken('without its header, policy or operators')
  if (state.header.rulesVersion !== RULES_VERSION)
    throw broken(`of rules version ${state.header.rulesVersion}, these are ${RULES_VERSION}`)
  link(state)
  return state
}

function link(state: DirectoryState): void {
  for (const number of state.nodes.ids()) {
    const node = state.nodes.get(number)!
    if (node.number !== number || node.number >= state.header.nextNode) throw broken(`at node ${number}`)
    state.linkNode(node)
  }
  for (const group of state.authorities.ids()) {
    const authority = state.authorities.get(group)!
    if (authority.group !== group || group >= state.header.nextGroup) throw broken(`at group ${group}`)
    state.linkAuthority(authority)
  }
  for (const number of state.presences.ids()) state.linkPresence(state.presences.get(number)!)
  for (const group of state.reformings.ids())
    if (state.authorities.get(group) === undefined) throw broken(`at group ${group}`)
  for (const group of state.anchors.ids()) state.linkAnchor(group, state.anchors.get(group)!)
}

function broken(where: string): WorldError {
  return new WorldError('bad-state', `The directory's state is broken: ${where}.`)
}
