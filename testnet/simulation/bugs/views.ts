import type { Bug } from './bug.ts'

/** What members vote on, and what a change of views does to their replicas. */
export const VIEW_BUGS: readonly Bug[] = [
  {
    name: 'keeps-what-fell-off',
    what: 'A replica that goes back to the base of a view leaves the batches beyond it on its disk.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/going-back.ts',
        from: 'if (parseLogBatchKey(key) !== undefined) ops.push({ key, value: undefined })',
        to: '',
      },
    ],
  },
  {
    name: 'votes-on-what-fell-off',
    what: 'A member votes in a new view on seals that it executed in an old one, beyond the base.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/finality.ts',
        from: 'return this.#chains.get(group)?.restored(base, certified.height) ?? []',
        to: 'return base === certified ? [] : []',
      },
    ],
  },
  {
    name: 'index-of-old-instances',
    what: "What was fetched to reach the base counts as applied at the index that it had in another instance's log.",
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/restoring.ts',
        from: 'appliedOp(group, { index: 0, term: 0, size: replica.log.size })',
        to: 'appliedOp(group, { index, term, size: replica.log.size })',
      },
    ],
  },
  {
    name: 'decisions-untold',
    what: 'A leader is not told what its members have decided, and takes no more when its tail is full.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/finality.ts',
        from: 'this.#options.door()?.decided(group, certificate.seal.size)',
        to: '',
      },
    ],
  },
  {
    name: 'forgets-where-it-stands',
    what: 'A replica that was brought to the base of a view does not write down that it stands there.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/views.ts',
        from: 'standingOp(group, { epoch, view, baseSize: to.size }),',
        to: '',
      },
    ],
  },
  {
    name: 'shows-unanchored',
    what: 'A node serves and signs what its members have decided before the directory has it.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/finality.ts',
        from: 'for (const { group, certificate } of effects.final) {',
        to: 'for (const { group, certificate } of [...effects.certified, ...effects.final]) {',
      },
    ],
  },
  {
    name: 'leaves-one-alone',
    what: 'Nobody goes to the next view for the sake of one member that gave this one up alone.',
    votes: true,
    edits: [
      {
        file: 'consensus/finality/member/taking-along.ts',
        from: 'changeView(state, env, state.sign.view + 1)',
        to: '',
      },
    ],
  },
  {
    name: 'follows-any-leader',
    what: 'A member follows whoever claims to lead, also in a view that follows one which failed.',
    votes: true,
    edits: [
      {
        file: 'consensus/groups/holding.ts',
        from: 'if (hold === undefined || from === hold.leader) return false',
        to: 'if (hold === undefined || from !== 0) return false',
      },
    ],
  },
  {
    name: 'suspects-nobody',
    what: 'A leader that sends heartbeats and proposes nothing is never suspected.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/progress.ts',
        from: `    this.forget(group)
    return true`,
        to: `    this.forget(group)
    return false`,
      },
    ],
  },
]
