import { equalBytes } from '../../../storage/bytes.ts'
import { type Certificate, type Quorum, verifyQuorum } from '../certificate.ts'
import { type Evidence, verifyEvidence } from '../evidence.ts'
import type { Message } from '../message.ts'
import { isViewChangeProven, type NewView, type ViewChange, verifyNewView } from '../new-view.ts'
import type { Voter } from '../seal.ts'
import { type Signed, verifyStatement } from '../signed.ts'
import { type Ballot, statementKind } from '../statement.ts'
import { answerRecall, mayChangeView, mayVote, takeRecalled } from './amnesia.ts'
import { answerAsk, askPeer } from './catch-up.ts'
import { acceptCertificate } from './deciding.ts'
import type { Staged } from './staged.ts'
import { type Env, isFrozen, isMember, type MemberState, peersOf } from './state.ts'
import {
  changeView,
  publishNewView,
  stageViewChange,
  takeNewView,
  takeViewChange,
  tryLead,
} from './view-change.ts'
import { takeVote, vote, voteStatement } from './voting.ts'

/** What `peer` says about this authority. Whatever it is, it is taken or refused and counted. */
export function receive(state: MemberState, env: Env, peer: number, message: Message): void {
  switch (message.type) {
    case 'statement':
      return receiveStatement(state, env, peer, message.signed, false)
    case 'view-change':
      return receiveViewChange(state, env, peer, message.viewChange)
    case 'new-view':
      return receiveNewView(state, env, peer, message.newView)
    case 'certificate':
      return receiveCertificate(state, env, peer, message.certificate)
    case 'evidence':
      return receiveEvidence(state, env, message.evidence)
    case 'ask':
      return answerAsk(state, env, peer, message.ask)
    case 'recall':
      return answerRecall(state, env, peer, message.nonce)
    case 'recalled':
      return takeRecalled(state, env, peer, message.recalled)
  }
}

/** The members of any epoch up to the present one. */
export function membersOf(state: MemberState, epoch: number): readonly Voter[] | undefined {
  const { founded, activations } = state
  return epoch === founded.epoch ? founded.members : activations.get(epoch)?.seal.nextMembers
}

export function keyOf(state: MemberState, node: number, epoch: number): Uint8Array | undefined {
  return membersOf(state, epoch)?.find(member => member.node === node)?.key
}

/** Of this authority and epoch, and signed by one of its members? Everything older is ignored, and counted. */
function isCurrent(
  state: MemberState,
  env: Env,
  peer: number,
  { statement, by }: Signed,
  checked: boolean,
): boolean {
  const { epoch } = state.sign
  if (!equalBytes(statement.authority, state.authority)) env.out.count('other-authority')
  else if (statement.epoch < epoch) env.out.count('older-epoch')
  else if (statement.epoch > epoch) askPeer(state, env, peer)
  else {
    const key = keyOf(state, by.signer, epoch)
    if (key !== undefined && (checked || verifyStatement(statement, by, key, env.verify))) return true
    env.out.count(key === undefined ? 'not-a-member' : 'bad-signature')
  }
  return false
}

/** @param checked the signature of the batch that it came in has been verified */
export function receiveStatement(
  state: MemberState,
  env: Env,
  peer: number,
  signed: Signed,
  checked: boolean,
): void {
  if (!isCurrent(state, env, peer, signed, checked)) return
  const { statement, by } = signed
  witness(state, env, signed)
  if (statement.kind !== statementKind.vote1 && statement.kind !== statementKind.vote2) return
  const { view, height } = statement.ballot
  if (view > state.sign.view || height > state.tip.height + 1) askPeer(state, env, peer)
  takeVote(state, env, { statement, by })
  vote(state, env)
}

/** Remembers what was signed, and tells everybody when it contradicts something. */
function witness(state: MemberState, env: Env, signed: Signed): void {
  const evidence = state.pool.add(signed)
  if (evidence === undefined) return
  env.out.evidence.push({ group: state.group, evidence })
  env.out.send(state.group, peersOf(state, env.self), { type: 'evidence', evidence })
}

function receiveViewChange(state: MemberState, env: Env, peer: number, change: ViewChange): void {
  if (!isCurrent(state, env, peer, change.signed, false)) return
  witness(state, env, change.signed)
  if (!isViewChangeProven(state.regime, change, env.verify)) return env.out.count('view-change-unproven')
  takeViewChange(state, env, change)
  vote(state, env)
}

function receiveNewView(state: MemberState, env: Env, peer: number, newView: NewView): void {
  if (newView.signed.statement.view <= state.sign.view) return env.out.count('new-view-older')
  if (!isCurrent(state, env, peer, newView.signed, false)) return
  if (!verifyNewView(state.regime, newView, env.verify)) return env.out.count('new-view-unproven')
  takeNewView(state, env, newView)
  vote(state, env)
}

function receiveCertificate(state: MemberState, env: Env, peer: number, certificate: Certificate): void {
  if (certificate.epoch > state.sign.epoch) return askPeer(state, env, peer)
  if (!isValid(state, env, certificate)) return env.out.count('certificate-invalid')
  acceptCertificate(state, env, certificate)
  vote(state, env)
}

function isValid(state: MemberState, env: Env, quorum: Quorum): boolean {
  const members = membersOf(state, quorum.epoch)
  if (members === undefined || !equalBytes(quorum.seal.authority, state.authority)) return false
  return verifyQuorum(quorum, members, env.verify)
}

function receiveEvidence(state: MemberState, env: Env, evidence: Evidence): void {
  const isOurs = equalBytes(evidence.first.statement.authority, state.authority)
  const shown = isOurs && verifyEvidence(evidence, (node, epoch) => keyOf(state, node, epoch), env.verify)
  if (!shown) return env.out.count('evidence-invalid')
  witness(state, env, evidence.first)
  witness(state, env, evidence.second)
}

/** What this node has staged is durable and signed: it counts from now on, here and elsewhere. */
export function signedOwn(state: MemberState, env: Env, signed: Signed, staged: Staged): void {
  const { statement, by } = signed
  if (statement.epoch !== state.sign.epoch) return
  switch (statement.kind) {
    case statementKind.vote1:
    case statementKind.vote2: {
      const own = { statement, by }
      state.ownVotes = [...state.ownVotes.filter(other => other.statement.kind !== statement.kind), own]
      takeVote(state, env, own)
      break
    }
    case statementKind.viewChange: {
      const change = { signed: { statement, by }, proof: staged.proof }
      state.ownChanges = [...state.ownChanges.slice(-1), change]
      env.out.send(state.group, peersOf(state, env.self), { type: 'view-change', viewChange: change })
      takeViewChange(state, env, change)
      tryLead(state, env)
      break
    }
    case statementKind.newView:
      publishNewView(state, env, { statement, by })
  }
  vote(state, env)
}

/** After a start: what was signed last may never have arrived. The same is said again, under a fresh signature. */
export function stageAgain(state: MemberState, env: Env): void {
  const { sign, tip, group } = state
  const isOpen = ({ view, height }: Ballot): boolean => view === sign.view && height > tip.height
  if (isFrozen(state)) env.out.freeze.push({ group, epoch: sign.epoch, view: sign.view })
  if (!isMember(state, env.self)) return
  if (isFrozen(state)) {
    if (mayChangeView(state, sign.frozenTo)) stageViewChange(state, sign.frozenTo)
    return
  }
  // It led this view for a moment before a crash, and told nobody of it: nobody else can bring it about.
  if (sign.view > 0 && state.newView === undefined) return changeView(state, env, sign.view + 1)
  if (!mayVote(state)) return
  const { vote1, vote2 } = sign
  if (vote1 !== undefined && isOpen(vote1)) {
    state.staged.push({ statement: voteStatement(state, 1, vote1) })
  }
  if (vote2 !== undefined && isOpen(vote2)) state.unsaid = vote2
}
