import type { Bug } from './bug.ts'

const ROOM = 'world/directory/placement'
const CANDIDATES = `${ROOM}/candidates.ts`
const COST = `${ROOM}/cost.ts`
const DIVIDE = `${ROOM}/divide.ts`
const DRAFT = `${ROOM}/draft.ts`
const FACTS = `${ROOM}/facts.ts`
const IMPROVE = `${ROOM}/improve.ts`
const LIMITS = `${ROOM}/limits.ts`
const PLACE = `${ROOM}/place.ts`
const REACH = `${ROOM}/reach.ts`
const REPAIR = `${ROOM}/repair.ts`
const ROUND = `${ROOM}/round.ts`
const TREND = `${ROOM}/trend.ts`

/** What the directory may do to those who hold the world; hunted by the simulator in ../placement. */
export const PLACEMENT_BUGS: readonly Bug[] = [
  {
    name: 'two-on-one-operator',
    what: 'Whose a node is does not count.',
    edits: [{ file: COST, from: '    if (facing.operator === node.operator) sum += 2\n', to: '' }],
  },
  {
    name: 'no-hysteresis',
    what: 'Anything that is better by anything is worth a move, at any time.',
    edits: [
      { file: COST, from: 'return next + 10 <= now && next * 4 <= now * 3', to: 'return next < now' },
      { file: IMPROVE, from: 'return tick - sinceTick >= CALM_TICKS', to: 'return tick >= sinceTick' },
    ],
  },
  {
    name: 'dead-not-replaced',
    what: 'Who is silent is left where it is.',
    edits: [
      {
        file: REPAIR,
        from: 'const leaving = voters.filter(voter => !round.stays(voter))',
        to: "const leaving = voters.filter(voter => round.facts.node(voter)?.facts.status !== 'active')",
      },
    ],
  },
  {
    name: 'shrinks-for-the-silent',
    what: 'Who is silent is left out where nobody can take the place.',
    edits: [
      { file: REPAIR, from: 'rest.length >= fewestVoters(round, out)', to: 'rest.length >= MIN_VOTERS' },
    ],
  },
  {
    name: 'replaces-the-silent-at-once',
    what: 'Who stood still for a moment is taken for dead.',
    edits: [{ file: LIMITS, from: 'export const SILENT_TICKS = 6', to: 'export const SILENT_TICKS = 2' }],
  },
  {
    name: 'change-on-change',
    what: 'Members change while their last change runs.',
    edits: [
      {
        file: PLACE,
        from: 'if (pending !== undefined && !isStuck(round, authority)) return undefined',
        to: '',
      },
    ],
  },
  {
    name: 'stuck-for-good',
    what: 'An order whose newcomer has died is waited for.',
    edits: [
      {
        file: REACH,
        from: 'newcomersOf(authority).some(newcomer => !round.isHeard(newcomer))',
        to: 'newcomersOf(authority).length > 99',
      },
      {
        file: REACH,
        from: 'round.tick - pending.sinceTick >= STUCK_TICKS',
        to: 'pending.sinceTick < -STUCK_TICKS',
      },
    ],
  },
  {
    name: 'overloads',
    what: 'Nobody looks whether there is room.',
    edits: [
      {
        file: CANDIDATES,
        from: '  const used = round.used(number) + (hasIt ? 0 : weight)\n',
        to: '  const used = (hasIt ? 0 : weight)\n',
      },
      {
        file: COST,
        from: 'const over = used > capacity ? OVER_ALL_MS',
        to: 'const over = used < 0 ? OVER_ALL_MS',
      },
    ],
  },
  {
    name: 'forgets-what-it-gave',
    what: 'Many orders of one tick go to the one node that had the most room before it.',
    edits: [
      {
        file: ROUND,
        from: '    ordered.given += weight\n    ordered.fetches += 1\n',
        to: '    ordered.given += 0 * weight\n',
      },
    ],
  },
  {
    name: 'leaving-gets-replicas',
    what: 'Who wants to leave is given more.',
    edits: [{ file: ROUND, from: "if (status !== 'active' || this", to: "if (status === 'gone' || this" }],
  },
  {
    name: 'never-lets-go',
    what: 'Who wants to leave keeps what it has.',
    edits: [
      {
        file: REPAIR,
        from: 'const leaving = voters.filter(voter => !round.stays(voter))',
        to: 'const leaving = voters.filter(voter => !round.isHeard(voter))',
      },
    ],
  },
  {
    name: 'strangers-vote',
    what: 'Trust is asked of nobody.',
    edits: [
      {
        file: ROUND,
        from: 'if (trust < (votes ? REPLICA_TRUST : OBSERVER_TRUST)) return false',
        to: 'if (trust < 0 && votes) return false',
      },
    ],
  },
  {
    name: 'anybody-leads',
    what: 'Leadership goes to whoever comes first.',
    edits: [{ file: DRAFT, from: 'voters: leadersFirst(round, voters)', to: 'voters' }],
  },
  {
    name: 'gives-to-the-silent',
    what: 'Nobody looks whether who is given a replica is there.',
    edits: [
      {
        file: ROUND,
        from: "if (status !== 'active' || this.tick - heardTick > FRESH_TICKS) return false",
        to: "if (status !== 'active' || heardTick < -FRESH_TICKS) return false",
      },
    ],
  },
  {
    name: 'orders-without-quorum',
    what: 'Members are ordered where nobody can decide it any more.',
    edits: [
      {
        file: PLACE,
        from: 'if (lost !== undefined || !hasQuorum(round, voters)) return undefined',
        to: 'if (lost !== undefined) return undefined',
      },
    ],
  },
  {
    name: 'all-at-once',
    what: 'The dead and the leaving are all replaced by one order.',
    edits: [
      { file: REPAIR, from: '.slice(0, newcomersAllowed(voters.length))', to: '' },
      {
        file: DRAFT,
        from: 'if (now.length > 0 && newcomers > newcomersAllowed(voters.length)) return undefined',
        to: 'if (newcomers > newcomersAllowed(now.length) + 9) return undefined',
      },
    ],
  },
  {
    name: 'lost-too-soon',
    what: 'An authority is called lost while the leases of its voters still run.',
    edits: [
      {
        file: REACH,
        from: 'lost === undefined ? LOST_TICKS : undefined',
        to: 'lost === undefined ? undefined : LOST_TICKS',
      },
    ],
  },
  {
    name: 'lost-in-silence',
    what: 'Nobody is told of an authority that nobody can decide on any more.',
    edits: [
      {
        file: PLACE,
        from: '    this.made.push(loss)\n',
        to: "    if (loss.kind !== 'lost') this.made.push(loss)\n",
      },
    ],
  },
  {
    name: 'hard-before-soft',
    what: 'A node that has too much gives up voters before observers and extra ones.',
    edits: [
      { file: IMPROVE, from: '(i >= MIN_VOTERS || round.isHardPressed(voter))', to: 'i < MIN_VOTERS' },
      {
        file: IMPROVE,
        from: 'const pressed = learners.find(learner => round.stays(learner) && round.isPressed(learner))',
        to: 'const pressed = learners.find(learner => learner < 0)',
      },
    ],
  },
  {
    name: 'no-throttle',
    what: 'All that would be better is ordered at once.',
    edits: [{ file: PLACE, from: 'this.#left[limit] -= 1', to: 'this.#left[limit] -= 0' }],
  },
  {
    name: 'order-of-insertion',
    what: 'Of two nodes that are as good the one that became known first is taken.',
    edits: [
      {
        file: CANDIDATES,
        from: 'return a.costMs === b.costMs ? a.number < b.number : a.costMs < b.costMs',
        to: 'return a.costMs < b.costMs',
      },
      { file: FACTS, from: '    insert(this.#numbers, number)\n', to: '    this.#numbers.push(number)\n' },
    ],
  },
  {
    name: 'split-and-merge-chase',
    what: 'Siblings merge as soon as they have few players together.',
    edits: [
      {
        file: DIVIDE,
        from: 'isBusy || tick - sinceTick < MERGE_CALM_TICKS',
        to: 'isBusy || tick < sinceTick',
      },
      {
        file: DIVIDE,
        from: '    Math.max(tile.players, peakPlayers(tile.trend), predictedPlayers(tile.trend))',
        to: '    tile.players + 0 * peakPlayers(tile.trend) * predictedPlayers(tile.trend)',
      },
    ],
  },
  {
    name: 'merges-what-is-full',
    what: 'Siblings are asked one by one whether they are idle.',
    edits: [
      {
        file: DIVIDE,
        from: 'sum * 100 < capacity * MERGE_PERCENT',
        to: 'sum * 25 < capacity * MERGE_PERCENT',
      },
    ],
  },
  {
    name: 'splits-without-end',
    what: 'A tile of the smallest size is split.',
    edits: [{ file: DIVIDE, from: 'tile.sideMm > MIN_SIDE_MM)', to: 'tile.sideMm > 0 * MIN_SIDE_MM)' }],
  },
  {
    name: 'no-emergency',
    what: 'A tile that is full right after it was made waits like any other.',
    edits: [
      {
        file: DIVIDE,
        from: "  if (percent >= EMERGENCY_PERCENT) return 'emergency'\n",
        to: "  if (percent >= 100 * EMERGENCY_PERCENT) return 'emergency'\n",
      },
    ],
  },
  {
    name: 'sees-no-rush',
    what: 'A rush is seen where there is none, and none where there is one.',
    edits: [
      {
        file: TREND,
        from: 'slope: Math.floor((level - trend.level + trend.slope) / 2)',
        to: 'slope: Math.floor((trend.level - level + trend.slope) / 2)',
      },
    ],
  },
]

/** Whether the bug is one of splits and merges, which are hunted by themselves. */
export function isOfTiles(bug: string): boolean {
  const edits = PLACEMENT_BUGS.find(({ name }) => name === bug)?.edits ?? []
  return edits.length > 0 && edits.every(({ file }) => file === DIVIDE || file === TREND)
}
