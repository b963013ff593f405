import { jointCommittedIndex, jointVoteResult } from '../quorum/joint.ts'
import type { AckedIndex, VoteResult } from '../quorum/majority.ts'
import { type ConfState, EMPTY_CONF_STATE } from '../types.ts'
import type { Progress } from './progress.ts'

/** The members, what is known of each, and the votes of the running election. */
export class Tracker implements AckedIndex {
  config: ConfState = EMPTY_CONF_STATE
  /** Sorted by id. Groups are small, so a scan beats a map. */
  members: readonly Progress[] = []
  #votes = new Map<number, boolean>()

  get(id: number): Progress | undefined {
    for (const member of this.members) if (member.id === id) return member
    return undefined
  }

  ackedIndex(id: number): number {
    const member = this.get(id)
    return member === undefined ? -1 : member.match
  }

  /** What a quorum has on disk. */
  committedIndex(): number {
    return jointCommittedIndex(this.config.voters, this.config.votersOutgoing, this)
  }

  isVoter(id: number): boolean {
    return this.config.voters.includes(id) || this.config.votersOutgoing.includes(id)
  }

  /** Voters of both halves, sorted. */
  voters(): number[] {
    return this.members.filter(member => this.isVoter(member.id)).map(member => member.id)
  }

  get isSingleton(): boolean {
    return this.config.voters.length === 1 && this.config.votersOutgoing.length === 0
  }

  quorumActive(): boolean {
    const active = new Map<number, boolean>()
    for (const member of this.members) if (!member.isLearner) active.set(member.id, member.recentActive)
    return this.#result(active) === 'won'
  }

  resetVotes(): void {
    this.#votes = new Map()
  }

  /** The first vote of a member counts. */
  recordVote(id: number, granted: boolean): VoteResult {
    if (!this.#votes.has(id)) this.#votes.set(id, granted)
    return this.#result(this.#votes)
  }

  #result(votes: ReadonlyMap<number, boolean>): VoteResult {
    return jointVoteResult(this.config.voters, this.config.votersOutgoing, votes)
  }
}
