import { ByteWriter } from '../bytes.ts'
import { type Quorum, signedVotes } from '../certificate.ts'
import {
  leaderOf,
  type NewView,
  type Report,
  type ViewChange,
  viewChangeOf,
  writeNewView,
} from '../new-view.ts'
import type { Seal } from '../seal.ts'
import type { Signed } from '../signed.ts'
import { type Ballot, compareBallots, statementKind } from '../statement.ts'
import { mayChangeView } from './amnesia.ts'
import { isQuiet } from './catch-up.ts'
import {
  type Env,
  highestOf,
  isFrozen,
  isMember,
  liarsOf,
  type MemberState,
  peersOf,
  quorumOf,
  remember,
  root,
} from './state.ts'
import { learn } from './voting.ts'

/** View changes are kept for so many views above the present one. */
const viewsAhead = 64
/** View changes of one member that are kept at a time. */
const maxPerSigner = 4

/** Gives up all views below `target`: the Raft instance stops here, and the others are told what is prepared. */
export function changeView(state: MemberState, env: Env, target: number): void {
  const { sign, group } = state
  const ballot = highestOf(state)
  const isAllowed = !state.halted && isMember(state, env.self) && mayChangeView(state, target)
  if (!isAllowed || target <= sign.frozenTo || target <= ballot.view) return
  if (!isFrozen(state)) env.out.freeze.push({ group, epoch: sign.epoch, view: sign.view })
  remember(state, { frozenTo: target })
  stageViewChange(state, target)
  state.deadlineMs = undefined
}

/** A view change that is signed again after a restart reports what is known by now: never less. */
export function stageViewChange(state: MemberState, target: number): void {
  const { authority, sign } = state
  const kind = statementKind.viewChange
  const ballot = highestOf(state)
  if (ballot.view >= target) return
  const statement = { kind, authority, epoch: sign.epoch, view: target, ballot }
  state.staged.push({ statement, proof: sign.highest })
}

/** Takes a member's view change, verified and proven. */
export function takeViewChange(state: MemberState, env: Env, change: ViewChange): void {
  const { view } = change.signed.statement
  const { signer } = change.signed.by
  if (change.proof !== undefined) showVotes(state, env, change.proof)
  if (view <= state.sign.view) return tellView(state, env, signer)
  if (view > state.sign.frozenTo + viewsAhead) return env.out.count('view-change-early')
  const changes = state.changes.get(view) ?? new Map<number, ViewChange>()
  state.changes.set(view, changes)
  if (changes.has(signer)) return
  changes.set(signer, change)
  forgetOldest(state, signer)
  if (change.proof !== undefined) learn(state, env, change.proof)
  join(state, env)
  tryLead(state, env)
}

/** A liar can sign a view change to every view; whoever is honest has signed for few that are not entered yet. */
function forgetOldest({ changes }: MemberState, signer: number): void {
  const views = [...changes].filter(([, one]) => one.has(signer)).map(([view]) => view)
  if (views.length <= maxPerSigner) return
  const oldest = Math.min(...views)
  const left = changes.get(oldest)!
  left.delete(signer)
  if (left.size === 0) changes.delete(oldest)
}

function showVotes(state: MemberState, env: Env, quorum: Quorum): void {
  for (const vote of signedVotes(quorum)) {
    const evidence = state.pool.add(vote)
    if (evidence !== undefined) env.out.evidence.push({ group: state.group, evidence })
  }
}

function tellView(state: MemberState, env: Env, peer: number): void {
  if (state.newView === undefined || peer === env.self || isQuiet(state, env, `view ${peer}`)) return
  env.out.send(state.group, [peer], { type: 'new-view', newView: state.newView })
}

/** f + 1 members have left for higher views, so somebody honest has: go with them, no further than that one at least. */
function join(state: MemberState, env: Env): void {
  const furthest = new Map<number, number>()
  for (const [view, changes] of state.changes) {
    for (const signer of changes.keys()) furthest.set(signer, Math.max(view, furthest.get(signer) ?? 0))
  }
  const targets = [...furthest.values()].sort((a, b) => b - a)
  const target = targets[liarsOf(state)]
  if (target !== undefined && target > state.sign.frozenTo) changeView(state, env, target)
}

/**
 * How many have signed a view change to this view, or to one above: they wait in no view below. After crashes nobody may
 * remember that those who went further had asked for this one too.
 */
export function changesFor(state: MemberState, view: number): number {
  const signers = new Set<number>()
  for (const [target, changes] of state.changes) {
    if (target >= view) for (const signer of changes.keys()) signers.add(signer)
  }
  return signers.size
}

/** Whether this member has signed a view change to a view above this one. */
export function hasGoneBeyond({ changes }: MemberState, view: number, signer: number): boolean {
  for (const [target, each] of changes) if (target > view && each.has(signer)) return true
  return false
}

/** The leader of the view that is to come fixes its base as soon as a quorum has reported. */
export function tryLead(state: MemberState, env: Env): void {
  const { sign, regime } = state
  const view = sign.frozenTo
  const changes = state.changes.get(view)
  if (!isFrozen(state) || state.halted || leaderOf(regime, view) !== env.self) return
  if (changes === undefined || changes.size < quorumOf(state) || !changes.has(env.self)) return
  const byReport = [...changes.values()].sort((a, b) =>
    compareBallots(b.signed.statement.ballot, a.signed.statement.ballot),
  )
  const chosen = byReport.slice(0, quorumOf(state))
  const reports: Report[] = chosen.map(({ signed }) => ({ ballot: signed.statement.ballot, by: signed.by }))
  reports.sort((a, b) => a.by.signer - b.by.signer)
  const { signed, proof } = chosen[0]!
  const base = signed.statement.ballot
  enterView(state, env, view, base, proof?.seal)
  state.draft = { reports, proof }
  const kind = statementKind.newView
  state.staged.push({
    statement: { kind, authority: state.authority, epoch: sign.epoch, view, ballot: base },
  })
}

/** As the leader: the signature of the draft has come back. */
export function publishNewView(state: MemberState, env: Env, signed: NewView['signed']): void {
  const { draft } = state
  if (draft === undefined || signed.statement.view !== state.sign.view) return
  state.draft = undefined
  keepNewView(state, env, { ...draft, signed })
  env.out.send(state.group, peersOf(state, env.self), { type: 'new-view', newView: state.newView! })
}

function keepNewView(state: MemberState, env: Env, newView: NewView): void {
  state.newView = newView
  const writer = new ByteWriter()
  writeNewView(writer, newView)
  env.out.records.push({ group: state.group, name: 'view', value: writer.finish() })
}

/** Takes a verified new view of this epoch. One base per member and view: the first that comes. */
export function takeNewView(state: MemberState, env: Env, newView: NewView): void {
  const { statement } = newView.signed
  const { sign } = state
  for (const report of newView.reports) {
    const change: Signed = viewChangeOf(newView, report)
    const evidence = state.pool.add(change)
    if (evidence !== undefined) env.out.evidence.push({ group: state.group, evidence })
  }
  if (newView.proof !== undefined) showVotes(state, env, newView.proof)
  if (state.halted || statement.view <= sign.view || statement.view < sign.frozenTo) {
    return env.out.count('new-view-older')
  }
  if (newView.proof !== undefined) learn(state, env, newView.proof)
  // What it proves may have ended the epoch.
  if (statement.epoch !== state.sign.epoch) return
  enterView(state, env, statement.view, statement.ballot, newView.proof?.seal)
  keepNewView(state, env, newView)
}

function enterView(state: MemberState, env: Env, view: number, base: Ballot, proven: Seal | undefined): void {
  const { group, sign, regime } = state
  const { epoch } = sign
  if (!isFrozen(state)) env.out.freeze.push({ group, epoch, view: sign.view })
  remember(state, { view, base, frozenTo: view })
  state.draft = undefined
  state.unsaid = undefined
  state.ownVotes = []
  state.executed.clear()
  state.failures++
  state.deadlineMs = undefined
  for (const older of state.changes.keys()) if (older <= view) state.changes.delete(older)
  state.tally.prune(view - 1, state.tip.height + 1)
  root(state, base)
  const seal = proven ?? state.activations.get(epoch)?.seal
  env.out.restart.push({ group, epoch, view, leader: leaderOf(regime, view), base: seal })
}
