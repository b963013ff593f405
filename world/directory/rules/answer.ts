import { bytesEqual } from '../../codec/bytes.ts'
import { DONE, type Verdict, verdict } from '../../rules/verdict.ts'
import type { DirectoryAction } from '../codec/input.ts'
import type { CertifiedSeal } from '../host.ts'
import { countInvalid } from '../reputation.ts'
import type { DirectoryState } from '../state.ts'
import type { Anchor, AuthorityRecord, NodeRecord, Reforming } from '../types.ts'

type Holding = Extract<DirectoryAction, { kind: 'holds' }>

/** Negative when a comes first: by epoch, then view, then height (docs/finality.md, ballots). */
export function comparePlaces(a: Anchor, b: Anchor): number {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch
  return a.view === b.view ? a.height - b.height : a.view - b.view
}

/**
 * A node that was asked says what it holds; it has frozen all epochs below before. It may say more later, when it has got more from
 * others, and never less.
 */
export function holds(state: DirectoryState, node: NodeRecord, { group, epoch, proof }: Holding): Verdict {
  const row = state.reformings.get(group)
  const isAsked = row?.phase === 'asking' && row.epoch === epoch && row.asked.includes(node.number)
  if (row === undefined || !isAsked) return verdict('not-asked')
  const held = proof && heldOf(state, row, proof)
  if (held === 'bad-proof') {
    const presence = state.presence(node.number)
    countInvalid(presence)
    state.setPresence(node.number, presence)
  }
  if (typeof held === 'string') return verdict(held)
  const last = row.answers.find(answer => answer.node === node.number)
  if (last !== undefined && !isMore(held, last.held)) return verdict('no-effect')
  const others = row.answers.filter(answer => answer !== last)
  row.answers = [...others, { node: node.number, held }].sort((a, b) => a.node - b.node)
  state.setReforming(row)
  return DONE
}

function isMore(held: Anchor | undefined, last: Anchor | undefined): boolean {
  return held !== undefined && (last === undefined || comparePlaces(held, last) > 0)
}

/** The place that these votes prove; undefined: one that can't be at the floor; or why they prove none. */
function heldOf(
  state: DirectoryState,
  row: Reforming,
  proof: Uint8Array,
): Anchor | undefined | 'bad-proof' | 'epoch-ahead' {
  const { host } = state
  const authority = state.authorities.get(row.group)!
  const seal = host.readQuorum(proof)
  if (seal === undefined || state.authorityOf(seal.authority) !== authority) return 'bad-proof'
  // Who holds the very seal that counts holds it, whatever votes it knows.
  const known = [row.base, state.anchors.get(row.group)?.anchor].find(
    place => place !== undefined && bytesEqual(place.hash, seal.hash),
  )
  if (known !== undefined) return known
  // The certificate that begins that epoch has to be anchored first.
  if (seal.epoch > authority.epoch) return 'epoch-ahead'
  const members = membersOf(authority, row, seal.epoch)
  if (members === undefined) return undefined
  return host.verifyQuorum(proof, members) ? placeOf(seal) : 'bad-proof'
}

function membersOf(authority: AuthorityRecord, { voting }: Reforming, epoch: number) {
  if (epoch === authority.epoch) return authority.members
  return epoch === voting.epoch ? voting.members : undefined
}

function placeOf({ epoch, view, height, hash, size, root }: CertifiedSeal): Anchor {
  return { epoch, view, height, hash, size, root }
}
