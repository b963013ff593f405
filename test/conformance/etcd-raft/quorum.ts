import { jointCommittedIndex, jointVoteResult } from '../../../consensus/raft/quorum/joint.ts'
import {
  type AckedIndex,
  majorityCommittedIndex,
  majorityVoteResult,
  type VoteResult,
} from '../../../consensus/raft/quorum/majority.ts'
import type { Case } from './datadriven.ts'

const VOTE_RESULTS: Record<VoteResult, string> = {
  pending: 'VotePending',
  lost: 'VoteLost',
  won: 'VoteWon',
}

/** What the script says of the voters: an index, or a vote, for those that have spoken. */
interface Setting {
  readonly incoming: readonly number[]
  readonly outgoing: readonly number[] | undefined
  readonly spoken: ReadonlyMap<number, string>
}

export function runQuorumCase(test: Case): string {
  const setting = readSetting(test)
  return test.command === 'committed' ? committed(setting) : vote(setting)
}

function readSetting(test: Case): Setting {
  const incoming = idsOf(test, 'cfg') ?? []
  const outgoing = idsOf(test, 'cfgj')
  const given = valuesOf(test, test.command === 'committed' ? 'idx' : 'votes') ?? []
  const spoken = new Map<number, string>()
  const voters = [...new Set([...incoming, ...(outgoing ?? [])])]
  voters.forEach((id, i) => {
    if (given[i] !== undefined && given[i] !== '_') spoken.set(id, given[i])
  })
  return { incoming, outgoing, spoken }
}

function committed({ incoming, outgoing, spoken }: Setting): string {
  const acked: AckedIndex = { ackedIndex: id => Number(spoken.get(id) ?? -1) }
  const voters = [...new Set([...incoming, ...(outgoing ?? [])])].sort((a, b) => a - b)
  let text = voters.length === 0 ? '<empty majority quorum>' : chart(voters, spoken)
  const index =
    outgoing === undefined
      ? majorityCommittedIndex(incoming, acked)
      : jointCommittedIndex(incoming, outgoing, acked)
  const alternatives: [string, number][] =
    outgoing === undefined
      ? [
          ['zero-joint quorum', jointCommittedIndex(incoming, [], acked)],
          ['self-joint quorum', jointCommittedIndex(incoming, incoming, acked)],
        ]
      : [['symmetry', jointCommittedIndex(outgoing, incoming, acked)]]
  for (const [way, other] of alternatives) {
    if (other !== index) text += `${formatIndex(other)} <-- via ${way}\n`
  }
  return `${text}${formatIndex(index)}\n`
}

function vote({ incoming, outgoing, spoken }: Setting): string {
  const votes = new Map([...spoken].map(([id, answer]) => [id, answer === 'y']))
  if (outgoing === undefined) return `${VOTE_RESULTS[majorityVoteResult(incoming, votes)]}\n`
  const result = jointVoteResult(incoming, outgoing, votes)
  const mirrored = jointVoteResult(outgoing, incoming, votes)
  const complaint = mirrored === result ? '' : `${VOTE_RESULTS[mirrored]} <-- via symmetry\n`
  return `${complaint}${VOTE_RESULTS[result]}\n`
}

/** A bar a voter, as long as the number of voters that are behind it. */
function chart(voters: readonly number[], spoken: ReadonlyMap<number, string>): string {
  const count = voters.length
  const indexOf = (id: number): number => Number(spoken.get(id) ?? 0)
  let text = `${' '.repeat(count)}    idx\n`
  for (const id of voters) {
    const bar = voters.filter(other => indexOf(other) < indexOf(id)).length
    const drawn = spoken.has(id) ? `${'x'.repeat(bar)}>${' '.repeat(count - bar)}` : `?${' '.repeat(count)}`
    text += `${drawn} ${String(indexOf(id)).padStart(5)}    (id=${id.toString(16)})\n`
  }
  return text
}

function formatIndex(index: number): string {
  return index === Number.POSITIVE_INFINITY ? '∞' : String(index)
}

function idsOf(test: Case, key: string): number[] | undefined {
  return valuesOf(test, key)
    ?.filter(value => value !== 'zero')
    .map(Number)
}

function valuesOf(test: Case, key: string): string[] | undefined {
  return test.args.find(arg => arg.key === key)?.values.filter(value => value !== '')
}
