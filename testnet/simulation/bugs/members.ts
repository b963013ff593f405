import type { Bug } from './bug.ts'

/** What members vote on, and changes of who they are. */
export const MEMBER_BUGS: readonly Bug[] = [
  {
    name: 'votes-unchecked',
    what: 'A member votes on what it has executed, whether gateways signed for the inputs in it or not.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/vetting.ts',
        from: 'if (log === undefined || log.size >= size) return log !== undefined',
        to: 'if (log === undefined || log.size >= -size) return log !== undefined',
      },
      {
        file: 'daemon/hosting/finality/finality.ts',
        from: "this.suspect(group, 'forged')",
        to: '',
      },
    ],
  },
  {
    name: 'votes-for-what-is-passed-by',
    what: 'A member votes on records that no honest leader logs, since the rules pass them by.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/vetted-log.ts',
        from: 'this.#noteRefused(() => entry.faults?.forEach(fault => void this.#refused.add(fault)))',
        to: '',
      },
    ],
  },
  {
    name: 'proposes-forgeries-again',
    what: 'What a lying leader made up is proposed again by the honest one that comes next.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/opening.ts',
        from: 'const fallen = (await views?.attested(group, begin.fallen)) ?? []',
        to: 'const { fallen } = begin',
      },
    ],
  },
  {
    name: 'votes-for-unordered-members',
    what: 'A member votes for whomever the leader names as the next members.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/finality/epochs.ts',
        from: 'const may = named.length === 0 || this.#parts.door()?.isOrdered(group, named) === true',
        to: 'const may = true || named.length > 0',
      },
    ],
  },
  {
    name: 'believes-one-member',
    what: 'A replica takes an entry for committed because one member says that it is, where members vote too.',
    votes: true,
    edits: [
      {
        file: 'consensus/groups/departures.ts',
        from: "if (index > 0 && hosted.keepsVoters) return count(parts, 'committed-unasked')",
        to: '',
      },
    ],
  },
  {
    name: 'leavers-go-on',
    what: 'Members whom a decision leaves out take no note of it, and go on as the members that they were.',
    votes: true,
    edits: [
      {
        file: 'consensus/finality/member/deciding.ts',
        from: 'if (seal.nextEpoch > state.sign.epoch) activate(state, env, certificate)',
        to: 'if (seal.nextMembers.some(({ node }) => node === env.self)) activate(state, env, certificate)',
      },
    ],
  },
  {
    name: 'joins-on-word',
    what: 'A node takes the newest order for who decides, and not what the members before have decided.',
    votes: true,
    edits: [
      {
        file: 'daemon/hosting/engine.ts',
        from: 'return openAuthority(parts, hosted, begin)',
        to: 'return openAuthority({ ...parts, told: this.#orders.get(hosted.identity.group)?.order.voters } as never, hosted, begin)',
      },
      {
        file: 'daemon/hosting/opening.ts',
        from: 'parts.options.views?.membersOf(group) ?? hosted.identity.members',
        to: '(parts as { told?: number[] }).told ?? parts.options.views?.membersOf(group) ?? hosted.identity.members',
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
