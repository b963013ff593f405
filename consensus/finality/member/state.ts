import { equalBytes } from '../../../storage/bytes.ts'
import { startAnew } from '../../../storage/store-error.ts'
import { hashKey, parse } from '../bytes.ts'
import { ballotOf, type Certificate, decodeCertificate, type Quorum } from '../certificate.ts'
import type { EffectsBuilder } from '../effects.ts'
import { EvidencePool } from '../evidence-pool.ts'
import { type NewView, type Regime, readNewView, type ViewChange } from '../new-view.ts'
import { quorumSize, toleratedLiars } from '../quorum.ts'
import { genesisHash, type Seal, sealHash } from '../seal.ts'
import { decodeSignState, follows, type SignState } from '../sign-state.ts'
import type { Signed, Verify } from '../signed.ts'
import type { Ballot, Vote } from '../statement.ts'
import { Tally } from '../tally.ts'
import type { MemberOptions } from '../types.ts'
import type { Staged } from './staged.ts'

/** What a member is given by its host. */
export interface Env {
  readonly self: number
  readonly nowMs: () => number
  readonly random: (below: number) => number
  readonly verify: Verify
  readonly progressMs: (failures: number) => number
  readonly resendMs: number
  readonly isReachable: (node: number) => boolean
  /** Second votes are cast before this time only. */
  readonly leaseUntilMs: () => number
  readonly out: EffectsBuilder
}

export interface Tip {
  readonly height: number
  readonly hash: Uint8Array
}

/** One authority at one node. */
export interface MemberState {
  readonly group: number
  readonly givesLeases: boolean
  readonly authority: Uint8Array
  readonly founded: { readonly epoch: number; readonly members: MemberOptions['founders'] }
  regime: Regime
  sign: SignState
  /** `sign` has changed since it was last handed over for writing. */
  unsaved: boolean
  /** To be signed once `sign` as it is now is durable. */
  staged: Staged[]
  /** The highest certified seal. */
  tip: Tip
  /** The highest certified seal that is the view's base or descends from it; undefined while the base is not certified. */
  rooted: Tip | undefined
  finalHeight: number
  /** The newest ones, by height. */
  readonly certificates: Map<number, Certificate>
  /** By the epoch that each of them began. */
  readonly activations: Map<number, Certificate>
  /** What this replica has executed in this view and is not decided, by height. */
  readonly executed: Map<number, Seal>
  /** Lately seen, by hash. */
  readonly seals: Map<string, Seal>
  /** Anchored before this member knew the certificate. */
  readonly anchoredEarly: Set<string>
  readonly tally: Tally
  /** By view and signer. */
  readonly changes: Map<number, Map<number, ViewChange>>
  /** How the present view came about; undefined in view 0. */
  newView: NewView | undefined
  /** As the leader of the view: waits for its signature. */
  draft: Omit<NewView, 'signed'> | undefined
  /** The last second vote of the life before this one: said again under a lease, as every second vote. */
  unsaid: Ballot | undefined
  /** What this node has signed lately and may have to say again. */
  ownVotes: Signed<Vote>[]
  ownChanges: ViewChange[]
  readonly pool: EvidencePool
  /** Views in a row that decided nothing. */
  failures: number
  /** When the present view is given up. */
  deadlineMs: number | undefined
  /** Since when members that could take part have waited for the next view, and too few to take all others along. */
  aloneSinceMs: number | undefined
  resendAtMs: number
  /** Who was answered or asked lately, and until when that is enough. */
  readonly quietUntilMs: Map<string, number>
  recall: {
    readonly nonce: number
    readonly answers: Map<number, { readonly view: number; readonly ballot: Ballot }>
  }
  /** Members that ask what they have signed, and until when that is believed: they can neither vote nor lead. */
  readonly recallingUntilMs: Map<number, number>
  halted: boolean
}

/** How many certificates and seals of one authority are kept in memory. */
export const maxKept = 16

export function openMember(options: MemberOptions, env: Env): MemberState {
  const { group, authority, epoch, founders, stored, givesLeases = false } = options
  const base: Ballot = { view: 0, height: 0, hash: genesisHash }
  const state: MemberState = {
    ...{
      group,
      givesLeases,
      authority,
      founded: { epoch, members: founders },
      regime: { authority, epoch, members: founders, base },
    },
    sign: freshSignState(epoch, base, undefined),
    ...{ unsaved: false, staged: [], tip: base, rooted: base, finalHeight: 0 },
    ...{ certificates: new Map(), activations: new Map(), executed: new Map(), seals: new Map() },
    ...{
      anchoredEarly: new Set(),
      tally: new Tally(),
      changes: new Map(),
      newView: undefined,
      draft: undefined,
    },
    ...{
      unsaid: undefined,
      ownVotes: [],
      ownChanges: [],
      pool: new EvidencePool(),
      failures: 0,
      ...{ deadlineMs: undefined, aloneSinceMs: undefined },
    },
    ...{ resendAtMs: 0, quietUntilMs: new Map(), recall: { nonce: 0, answers: new Map() } },
    ...{ recallingUntilMs: new Map(), halted: false },
  }
  for (const bytes of stored?.activations ?? []) restoreActivation(state, bytes)
  restoreSignState(state, stored?.sign)
  restoreTip(state, stored?.tip, stored?.view)
  const { amnesia } = state.sign
  if (options.forgetful && amnesia?.stage !== 1) {
    remember(state, { amnesia: { stage: 1, view: 0, ballot: state.regime.base } })
  }
  state.recall = { nonce: env.random(2 ** 32), answers: new Map() }
  return state
}

function freshSignState(epoch: number, base: Ballot, amnesia: SignState['amnesia']): SignState {
  return {
    ...{ epoch, view: 0, base, frozenTo: 0, vote1: undefined, vote2: undefined },
    ...{ highest: undefined, amnesia },
  }
}

/** The disk was synced by this node itself, and is trusted: what does not parse is a fault of the caller. */
export class FinalityDiskError extends Error {
  readonly code = 'corrupt'
  readonly group: number

  constructor(group: number, what: string) {
    super(`What this node has signed for group ${group} is damaged on its disk (${what}): ${startAnew}.`)
    this.name = 'FinalityDiskError'
    this.group = group
  }
}

function restoreActivation(state: MemberState, bytes: Uint8Array): void {
  const certificate = decodeCertificate(bytes)
  if (certificate === undefined) throw new FinalityDiskError(state.group, 'an activation')
  keepCertificate(state, certificate)
  beginEpoch(state, certificate)
}

function restoreSignState(state: MemberState, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) return
  const sign = decodeSignState(bytes)
  if (sign === undefined) throw new FinalityDiskError(state.group, 'the sign-state')
  // The certificate that ended its epoch may be on the disk already.
  if (sign.epoch < state.regime.epoch) {
    state.sign = { ...state.sign, amnesia: sign.amnesia }
    return
  }
  if (sign.epoch > state.regime.epoch) throw new FinalityDiskError(state.group, 'an activation is missing')
  state.sign = sign
  if (sign.highest !== undefined) keepSeal(state, sign.highest.seal)
}

function restoreTip(state: MemberState, tip: Uint8Array | undefined, view: Uint8Array | undefined): void {
  const newView = view && parse(view, readNewView)
  const isCurrent = ({ signed: { statement } }: NewView): boolean =>
    statement.epoch === state.sign.epoch && statement.view === state.sign.view
  if (newView !== undefined && isCurrent(newView)) state.newView = newView
  const certificate = tip && decodeCertificate(tip)
  if (certificate !== undefined) {
    keepCertificate(state, certificate)
    if (certificate.seal.height >= state.tip.height) state.tip = tipOf(certificate)
  }
  const { highest, base } = state.sign
  if (highest?.kind === 2 && highest.seal.height >= state.tip.height) {
    keepCertificate(state, highest as Certificate)
    state.tip = tipOf(highest as Certificate)
  }
  state.tally.prune(Math.max(0, state.sign.view - 1), state.tip.height + 1)
  root(state, base)
}

/** What the sign-state says from now on. It is on the disk before anything that is staged with it is signed. */
export function remember(state: MemberState, change: Partial<SignState>): void {
  const next = { ...state.sign, ...change }
  if (!follows(next, state.sign)) throw new RangeError('A sign-state never goes back.')
  state.sign = next
  state.unsaved = true
}

export function beginEpoch(state: MemberState, certificate: Certificate): void {
  const { seal } = certificate
  const base = { view: 0, height: seal.height, hash: sealHash(seal) }
  const { authority } = state
  state.regime = { authority, epoch: seal.nextEpoch, members: seal.nextMembers, base }
  state.sign = freshSignState(seal.nextEpoch, base, state.sign.amnesia)
  state.activations.set(seal.nextEpoch, certificate)
  state.tip = base
  state.rooted = base
  state.newView = undefined
  state.draft = undefined
  state.unsaid = undefined
  state.ownVotes = []
  state.ownChanges = []
  state.executed.clear()
  state.changes.clear()
  state.tally.clear()
  state.tally.prune(0, base.height + 1)
}

export function tipOf({ seal }: Quorum): Tip {
  return { height: seal.height, hash: sealHash(seal) }
}

export function keepSeal(state: MemberState, seal: Seal): void {
  const key = hashKey(sealHash(seal))
  state.seals.delete(key)
  state.seals.set(key, seal)
  if (state.seals.size > maxKept) state.seals.delete(state.seals.keys().next().value!)
}

export function keepCertificate(state: MemberState, certificate: Certificate): void {
  const { certificates } = state
  keepSeal(state, certificate.seal)
  certificates.set(certificate.seal.height, certificate)
  if (certificates.size > maxKept) certificates.delete(Math.min(...certificates.keys()))
}

/** Finds the highest certified seal that is `base` or descends from it, by what is known. */
export function root(state: MemberState, base: Ballot): void {
  const known = state.certificates.get(base.height)
  const isEpochs = base.height === state.regime.base.height && equalBytes(base.hash, state.regime.base.hash)
  const isCertified = isEpochs || (known !== undefined && equalBytes(sealHash(known.seal), base.hash))
  state.rooted = isCertified ? base : undefined
  for (const height of [...state.certificates.keys()].sort((a, b) => a - b)) {
    extendRooted(state, state.certificates.get(height)!)
  }
}

/**
 * A certificate of this very view needs no chain: a quorum has voted for it as a descendant of the base, and somebody
 * in it is honest. One of an older view does.
 */
export function extendRooted(state: MemberState, certificate: Certificate): void {
  const { rooted, sign } = state
  const { seal, view, epoch } = certificate
  const { base } = sign
  if (rooted === undefined) {
    const isBase = seal.height === base.height && equalBytes(sealHash(seal), base.hash)
    if (isBase) state.rooted = tipOf(certificate)
    else if (epoch === sign.epoch && view === sign.view && seal.height > base.height)
      state.rooted = tipOf(certificate)
    return
  }
  if (seal.height <= rooted.height) return
  const isChild = seal.height === rooted.height + 1 && equalBytes(seal.previous, rooted.hash)
  if (isChild || (epoch === sign.epoch && view === sign.view)) state.rooted = tipOf(certificate)
}

export function isMember({ regime }: MemberState, node: number): boolean {
  return regime.members.some(member => member.node === node)
}

export function quorumOf({ regime }: MemberState): number {
  return quorumSize(regime.members.length)
}

export function liarsOf({ regime }: MemberState): number {
  return toleratedLiars(regime.members.length)
}

export function isFrozen({ sign }: MemberState): boolean {
  return sign.frozenTo > sign.view
}

export function peersOf(state: MemberState, self: number): number[] {
  return state.regime.members.map(({ node }) => node).filter(node => node !== self)
}

export function highestOf({ sign, regime }: MemberState): Ballot {
  return sign.highest === undefined ? regime.base : ballotOf(sign.highest)
}
