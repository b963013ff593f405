import type { Bug } from './bug.ts'

/** Changes of members. */
export const MEMBER_BUGS: readonly Bug[] = [
  {
    name: 'members-too-early',
    what: 'A restart takes a change of members for valid that stands in the log, applied or not.',
    edits: [
      {
        file: 'consensus/groups/hosted-group.ts',
        from: 'replayChanges(base, entries.slice(0, applied - snapshot.index))',
        to: 'replayChanges(base, entries)',
      },
    ],
  },
  {
    name: 'change-before-the-last',
    what: 'A change of members begins before the last one has taken effect.',
    edits: [
      {
        file: 'consensus/groups/membership.ts',
        from: 'return tracker.config.votersOutgoing.length > 0 || pendingConfIndex > log.applied',
        to: 'return tracker.config.votersOutgoing.length > 0',
      },
      {
        file: 'consensus/raft/proposals.ts',
        from: 'const fits = raft.pendingConfIndex <= raft.log.applied && isJoint',
        to: 'const fits = isJoint',
      },
    ],
  },
  {
    name: 'removed-voter-counts',
    what: 'Who was removed goes on being counted.',
    edits: [
      {
        file: 'consensus/raft/confchange/changer.ts',
        from: `  draft.voters = without(draft.voters, id)
  draft.learners`,
        to: '  draft.learners',
      },
    ],
  },
]
