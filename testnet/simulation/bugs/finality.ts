import type { Bug } from './bug.ts'

const MEMBER = 'consensus/finality/member'

/** What the members of an authority may decide; hunted by the simulator in ../finality. */
export const FINALITY_BUGS: readonly Bug[] = [
  {
    name: 'signs-before-sync',
    what: 'A vote is signed and sent while the lock that it speaks of is still on its way to the disk.',
    edits: [{ file: 'consensus/finality/host.ts', from: 'if (state.unsaved) return\n', to: '' }],
  },
  {
    name: 'lock-forgotten-in-view-change',
    what: 'A view change reports the base of the epoch, whatever is locked.',
    edits: [
      {
        file: `${MEMBER}/view-change.ts`,
        from: `const ballot = highestOf(state)
  if (ballot.view >= target) return`,
        to: `const ballot = state.regime.base
  if (ballot.view >= target) return`,
      },
      { file: `${MEMBER}/view-change.ts`, from: 'proof: sign.highest }', to: 'proof: undefined }' },
    ],
  },
  {
    name: 'no-freeze',
    what: 'A member that has signed a view change votes on in the views below.',
    edits: [
      {
        file: `${MEMBER}/voting.ts`,
        from: 'if (state.halted || isFrozen(state) || !isMember',
        to: 'if (state.halted || !isMember',
      },
    ],
  },
  {
    name: 'child-of-uncertified-base',
    what: "The child of the view's base is voted for though the base is not certified.",
    edits: [
      {
        file: `${MEMBER}/voting.ts`,
        from: `  if (rooted === undefined) {
    const base`,
        to: `  const hasty = executed.get(sign.base.height + 1)
  if (rooted === undefined && hasty !== undefined && equalBytes(hasty.previous, sign.base.hash)) return hasty
  if (rooted === undefined) {
    const base`,
      },
    ],
  },
  {
    name: 'child-of-uncertified-seal',
    what: 'Whatever was executed next is voted for, whether the seal below is certified or not.',
    edits: [
      {
        file: `${MEMBER}/voting.ts`,
        from: '  const child = executed.get(rooted.height + 1)\n',
        to: '  const child = executed.get(Math.max(0, ...executed.keys()))\n',
      },
      {
        file: `${MEMBER}/voting.ts`,
        from: 'return equalBytes(child.previous, rooted.hash) ? child : undefined',
        to: 'return child',
      },
    ],
  },
  {
    name: 'rival-of-the-base',
    what: 'In a new view the last certificate is built on, though the base is something else that was prepared.',
    edits: [
      {
        file: `${MEMBER}/voting.ts`,
        from: 'export function candidate({ sign, tip, rooted, executed }: MemberState)',
        to: 'export function candidate({ sign, tip, tip: rooted, executed }: MemberState)',
      },
      {
        file: `${MEMBER}/view-change.ts`,
        from: 'const seal = proven ?? state',
        to: 'const seal = state.certificates.get(state.tip.height)?.seal ?? state',
      },
    ],
  },
  {
    name: 'certificate-not-counted',
    what: 'A certificate that a member was shown does not count as prepared in its view change.',
    edits: [
      {
        file: `${MEMBER}/deciding.ts`,
        from: 'if (compareBallots(ballotOf(certificate), highestOf(state)) > 0) remember(state, { highest: certificate })',
        to: '',
      },
    ],
  },
  {
    name: 'restart-forgets-votes',
    what: 'A member that was started anew gives a second vote of one kind at one height.',
    edits: [
      {
        file: `${MEMBER}/state.ts`,
        from: '  state.sign = sign\n',
        to: '  state.sign = { ...sign, vote1: undefined, vote2: undefined }\n',
      },
    ],
  },
  {
    name: 'quorum-off-by-one',
    what: 'One vote too few is a quorum.',
    edits: [
      {
        file: 'consensus/finality/quorum.ts',
        from: 'Math.ceil((members + toleratedLiars(members) + 1) / 2)',
        to: 'Math.ceil((members + toleratedLiars(members) + 1) / 2) - 1',
      },
    ],
  },
  {
    name: 'final-before-anchored',
    what: 'A certificate is called final, and cosigned, before the directory has it.',
    edits: [
      {
        file: `${MEMBER}/deciding.ts`,
        from: '  env.out.certified.push({ group, certificate })\n',
        to: '  env.out.certified.push({ group, certificate })\n  env.out.final.push({ group, certificate })\n',
      },
    ],
  },
  {
    name: 'votes-unexecuted',
    what: 'A member votes for what others vote for, before it has executed it.',
    edits: [
      {
        file: `${MEMBER}/voting.ts`,
        from: '  if (kind === 2) tryDecide(state, env, ballot)\n',
        to: `  if (kind === 2) tryDecide(state, env, ballot)
  const isNext = ballot.view === state.sign.view && ballot.height === state.tip.height + 1 && !isFrozen(state)
  if (kind === 1 && isNext && isMember(state, env.self)) voteFirst(state, ballot)
`,
      },
    ],
  },
  {
    name: 'old-members-vote-on',
    what: 'The members that a certificate has replaced go on deciding.',
    edits: [
      {
        file: `${MEMBER}/deciding.ts`,
        from: '  if (seal.nextEpoch > state.sign.epoch) activate(state, env, certificate)\n',
        to: '',
      },
    ],
  },
  {
    name: 'votes-without-lease',
    what: 'A second vote is cast though the directory has not renewed the lease.',
    edits: [
      {
        file: `${MEMBER}/voting.ts`,
        from: '  return givesLeases || env.nowMs() < env.leaseUntilMs()\n',
        to: '  return env.nowMs() < env.leaseUntilMs() + 1e9\n',
      },
    ],
  },
  {
    name: 'base-not-the-highest',
    what: 'A view begins at the lowest of the reports that its leader has.',
    edits: [
      {
        file: `${MEMBER}/view-change.ts`,
        from: 'compareBallots(b.signed.statement.ballot, a.signed.statement.ballot),',
        to: 'compareBallots(a.signed.statement.ballot, b.signed.statement.ballot),',
      },
      {
        file: 'consensus/finality/new-view.ts',
        from: 'const noneAbove = reports.every(({ ballot }) => compareBallots(ballot, base) <= 0)',
        to: 'const noneAbove = true',
      },
    ],
  },
  {
    name: 'two-bases-in-a-view',
    what: 'A member that is in a view takes another base for it.',
    edits: [
      {
        file: `${MEMBER}/member.ts`,
        from: 'if (newView.signed.statement.view <= state.sign.view)',
        to: 'if (newView.signed.statement.view < state.sign.view)',
      },
      {
        file: `${MEMBER}/view-change.ts`,
        from: 'statement.view <= sign.view || statement.view < sign.frozenTo',
        to: 'statement.view < sign.view || statement.view < sign.frozenTo',
      },
    ],
  },
  {
    name: 'forgets-and-votes',
    what: 'A node whose disk was wiped, or put back from a backup, votes at once.',
    edits: [
      { file: `${MEMBER}/state.ts`, from: 'if (options.forgetful && ', to: 'if (options.group < 0 && ' },
    ],
  },
  {
    name: 'sees-no-hidden-vote',
    what: 'A view change that hides a second vote is not held against its signer.',
    edits: [
      {
        file: 'consensus/finality/evidence.ts',
        from: "return isBelow ? 'hidden-vote' : undefined",
        to: 'return undefined',
      },
    ],
  },
]
