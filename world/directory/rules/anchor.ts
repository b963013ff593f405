import { bytesEqual } from '../../codec/bytes.ts'
import type { ReasonCode } from '../../reasons.ts'
import { type Verdict, verdict } from '../../rules/verdict.ts'
import type { CertifiedSeal } from '../host.ts'
import { countInvalid } from '../reputation.ts'
import type { DirectoryState } from '../state.ts'
import type { AuthorityRecord, NodeRecord } from '../types.ts'
import { areSame } from './orders.ts'
import { isAboveBase, isBase, noteAnchored } from './reforming.ts'

/**
 * Anchors what may be anchored of these certificates, one after another. The outcome is ok, with how many of them, if any was;
 * otherwise it says why the first was not.
 */
export function anchor(
  state: DirectoryState,
  node: NodeRecord,
  certificates: readonly Uint8Array[],
): Verdict {
  let anchored = 0
  let first: ReasonCode | undefined
  let isFaulty = false
  for (const bytes of certificates) {
    const refusal = anchorOne(state, bytes)
    if (refusal === undefined) anchored++
    first ??= refusal
    isFaulty ||= refusal === 'bad-certificate'
    // Each costs a verification of many signatures, and an honest node brings none that does not hold.
    if (isFaulty) break
  }
  if (isFaulty) {
    const presence = state.presence(node.number)
    countInvalid(presence)
    state.setPresence(node.number, presence)
  }
  return anchored > 0 || first === undefined ? verdict('ok', anchored) : verdict(first)
}

/** Why it is not anchored, if it is not. */
function anchorOne(state: DirectoryState, bytes: Uint8Array): ReasonCode | undefined {
  const { host } = state
  const seal = host.readCertificate(bytes)
  if (seal === undefined) return 'bad-certificate'
  const authority = state.authorityOf(seal.authority)
  if (authority === undefined) return 'unknown-authority'
  const refusal = refusalOf(state, authority, seal)
  if (refusal !== undefined) return refusal
  // Last, since it costs by far the most.
  if (!host.verifyCertificate(bytes, authority.members)) return 'bad-certificate'
  if (seal.nextEpoch > authority.epoch && !isOrdered(state, authority, seal)) return 'not-ordered'
  noteVotes(state, authority, seal)
  take(state, authority, seal)
  return undefined
}

/**
 * Anchors of an authority only go up by (epoch, view, height), and of the height alone (docs/finality.md): of one height only one is
 * ever anchored, whoever signed another one. Nothing of an epoch is anchored after the certificate that ended it.
 */
function refusalOf(
  state: DirectoryState,
  authority: AuthorityRecord,
  seal: CertifiedSeal,
): ReasonCode | undefined {
  if (seal.epoch < authority.epoch) return isAnchored(state, authority, seal) ? 'older-anchor' : 'ended-epoch'
  if (seal.epoch > authority.epoch) return 'epoch-ahead'
  // Its other seals are final when they are certified, and each that were anchored here would want another one.
  if (authority.kind === 'directory' && seal.nextMembers.length === 0) return 'no-effect'
  const row = state.reformings.get(authority.group)
  if (!isAboveBase(row, seal)) return 'rival-anchor'
  const last = state.anchors.get(authority.group)?.anchor
  if (last === undefined || isBase(row, seal)) return undefined
  if (seal.height === last.height) return bytesEqual(seal.hash, last.hash) ? 'older-anchor' : 'rival-anchor'
  if (seal.height < last.height) return 'older-anchor'
  const isOfSameEpoch = seal.epoch === last.epoch
  if ((isOfSameEpoch && seal.view < last.view) || seal.size <= last.size) return 'rival-anchor'
  const isNext = seal.height === last.height + 1
  return isNext && !bytesEqual(seal.previous, last.hash) ? 'rival-anchor' : undefined
}

function isAnchored(state: DirectoryState, { group }: AuthorityRecord, { hash }: CertifiedSeal): boolean {
  const last = state.anchors.get(group)?.anchor
  return last !== undefined && bytesEqual(last.hash, hash)
}

/** The members to come are those of an order that was given since the members last changed, with the keys that they have here. */
function isOrdered(
  state: DirectoryState,
  { orders }: AuthorityRecord,
  { nextMembers }: CertifiedSeal,
): boolean {
  const hasKeys = nextMembers.every(({ node, key }) => {
    const vote = state.nodes.get(node)?.vote
    return vote !== undefined && bytesEqual(vote, key)
  })
  return hasKeys && orders.some(({ voters }) => areSame(voters, nextMembers))
}

/** Who was expected to sign something until the next world block, and who did. */
function noteVotes(state: DirectoryState, { members }: AuthorityRecord, { signers }: CertifiedSeal): void {
  for (const { node } of members) {
    if (!state.nodes.get(node)) continue
    const presence = state.presence(node)
    const signed = presence.hasSigned || signers.includes(node)
    if (presence.isExpected && presence.hasSigned === signed) continue
    presence.isExpected = true
    presence.hasSigned = signed
    state.setPresence(node, presence)
  }
}

function take(state: DirectoryState, authority: AuthorityRecord, seal: CertifiedSeal): void {
  const { epoch, view, height, hash, size, root, nextEpoch, nextMembers } = seal
  const { group } = authority
  const blockSize = state.anchors.get(group)?.blockSize ?? 0
  state.setAnchor(group, { anchor: { epoch, view, height, hash, size, root }, blockSize })
  if (nextEpoch <= authority.epoch) return noteAnchored(state, authority)
  const order = authority.orders.findLast(({ voters }) => areSame(voters, nextMembers))!
  authority.epoch = nextEpoch
  authority.members = nextMembers
  authority.leading = order.voters
  authority.learners = order.learners
  authority.orders = authority.orders.filter(({ number }) => number >= order.number)
  authority.orderedMs = state.header.passedMs
  authority.lost = undefined
  state.setAuthority(authority)
  noteAnchored(state, authority)
}
