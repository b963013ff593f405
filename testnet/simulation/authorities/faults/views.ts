import { encodeFrames } from '../../../../consensus/groups/frame.ts'
import type { Authority } from '../../../../daemon/authority/authority.ts'
import { authoritiesIn } from '../realm-directory.ts'
import { between, type Fault, type Field, type Node, pick, pickNode } from './fault.ts'

const LIE_EVERY_MS = 5
const LIES = 100
const HOUR_MS = 3_600_000
const MAX_LATE_MS = 3_000
const MAX_FRAME_BYTES = 1000

/** What happens where the members vote: views are given up for no reason, or because somebody does not do its part. */
export const VIEW_FAULTS = {
  /** Some members give a view up, whatever it brings on. */
  suspicion: { counters: ['view-suspected'], inject: suspect },
  /** The same, and one of them dies while it goes to the next. */
  'crash-between-views': {
    counters: ['crash-between-views'],
    inject: field => {
      for (const node of suspect(field)) node.disk.crashAtWrite(1 + field.simulation.random.below(8))
      field.simulation.countFault('crash-between-views')
    },
    mendNode: (_, node) => node.disk.crashAtWrite(Number.POSITIVE_INFINITY),
  },
  /** A member votes on nothing and says nothing of views, and does all else. */
  'withheld-votes': {
    counters: ['votes-withheld'],
    inject: field => {
      const { program } = pickNode(field)
      if (program !== undefined) program.votes.withheld = true
    },
    mendNode: (_, { program }) => {
      if (program !== undefined) program.votes.withheld = false
    },
  },
  /** A leader sends heartbeats and seals nothing. */
  'sealless-leader': {
    counters: ['leader-without-seals'],
    inject: field => corrupt(field, pickNode(field), 'leader-without-seals', sealNothing),
    mendNode: repair,
  },
  /** A leader sends heartbeats and proposes nothing at all. */
  'idle-leader': {
    counters: ['leader-without-proposals'],
    inject: field => idle(field, pickNode(field)),
    mendNode: repair,
  },
  /** The directory hears of what a member has decided only later. */
  'late-anchors': {
    counters: ['anchors-late'],
    inject: field => {
      const { program } = pickNode(field)
      if (program === undefined) return
      program.anchors.lateMs = between(field.simulation.random, 10, MAX_LATE_MS)
      field.simulation.countFault('anchors-late')
    },
    mendNode: (_, { program }) => {
      if (program !== undefined) program.anchors.lateMs = 0
    },
  },
  /** A leader dates all that it proposes an hour ahead. */
  'leader-ahead': {
    counters: ['leader-dates-ahead'],
    inject: field => corrupt(field, pickNode(field), 'leader-dates-ahead', dateAhead),
    mendNode: repair,
  },
  /** A leader wants members whom nobody has ordered. */
  'self-appointed': {
    counters: ['leader-names-others'],
    inject: field =>
      corrupt(field, pickNode(field), 'leader-names-others', authority => nameOthers(field, authority)),
    mendNode: (_, { program }) => {
      for (const { authority } of program?.engine.authorities() ?? []) authority.setNextMembers(undefined)
    },
  },
  /** For half a second a member tells the others that all that stands in their logs is committed. */
  'untrue-notes': {
    counters: ['commit-untrue'],
    inject: field => {
      const { group } = pick(field.simulation.random, authoritiesIn(field.realm))
      lieOfCommits(field, pick(field.simulation.random, field.votersOf(group)), group, LIES)
    },
  },
} satisfies Record<string, Fault>

function lieOfCommits(field: Field, liar: number, group: number, times: number): void {
  for (const { program } of field.nodes) {
    const status = program?.engine.status(group)
    if (program === undefined || status === undefined || program.number === liar) continue
    const { epoch, view, term: committedTerm, lastIndex: committedIndex, commit } = status
    if (committedIndex === commit) continue
    const lie = { instance: { group, epoch, view }, message: undefined, committedIndex, committedTerm }
    for (const frame of encodeFrames([lie], MAX_FRAME_BYTES)) program.raftSays(liar, frame)
    field.simulation.countFault('commit-untrue')
  }
  const again = (): void => lieOfCommits(field, liar, group, times - 1)
  if (times > 1) field.simulation.schedule(undefined, LIE_EVERY_MS, 'commit-untrue', again)
}

function suspect(field: Field): Node[] {
  const { random } = field.simulation
  const group = pick(random, authoritiesIn(field.realm)).group
  const chosen = field.nodes.filter(() => random.chance(0.4))
  for (const { program } of chosen) program?.suspect(group, 'fault')
  if (chosen.length > 0) field.simulation.countFault('view-suspected')
  return chosen
}

export function idle(field: Field, node: Node): void {
  corrupt(field, node, 'leader-without-proposals', proposeNothing)
}

function corrupt(
  field: Field,
  { program }: Node,
  counter: string,
  how: (authority: Authority) => void,
): void {
  for (const { authority } of program?.engine.authorities() ?? []) {
    if (!authority.serving) continue
    how(authority)
    field.simulation.countFault(counter)
  }
}

function sealNothing(authority: Authority): void {
  const { simulation } = authority
  const push = simulation.push.bind(simulation)
  simulation.push = job => (job === 'mark' ? true : push(job))
}

function nameOthers({ simulation, nodes, directory }: Field, authority: Authority): void {
  const { group, members } = authority.identity
  const stranger = 1 + simulation.random.below(nodes.length)
  const others = members.includes(stranger)
    ? members.filter(member => member !== stranger)
    : [...members, stranger].sort((a, b) => a - b)
  if (others.length > 0 && !directory.wasOrdered(group, others)) authority.setNextMembers(others)
}

function dateAhead(authority: Authority): void {
  const flush = Object.getPrototypeOf(authority).flush as Authority['flush']
  authority.flush = wallMs => flush.call(authority, wallMs + HOUR_MS)
}

function proposeNothing(authority: Authority): void {
  authority.flush = () => {}
}

/** What was put over the methods of an authority goes. */
function repair(_: Field, { program }: Node): void {
  for (const { authority } of program?.engine.authorities() ?? []) {
    Reflect.deleteProperty(authority, 'flush')
    Reflect.deleteProperty(authority.simulation, 'push')
  }
}
