import { writer } from '../../codec/bytes.ts'
import { MAX_SESSION_AHEAD_MS } from '../../limits.ts'
import { DONE, type Verdict, verdict } from '../../rules/verdict.ts'
import type { SessionRow } from '../codec/rows.ts'
import { FORGET_AFTER_MS, FORGET_RETIRED_AFTER_MS, LEASE_OVER_MS, MAX_NODES } from '../limits.ts'
import { type DirectoryState, keysOf } from '../state.ts'
import type { NodeFacts, NodeRecord, NodeStatus, Presence } from '../types.ts'

/** Whether the directory has to count on this node's lease: it may vote. */
export function hasLease({ isHeard, renewedMs }: Presence, passedMs: number): boolean {
  return isHeard && passedMs <= renewedMs + LEASE_OVER_MS
}

/** Opens the session; a node that does so takes part. The outcome's value: its number. */
export function open(state: DirectoryState, node: NodeRecord): Verdict {
  if (node.status === 'admitted') setStatus(state, node, 'active')
  return verdict('ok', node.number)
}

export function leave(state: DirectoryState, node: NodeRecord): Verdict {
  if (node.status === 'leaving') return verdict('no-effect')
  setStatus(state, node, 'leaving')
  return DONE
}

export function setStatus(state: DirectoryState, node: NodeRecord, status: NodeStatus): void {
  node.status = status
  state.setNode(node)
}

/** Nodes that are leaving and hold nothing any more, nor are to hold anything, have left. */
export function retireLeft(state: DirectoryState): void {
  const leaving = [...state.nodes.rows()].filter(({ status }) => status === 'leaving')
  if (leaving.length === 0) return
  const seated = seatedNodes(state)
  for (const node of leaving.sort((a, b) => a.number - b.number)) {
    if (seated.has(node.number)) continue
    setStatus(state, node, 'retired')
  }
}

/** All that hold an authority, or have been ordered to. */
function seatedNodes(state: DirectoryState): Set<number> {
  const seated = new Set<number>()
  for (const { members, orders } of state.authorities.rows()) {
    for (const { node } of members) seated.add(node)
    for (const { voters, learners } of orders) for (const node of [...voters, ...learners]) seated.add(node)
  }
  return seated
}

/** A node is new here: why it can't be taken, or its number. It does not say who may admit it. */
export function addNode(
  state: DirectoryState,
  facts: NodeFacts,
  { isVouched, sponsor }: Pick<NodeRecord, 'isVouched' | 'sponsor'>,
): Verdict {
  const keys = keysOf(facts)
  const owner = keys.map(key => state.ownerOf(key)).find(node => node !== undefined)
  const known = state.nodeOf(facts.identity)
  if (known !== undefined && known.status !== 'retired') return verdict('known-node', known.number)
  if (known === undefined && owner !== undefined) return verdict('key-taken', owner.number)
  if (known !== undefined) return comeBack(state, known, facts, { isVouched, sponsor })
  if (state.nodes.size >= MAX_NODES && !forgetOne(state)) return verdict('too-many-nodes', MAX_NODES)
  const { header } = state
  const number = header.nextNode++
  state.touchHeader()
  state.setNode({ ...facts, number, status: 'admitted', isVouched, sponsor })
  state.setPresence(number, { ...state.presence(number), sinceMs: header.passedMs })
  state.sessions.set(number, closedBefore(header.timeMs - MAX_SESSION_AHEAD_MS))
  return verdict('ok', number)
}

/** What the node signed in a session that it had here long ago, before it was forgotten, can't be brought again. */
function closedBefore(number: number): SessionRow {
  const session = writer.start().u53(Math.max(0, number)).u53(0).finish()
  return { session, lastSeq: 0, outcomes: [] }
}

/** One that had left: it gets a new number. Its old sessions stay closed, and neither its lease nor its reputation begins anew. */
function comeBack(
  state: DirectoryState,
  known: NodeRecord,
  facts: NodeFacts,
  by: Pick<NodeRecord, 'isVouched' | 'sponsor'>,
): Verdict {
  const others = keysOf(facts).map(key => state.ownerOf(key))
  const owner = others.find(node => node !== undefined && node !== known)
  if (owner !== undefined) return verdict('key-taken', owner.number)
  const session = state.sessions.get(known.number)
  const presence = state.presence(known.number)
  state.forgetNode(known)
  const added = addNode(state, facts, by)
  if (session !== undefined) state.sessions.set(added.value!, { ...session, outcomes: [] })
  const { passedMs } = state.header
  if (!hasLease(presence, passedMs)) presence.sinceMs = passedMs
  state.setPresence(added.value!, presence)
  return added
}

/** Makes room for a new node, where there is one to forget: one that has left, or one that nobody vouched for and that is long gone. */
function forgetOne(state: DirectoryState): boolean {
  const { passedMs } = state.header
  const seated = seatedNodes(state)
  for (const number of state.nodes.ids()) {
    const node = state.nodes.get(number)!
    const presence = state.presence(number)
    const silentMs = passedMs - Math.max(presence.renewedMs, presence.sinceMs)
    const isGone = !node.isVouched && node.status !== 'banned' && silentMs > FORGET_AFTER_MS
    const hasLeft = node.status === 'retired' && silentMs > FORGET_RETIRED_AFTER_MS
    if (!(isGone || hasLeft) || seated.has(number)) continue
    state.forgetNode(node)
    return true
  }
  return false
}
