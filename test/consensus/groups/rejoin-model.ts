import { hasCaughtUp, rejoinPoint } from '../../../consensus/groups/rejoin.ts'
import type { SimRandom } from '../../../testnet/simulation/random.ts'

/**
 * Raft with disks that are lost, small enough that random schedules get everywhere: messages overtake each other, are
 * lost, and outlive the process that sent them. The point that a wiped member waits for is computed by the real code.
 */

/** One rule that is left out. */
export type Omission =
  /** A wiped member votes at once, as if it were new. */
  | 'votes-at-once'
  /** The first phase ends when enough for a quorum have answered, and not all others. */
  | 'asks-a-quorum'
  /** It votes as soon as it knows the term. */
  | 'votes-while-catching-up'
  /** An answer to the question of an earlier life counts. */
  | 'takes-old-answers'
  /** Who has lost its own disk counts as one that knows where it is. */
  | 'trusts-the-wiped'

export interface ModelPlan {
  readonly members: number
  /** Members that may be without their promises at one time. */
  readonly wipedAtOnce: number
  readonly omission?: Omission | undefined
}

export type Message = { from: number; to: number; term: number } & (
  | { kind: 'vote'; lastTerm: number; lastIndex: number }
  | { kind: 'granted' }
  | { kind: 'append'; log: readonly number[] }
  | { kind: 'ack'; index: number }
  | { kind: 'ask'; nonce: number }
  | { kind: 'answer'; nonce: number; lastIndex: number; wiped: boolean }
)

interface Member {
  readonly id: number
  term: number
  vote: number
  role: 'follower' | 'candidate' | 'leader'
  /** The terms of its entries: in one term there is one entry at an index. */
  log: number[]
  votes: Set<number>
  match: Map<number, number>
  silent: Map<number, { term: number; lastIndex: number; wiped: boolean }> | undefined
  goal: { term: number; index: number } | undefined
  nonce: number
}

const MAX_TERM = 20
const MAX_LOG = 20
const MAX_MESSAGES = 60

export class Model {
  violation: string | undefined
  wipes = 0
  rejoined = 0
  /** Terms of the committed entries. */
  readonly committed: number[] = []
  /** The term of the leader that committed each first. */
  readonly #committedIn: number[] = []
  readonly #plan: ModelPlan
  readonly #members: Member[]
  readonly #leaders = new Map<number, number>()
  #messages: Message[] = []
  #nonces = 0

  constructor(plan: ModelPlan) {
    this.#plan = plan
    this.#members = Array.from({ length: plan.members }, (_, i) => newMember(i + 1))
  }

  /** Something happens, anywhere. */
  step(random: SimRandom): void {
    const dice = random.below(100)
    const member = 1 + random.below(this.#members.length)
    if (dice < 70) this.#deliverAny(random)
    else if (dice < 76) this.stand(member)
    else if (dice < 79) this.propose(member)
    else if (dice < 87) this.replicate(member, random)
    else if (dice < 94) for (const { id } of this.#members) this.ask(id)
    else if (dice < 95) this.restart(member)
    else if (dice < 97) this.wipe(member)
    else this.#messages.splice(random.below(this.#messages.length + 1), 1)
  }

  /** All that is under way and is so; what follows from it is under way then. */
  deliver(which: (message: Message) => boolean): void {
    const due = this.#messages.filter(which)
    this.#messages = this.#messages.filter(message => !which(message))
    for (const message of due) this.#receive(this.#member(message.to), message)
    this.#commitAll()
  }

  #member(id: number): Member {
    return this.#members[id - 1]!
  }

  #send(message: Message): void {
    this.#messages.push(message)
    if (this.#messages.length > MAX_MESSAGES) this.#messages.shift()
  }

  #deliverAny(random: SimRandom): void {
    const { length } = this.#messages
    if (length === 0) return
    // Mostly one of the newest, else nothing would ever get done.
    const at = random.chance(0.85) ? length - 1 - random.below(6) : random.below(length)
    const message = this.#messages[Math.max(0, at)]
    this.deliver(each => each === message)
  }

  #receive(to: Member, message: Message): void {
    if (message.kind === 'ask') return this.#answer(to, message.from, message.nonce)
    if (message.kind === 'answer') return this.#answered(to, message)
    if (to.silent !== undefined) return
    if (message.kind === 'vote' && abstains(to, this.#plan.omission)) return
    if (message.term > to.term) follow(to, message.term)
    if (message.term < to.term) return
    if (message.kind === 'vote') this.#vote(to, message)
    else if (message.kind === 'granted') this.#granted(to, message.from)
    else if (message.kind === 'append') this.#append(to, message)
    else if (to.role === 'leader')
      to.match.set(message.from, Math.max(to.match.get(message.from) ?? 0, message.index))
  }

  stand(id: number): void {
    const member = this.#member(id)
    if (member.role === 'leader' || member.silent !== undefined || member.term >= MAX_TERM) return
    if (abstains(member, this.#plan.omission)) return
    follow(member, member.term + 1)
    member.role = 'candidate'
    member.vote = member.id
    member.votes = new Set([member.id])
    this.#toOthers(member, to => ({
      ...header(member, to),
      kind: 'vote',
      lastTerm: member.log.at(-1) ?? 0,
      lastIndex: member.log.length,
    }))
  }

  #vote(to: Member, request: Message & { kind: 'vote' }): void {
    const ownTerm = to.log.at(-1) ?? 0
    const isUpToDate =
      request.lastTerm > ownTerm || (request.lastTerm === ownTerm && request.lastIndex >= to.log.length)
    if ((to.vote !== 0 && to.vote !== request.from) || to.role !== 'follower' || !isUpToDate) return
    to.vote = request.from
    this.#send({ ...header(to, request.from), kind: 'granted' })
  }

  #granted(to: Member, from: number): void {
    if (to.role !== 'candidate') return
    to.votes.add(from)
    if (2 * to.votes.size <= this.#members.length) return
    to.role = 'leader'
    to.match = new Map()
    const other = this.#leaders.get(to.term)
    // A second leadership of one member in one term, after it has forgotten the first, is as bad as two.
    if (other !== undefined) this.violation = `two leaders in term ${to.term}: ${other} and ${to.id}`
    this.#leaders.set(to.term, to.id)
    if (this.committed.some((term, i) => to.log[i] !== term && this.#committedIn[i]! < to.term))
      this.violation = `leader ${to.id} of term ${to.term} lacks what was committed`
    to.log.push(to.term)
  }

  propose(id: number): void {
    const member = this.#member(id)
    if (member.role === 'leader' && member.log.length < MAX_LOG) member.log.push(member.term)
  }

  /** Sometimes a part only, as when the rest is still under way. */
  replicate(id: number, random?: SimRandom): void {
    const member = this.#member(id)
    if (member.role !== 'leader') return
    const upTo = random === undefined ? member.log.length : 1 + random.below(member.log.length)
    this.#toOthers(member, to => ({
      ...header(member, to),
      kind: 'append',
      log: member.log.slice(0, upTo),
    }))
  }

  #append(to: Member, { from, log }: Message & { kind: 'append' }): void {
    if (to.role === 'leader') return
    to.role = 'follower'
    const conflict = log.findIndex((term, i) => to.log[i] !== term)
    if (conflict >= 0) to.log = [...log]
    this.#send({ ...header(to, from), kind: 'ack', index: log.length })
    if (to.goal !== undefined && hasCaughtUp(to.goal, to.log.length, to.log.at(-1)!)) {
      to.goal = undefined
      this.rejoined++
    }
  }

  #commitAll(): void {
    for (const each of this.#members) if (each.role === 'leader') this.#commit(each)
  }

  #commit(leader: Member): void {
    for (let index = this.committed.length + 1; index <= leader.log.length; index++) {
      const holders = this.#members.filter(
        ({ id }) => id === leader.id || (leader.match.get(id) ?? 0) >= index,
      )
      if (leader.log[index - 1] !== leader.term || 2 * holders.length <= this.#members.length) continue
      while (this.committed.length < index) {
        this.committed.push(leader.log[this.committed.length]!)
        this.#committedIn.push(leader.term)
      }
    }
  }

  restart(id: number): void {
    const member = this.#member(id)
    member.role = 'follower'
    member.nonce = ++this.#nonces
    if (member.silent !== undefined) member.silent = new Map()
  }

  wipe(id: number): void {
    const member = this.#member(id)
    const without = this.#members.filter(
      each => each !== member && (each.silent !== undefined || each.goal !== undefined),
    )
    if (without.length >= this.#plan.wipedAtOnce) return
    this.wipes++
    Object.assign(member, { ...newMember(member.id), nonce: ++this.#nonces })
    if (this.#plan.omission !== 'votes-at-once') member.silent = new Map()
  }

  ask(id: number): void {
    const member = this.#member(id)
    if (member.silent === undefined) return
    this.#toOthers(member, to => ({ ...header(member, to), kind: 'ask', nonce: member.nonce }))
  }

  #answer(to: Member, from: number, nonce: number): void {
    if (to.role === 'leader') to.match.set(from, 0)
    const lastIndex = to.role === 'leader' ? to.log.length : 0
    const wiped = to.silent !== undefined || to.goal !== undefined
    this.#send({ ...header(to, from), kind: 'answer', nonce, lastIndex, wiped })
  }

  #answered(to: Member, { from, nonce, term, lastIndex, wiped }: Message & { kind: 'answer' }): void {
    const { omission } = this.#plan
    if (to.silent === undefined || (nonce !== to.nonce && omission !== 'takes-old-answers')) return
    to.silent.set(from, { term, lastIndex, wiped: wiped && omission !== 'trusts-the-wiped' })
    const answers = new Map(
      [...to.silent].map(([id, answer]) => [
        id,
        { ...answer, nonce, applied: 0, voters: [], votersOutgoing: [] },
      ]),
    )
    const all = this.#members.map(({ id }) => id)
    const enough = answers.size >= Math.floor(all.length / 2)
    const voters = omission === 'asks-a-quorum' && enough ? [...answers.keys()] : all
    const goal = rejoinPoint(answers, { voters, votersOutgoing: [] }, to.id)
    if (goal === undefined) return
    to.silent = undefined
    to.goal = goal
    to.term = goal.term
    to.vote = 0
  }

  #toOthers(from: Member, make: (to: number) => Message): void {
    for (const { id } of this.#members) if (id !== from.id) this.#send(make(id))
  }
}

function newMember(id: number): Member {
  return {
    id,
    term: 0,
    vote: 0,
    role: 'follower',
    log: [],
    votes: new Set(),
    match: new Map(),
    silent: undefined,
    goal: undefined,
    nonce: 0,
  }
}

function header({ id, term }: Member, to: number) {
  return { from: id, to, term }
}

function follow(member: Member, term: number): void {
  member.term = term
  member.vote = 0
  member.role = 'follower'
}

function abstains({ goal }: Member, omission: Omission | undefined): boolean {
  return goal !== undefined && omission !== 'votes-while-catching-up'
}
