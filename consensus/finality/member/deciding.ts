import { equalBytes } from '../../../storage/bytes.ts'
import { hashKey } from '../bytes.ts'
import { ballotOf, type Certificate, encodeQuorum, signedVotes } from '../certificate.ts'
import { sealHash } from '../seal.ts'
import { compareBallots } from '../statement.ts'
import { carryAmnesia } from './amnesia.ts'
import {
  beginEpoch,
  type Env,
  extendRooted,
  highestOf,
  isFrozen,
  keepCertificate,
  type MemberState,
  maxKept,
  peersOf,
  remember,
  tipOf,
} from './state.ts'
import { changeView } from './view-change.ts'

/** Takes a verified certificate: made here, or shown by anybody. One of an older epoch can only contradict. */
export function acceptCertificate(state: MemberState, env: Env, certificate: Certificate): void {
  for (const vote of signedVotes(certificate)) {
    const evidence = state.pool.add(vote)
    if (evidence !== undefined) env.out.evidence.push({ group: state.group, evidence })
  }
  const rival = rivalOf(state, certificate)
  if (rival !== undefined) return halt(state, env, certificate, rival)
  if (certificate.epoch !== state.sign.epoch) return
  const { seal } = certificate
  const known = state.certificates.get(seal.height)
  const isNewer = known === undefined || compareBallots(ballotOf(certificate), ballotOf(known)) > 0
  if (isNewer && seal.height > state.tip.height - maxKept) keepCertificate(state, certificate)
  if (compareBallots(ballotOf(certificate), highestOf(state)) > 0) remember(state, { highest: certificate })
  extendRooted(state, certificate)
  if (seal.height > state.tip.height) decide(state, env, certificate)
}

/** A known certificate that cannot stand beside this one. */
function rivalOf(state: MemberState, { seal }: Certificate): Certificate | undefined {
  const same = state.certificates.get(seal.height)
  if (same !== undefined) return equalBytes(sealHash(same.seal), sealHash(seal)) ? undefined : same
  const below = state.certificates.get(seal.height - 1)
  if (below !== undefined && !equalBytes(sealHash(below.seal), seal.previous)) return below
  const above = state.certificates.get(seal.height + 1)
  return above !== undefined && !equalBytes(above.seal.previous, sealHash(seal)) ? above : undefined
}

function halt(state: MemberState, env: Env, certificate: Certificate, rival: Certificate): void {
  if (state.halted) return
  state.halted = true
  env.out.halted.push({ group: state.group, certificates: [rival, certificate] })
  env.out.send(state.group, peersOf(state, env.self), { type: 'certificate', certificate: rival })
  env.out.send(state.group, peersOf(state, env.self), { type: 'certificate', certificate })
}

function decide(state: MemberState, env: Env, certificate: Certificate): void {
  const { group } = state
  const { seal } = certificate
  const own = state.executed.get(seal.height)
  state.tip = tipOf(certificate)
  state.failures = 0
  state.deadlineMs = undefined
  if (state.unsaid !== undefined && state.unsaid.height <= seal.height) state.unsaid = undefined
  for (const height of state.executed.keys()) if (height <= seal.height) state.executed.delete(height)
  state.tally.prune(Math.max(0, state.sign.view - 1), seal.height + 1)
  env.out.certified.push({ group, certificate })
  env.out.records.push({ group, name: 'tip', value: encodeQuorum(certificate) })
  if (own !== undefined && !equalBytes(sealHash(own), state.tip.hash)) {
    env.out.diverged.push({ group, certificate })
    changeView(state, env, state.sign.view + 1)
  }
  if (seal.nextEpoch > state.sign.epoch) activate(state, env, certificate)
  if (state.anchoredEarly.delete(hashKey(sealHash(seal)))) anchored(state, env, sealHash(seal))
}

/** The old members have decided who comes next: they vote no more, and tell the new ones. */
function activate(state: MemberState, env: Env, certificate: Certificate): void {
  const { group } = state
  const { epoch, view } = state.sign
  const old = peersOf(state, env.self)
  if (!isFrozen(state)) env.out.freeze.push({ group, epoch, view })
  beginEpoch(state, certificate)
  carryAmnesia(state)
  state.unsaved = true
  const { members } = state.regime
  env.out.records.push({ group, name: `activation/${state.sign.epoch}`, value: encodeQuorum(certificate) })
  env.out.activated.push({ group, epoch: state.sign.epoch, members, certificate })
  const newcomers = peersOf(state, env.self).filter(node => !old.includes(node))
  env.out.send(group, newcomers, { type: 'certificate', certificate })
}

/** The directory's certified log has this certificate: only now is it final, and all below it. */
export function anchored(state: MemberState, env: Env, hash: Uint8Array): void {
  const seal = state.seals.get(hashKey(hash))
  const known = seal && state.certificates.get(seal.height)
  const certificate = known && equalBytes(sealHash(known.seal), hash) ? known : undefined
  if (certificate === undefined) {
    const { anchoredEarly } = state
    if (anchoredEarly.size >= maxKept) anchoredEarly.delete(anchoredEarly.values().next().value!)
    anchoredEarly.add(hashKey(hash))
    return
  }
  if (certificate.seal.height <= state.finalHeight) return
  state.finalHeight = certificate.seal.height
  env.out.final.push({ group: state.group, certificate })
}
