import type { Bug } from './bug.ts'

/** Changes of members. */
export const MEMBER_BUGS: readonly Bug[] = [
  {
    name: 'votes-unchecked',
    what: 'A member votes on what it has executed, whether gateways signed for the inputs in it or not.',
    edits: [
      {
        file: 'daemon/hosting/finality/vetting.ts',
        from: 'if (log === undefined || log.size >= size) return log !== undefined',
        to: 'if (log !== undefined) return true',
      },
      {
        file: 'daemon/hosting/finality/finality.ts',
        from: "this.suspect(group, 'forged')",
        to: '',
      },
    ],
  },
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
    name: 'restart-forgets-orders',
    what: 'A start does not read back what the node was told of who shall be a member.',
    edits: [
      {
        file: 'daemon/hosting/orders.ts',
        from: 'if (value !== undefined) orders.#byGroup.set(identity.group, decode(identity, value))',
        to: '',
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
