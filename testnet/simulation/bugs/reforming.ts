import type { Bug } from './bug.ts'

const ANSWER = 'world/directory/rules/answer.ts'
const PLACING = 'world/directory/rules/placing.ts'
const REFORMING = 'world/directory/rules/reforming.ts'
const TICK = 'world/directory/rules/tick.ts'
/** The members' part, as long as it stands in the simulator. */
const MEMBER = 'testnet/simulation/reforming/member.ts'

/** How an authority that lost its quorum may be re-formed wrongly; hunted by the simulator in ../reforming. */
export const REFORMING_BUGS: readonly Bug[] = [
  {
    name: 'answered-without-freezing',
    what: 'A member says what it holds, and votes on in the old epoch.',
    edits: [
      {
        file: MEMBER,
        from: 'if (!this.isMember || (this.epoch < this.frozenBelow && !this.lies)) return',
        to: 'if (!this.isMember) return',
      },
    ],
  },
  {
    name: 'leases-not-waited-for',
    what: 'An epoch is re-formed while others of the old one may still decide.',
    edits: [{ file: REFORMING, from: '  if (silentOf(row).some(isLeased)) return false\n', to: '' }],
  },
  {
    name: 'lowest-base',
    what: 'An authority is re-formed at the lowest place that is held.',
    edits: [
      {
        file: REFORMING,
        from: 'comparePlaces(held, best) > 0) best = held',
        to: 'comparePlaces(held, best) < 0) best = held',
      },
    ],
  },
  {
    name: 'answers-unproven',
    what: 'What a node says that it holds is taken from it without the votes.',
    edits: [
      {
        file: ANSWER,
        from: "return host.verifyQuorum(proof, members) ? placeOf(seal) : 'bad-proof'",
        to: 'return members.length > 0 ? placeOf(seal) : undefined',
      },
    ],
  },
  {
    name: 'taken-back-when-they-are-back',
    what: 'An authority whose members are back is not re-formed, though they have frozen its epoch.',
    edits: [
      {
        file: PLACING,
        from: "  } else authority.lost = decision.kind === 'lost' ? decision.holders : undefined\n",
        to: "  } else authority.lost = decision.kind === 'lost' ? decision.holders : undefined\n  if (decision.kind === 'found') state.endReforming(authority.group)\n",
      },
    ],
  },
  {
    name: 'silent-ones-waited-for-ever',
    what: 'A node that is heard and never answers keeps an authority dark.',
    edits: [{ file: TICK, from: 'if (!owing.has(renewal.node)) renew', to: 'if (owing.size >= 0) renew' }],
  },
]
