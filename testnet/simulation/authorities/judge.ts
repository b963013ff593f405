import { decodeReceipts } from '../../../client/protocol/receipts.ts'
import type { GroupStatus } from '../../../consensus/groups/types.ts'
import { type Message, MessageType } from '../../../consensus/raft/types.ts'
import { inputHead } from '../../../daemon/authority/intake.ts'
import type { Engine } from '../../../daemon/hosting/engine.ts'
import { logBatchRange, type RaftInstance, raftEntryRange } from '../../../storage/keys.ts'
import type { StoreRange } from '../../../storage/store.ts'
import type { SimDisk } from '../disk.ts'
import type { Simulation } from '../simulation.ts'
import { AppliedTruth } from './applied-truth.ts'
import { DirectoryTruth } from './directory-truth.ts'
import { Finding } from './finding.ts'
import { LogTruth } from './log-truth.ts'
import type { Realm } from './realm.ts'
import { Told } from './told.ts'
import { instanceNumber, ViewTruth } from './view-truth.ts'

/** What an authority has bound itself to by a receipt. */
export interface Promised {
  readonly group: number
  readonly body: Uint8Array
  readonly view: number
  readonly leaf: number
  /** As world/codec encodes it, in hex. */
  readonly outcome: string
}

/** Of one Raft instance. */
export interface InstanceTruth {
  readonly log: LogTruth
  readonly applied: AppliedTruth
}

/** A promise's entry is looked for among so many of the newest, then among so many. */
const NEWEST_ENTRIES = [3, 64]
/** Those of a joint configuration, and those before it. */
const VOTERS_REMEMBERED = 3

/**
 * Sees everything at every node, as no part of a real network can, and fails the run at the first moment at which
 * something is wrong.
 */
export class Judge {
  readonly promises = new Map<string, Promised>()
  /** Voters of a group, the newest first. */
  readonly #lately = new Map<number, (readonly number[])[]>()
  readonly counters = new Map<string, number>()
  readonly told = new Told(
    group => this.views.view(group),
    problem => this.fail(problem),
  )
  readonly views = new ViewTruth(
    group => this.#realm.hosted.get(group)!.identity.members,
    problem => this.fail(problem),
    (who, what) => this.tell(who, what),
    name => this.count(name),
  )
  /** Of the realm's directory, where it has one. */
  readonly directory: DirectoryTruth | undefined
  readonly #simulation: Simulation
  readonly #realm: Realm
  readonly #diskOf: (node: number) => SimDisk
  readonly #engineOf: (node: number) => Engine | undefined
  /** Log roots by group and size, and seals by group and height, as first seen anywhere. */
  readonly #roots = new Map<string, string>()
  readonly #seals = new Map<string, string>()
  /** By group: what lying leaders logged, and how far what is decided has none of it. */
  readonly #forgeries = new Map<number, readonly Uint8Array[]>()
  readonly #unforgedSize = new Map<number, number>()
  /** By leader, those whose promise to it is over. */
  readonly #free = new Map<number, Set<number>>()
  /** By instance and index of what is applied. */
  readonly #members = new Map<string, string>()
  readonly #leaders = new Map<string, number>()
  /** By instance, term and voter, for whom it was, over all its lives and disks. */
  readonly #votes = new Map<string, number>()
  readonly #truths = new Map<string, InstanceTruth>()
  /** By node and instance: the newest that it had acknowledged when it left. */
  readonly #heldAtFreeze = new Map<string, readonly Uint8Array[]>()

  constructor(
    simulation: Simulation,
    realm: Realm,
    diskOf: (node: number) => SimDisk,
    engineOf: (node: number) => Engine | undefined,
  ) {
    this.#simulation = simulation
    this.#realm = realm
    this.#diskOf = diskOf
    this.#engineOf = engineOf
    if (realm.directory === undefined) return
    const { group } = realm.directory.identity
    this.directory = new DirectoryTruth({
      ...{ realm, diskOf, views: this.views },
      fail: problem => this.fail(problem),
      count: name => this.count(name),
      leader: () =>
        realm.nodes.map(({ number }) => engineOf(number)?.leader(group) ?? 0).find(it => it > 0) ?? 0,
    })
  }

  count(name: string, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by)
  }

  /** Of an area. */
  nameOf(group: number): string {
    return this.#realm.hosted.get(group)?.name ?? `group ${group}`
  }

  tell(who: string, what: string): void {
    this.#simulation.tell(who, what)
  }

  /** What a node counts, but for the plain sums of what goes well. */
  tellCount(who: string, name: string): void {
    if (!name.endsWith('_total')) this.#simulation.tellAgain(who, name)
  }

  tellReached(who: string, what: string, index: number): void {
    this.#simulation.tellReached(who, what, index)
  }

  fail(problem: string): void {
    this.#simulation.fail(new Finding(problem))
  }

  /** A leader lies: it logs a record with this body. */
  forged(group: number, body: Uint8Array): void {
    this.#forgeries.set(group, [...(this.#forgeries.get(group) ?? []), body])
  }

  /** The members have decided the log up to this size, and this node has it. */
  decided(node: number, group: number, size: number): void {
    const from = this.#unforgedSize.get(group) ?? 0
    if (size <= from) return
    for (const { value } of this.#diskOf(node).visible.slice(logBatchRange(group, from, size))) {
      if (this.#forgeries.get(group)?.some(body => holds(value, body)))
        this.fail(`forged: ${this.nameOf(group)} has a record that no honest leader logs, and it is decided`)
    }
    this.#unforgedSize.set(group, size)
  }

  /** An authority's word leaves `node`: it must stand on the disks of a quorum now, whatever crashes next. */
  promisedBy(node: number, status: GroupStatus, bodies: readonly Uint8Array[], bytes: Uint8Array): void {
    const { group } = status
    const run = decodeReceipts(bytes)
    if (run === undefined || run.outcomes.length !== bodies.length)
      return this.fail('receipts are unreadable')
    const news: Promised[] = []
    bodies.forEach((body, i) => {
      const outcome = Buffer.from(run.outcomes[i]!).toString('hex')
      const promised = { group, body: body.slice(), view: instanceNumber(run), leaf: run.leaf + i, outcome }
      if (this.#promised(promised)) news.push(promised)
    })
    this.#simulation.tellAgain(`n${node} ${this.nameOf(group)}`, 'gives receipts')
    if (news.length > 0) this.#checkDurable(node, status, news)
  }

  /** A member leaves a view for good. What it has acknowledged there is gone soon. */
  frozen(node: number, instance: RaftInstance): void {
    const { acknowledged } = this.#diskOf(node)
    const newest = { reverse: true, limit: NEWEST_ENTRIES.at(-1)! }
    const entries = acknowledged.slice({ ...raftEntryRange(instance), ...newest })
    const batches = acknowledged.slice({
      ...logBatchRange(instance.group, 0, Number.MAX_SAFE_INTEGER),
      ...newest,
    })
    const values = [...entries, ...batches].map(({ value }) => value)
    this.#heldAtFreeze.set(`${node}/${instance.group}/${instanceNumber(instance)}`, values)
  }

  /** True when it was promised for the first time. */
  #promised(promised: Promised): boolean {
    const { group, body, leaf, outcome } = promised
    const head = inputHead(body)
    if (head === undefined) {
      this.fail('a receipt is for what is no input')
      return false
    }
    this.count('receipts')
    this.told.tell(group, leaf + 1, promised.view)
    const key = promiseKey(head)
    const known = this.promises.get(key)
    // The leader of a view that is over, which has not heard of that, may tell what was promised in the next one since.
    const isElsewhere = known !== undefined && known.group !== group
    const isLate = known !== undefined && (isElsewhere || promised.view < known.view)
    if (isLate && this.views.fellOff(group, promised.view, leaf)) return false
    const isAgain = known !== undefined && this.views.fellOff(known.group, known.view, known.leaf)
    if (isAgain) this.count('promised-again')
    if (known === undefined || (isAgain && (isElsewhere || promised.view > known.view)))
      this.promises.set(key, promised)
    else if (known.leaf !== leaf || known.outcome !== outcome || known.group !== group)
      this.fail(`input ${head.seq} was promised twice: at leaf ${known.leaf} and at ${leaf}`)
    return known === undefined || isAgain
  }

  #checkDurable(node: number, { group, epoch, view, members }: GroupStatus, news: readonly Promised[]): void {
    const entries = raftEntryRange({ group, epoch, view })
    const lacking = (member: number): Promised | undefined => {
      // A disk that was lost after it had answered has done its part: what it held, a minority may lose.
      const { acknowledged, lost } = this.#diskOf(member)
      // Who has left this view since did its part too, and has gone back behind it: the leader may not have heard of that.
      const held = this.#heldAtFreeze.get(`${member}/${group}/${instanceNumber({ epoch, view })}`) ?? []
      let left = news.filter(({ body }) => !held.some(value => holds(value, body)))
      const find = (range: StoreRange): void => {
        for (const durable of [acknowledged, ...lost])
          for (const { value } of durable.slice(range)) left = left.filter(({ body }) => !holds(value, body))
      }
      for (const limit of NEWEST_ENTRIES) if (left.length > 0) find({ ...entries, reverse: true, limit })
      for (const { leaf } of left) find({ ...logBatchRange(group, 0, leaf + 1), reverse: true, limit: 1 })
      return left[0]
    }
    // What the voters before a change committed may be promised when the change stands already: it was behind it in the log.
    const quorums = this.#votersLately(group, members).map(voters => {
      const lacks = voters.map(lacking).filter(promised => promised !== undefined)
      return { voters, lacks, holders: voters.length - lacks.length }
    })
    if (quorums.some(({ voters, holders }) => 2 * holders > voters.length)) return
    const { voters, lacks, holders } = quorums[0]!
    this.fail(
      `n${node} gave a receipt for leaf ${lacks[0]!.leaf} of group ${group} that only ${holders} of ${voters.length} disks hold`,
    )
  }

  /** The voters that now decide, those that the group is leaving, and those before that. */
  #votersLately(
    group: number,
    { voters, votersOutgoing }: GroupStatus['members'],
  ): readonly (readonly number[])[] {
    const lately = this.#lately.get(group) ?? []
    for (const each of [votersOutgoing, voters]) {
      if (each.length > 0 && lately[0]?.join() !== each.join()) lately.unshift(each)
    }
    lately.length = Math.min(lately.length, VOTERS_REMEMBERED)
    this.#lately.set(group, lately)
    return lately
  }

  truthOf({ group, epoch, view }: RaftInstance): InstanceTruth {
    const key = `${group}/${epoch}/${view}`
    let truth = this.#truths.get(key)
    if (truth !== undefined) return truth
    const name = this.nameOf(group)
    const fail = (problem: string): void => this.fail(problem)
    truth = { log: new LogTruth(name, fail), applied: new AppliedTruth(name, fail) }
    this.#truths.set(key, truth)
    return truth
  }

  caughtUp(node: number, facts: object): void {
    this.#simulation.tell(
      `n${node}`,
      `${'error' in facts ? 'fails to catch up' : 'has caught up'}: ${JSON.stringify(facts)}`,
    )
    this.count('error' in facts ? 'catch-ups-failed' : 'catch-ups')
  }

  badChunk(node: number, facts: { readonly peer?: string }): void {
    this.#simulation.tell(`n${node}`, `refuses what it was sent: ${JSON.stringify(facts)}`)
    this.count(`bad-chunks-of-${facts.peer}`)
  }

  leads(node: number, { group, epoch, view }: RaftInstance, term: number): void {
    const key = `${group}/${epoch}/${view}/${term}`
    const other = this.#leaders.get(key)
    if (other === undefined) this.count('leaders')
    this.#leaders.set(key, other ?? node)
    if (other !== undefined && other !== node)
      this.fail(`n${other} and n${node} both lead group ${group} in term ${term}`)
  }

  /** A vote leaves its node: what a lost disk has forgotten, others may count. */
  gives({ group, epoch, view }: RaftInstance, voter: number, to: number, term: number): void {
    const key = `${group}/${epoch}/${view}/${term}/${voter}`
    const other = this.#votes.get(key) ?? to
    this.#votes.set(key, other)
    if (other !== to)
      this.fail(`n${voter} votes for n${other} and for n${to} in term ${term} of group ${group}`)
  }

  /** By its own clock a node's promise not to vote against another one begins, or is over. */
  supports(supporter: number, leader: number, begins: boolean): void {
    this.#free.get(leader)?.delete(supporter)
    if (begins) return
    const free = this.#free.get(leader) ?? new Set()
    this.#free.set(leader, free.add(supporter))
    const engine = this.#engineOf(leader)
    for (const group of this.#realm.hosted.keys()) {
      const status = engine?.status(group)
      if (status?.role !== 'leader' || !engine!.holdsLease(group)) continue
      if (hasQuorum(status.members, member => !free.has(member))) continue
      this.fail(`n${leader} holds the lease of group ${group}, and n${[...free].join(' and n')} are free`)
    }
  }

  /**
   * A member gives its vote, or says that it would: its promise to the leader is over, and so is the candidate's. Who
   * holds a lease of an earlier term must have a quorum without these two.
   */
  votes({ group }: RaftInstance, voter: number, { to, term, type }: Message): void {
    // An answer that waited for the disk may find that its candidate follows the leader again: it counts for nothing.
    const isLate = this.#engineOf(to)?.status(group)?.role !== 'pre-candidate'
    if (type === MessageType.PreVoteResp && isLate) return
    for (const { number } of this.#realm.nodes) {
      const engine = number === voter || number === to ? undefined : this.#engineOf(number)
      const status = engine?.status(group)
      if (status?.role !== 'leader' || status.term >= term || !engine!.holdsLease(group)) continue
      // What it said to a pre-candidate binds it to nothing, and may have waited for its disk until it follows again.
      if (this.#engineOf(voter)?.status(group)?.leader === number) continue
      if (hasQuorum(status.members, member => member !== voter && member !== to)) continue
      this.fail(
        `n${voter} is for n${to} in term ${term} of group ${group}, and n${number} holds the lease of term ${status.term}`,
      )
    }
  }

  /** What a node holds now agrees with what any node ever held. */
  look(node: number, engine: Engine): void {
    for (const { authority, name } of engine.authorities()) {
      const { log, lastSeal, voidRecords, malformedEntries } = authority.replica
      const { group, epoch, view } = authority.identity
      const status = engine.status(group)
      // Before the first entry they are what the node was told; those of a snapshot are there before it is installed.
      if (status !== undefined && status.applied > 0 && status.firstIndex <= status.applied + 1) {
        const { applied, members } = status
        this.#agree(
          this.#members,
          `${group}/${epoch}/${view}/${applied}`,
          JSON.stringify(members),
          `n${node}: the members of ${name} as of entry ${applied}`,
        )
      }
      this.#agree(
        this.#roots,
        `${group}/${epoch}/${view}/${log.size}`,
        hex(log.root()),
        `n${node}: the log of ${name} at ${log.size}`,
      )
      if (lastSeal !== undefined) {
        const { seal, size, root, checkpointHash } = lastSeal
        const sealed = [seal.height, size, hex(root), hex(seal.stateRoot), hex(checkpointHash)].join()
        this.#agree(
          this.#seals,
          `${group}/${epoch}/${view}/${seal.height}`,
          sealed,
          `n${node}: seal ${seal.height} of ${name}`,
        )
      }
      if (malformedEntries > 0) this.fail(`n${node}: ${name} has a malformed entry`)
      this.counters.set('void-records', Math.max(this.counters.get('void-records') ?? 0, voidRecords))
      for (const queue of [authority.inputs, authority.intents, authority.simulation, authority.outputs]) {
        if (queue.length > queue.limit)
          this.fail(`n${node}: the ${queue.name} queue of ${name} is over its limit`)
      }
    }
  }

  #agree(truths: Map<string, string>, key: string, value: string, what: string): void {
    const truth = truths.get(key)
    if (truth === undefined) truths.set(key, value)
    else if (truth !== value) this.fail(`${what} differs from what another replica has`)
  }
}

/** In both halves of a joint configuration; not by the code that is judged. */
function hasQuorum(
  { voters, votersOutgoing }: GroupStatus['members'],
  counts: (voter: number) => boolean,
): boolean {
  return [voters, votersOutgoing].every(
    half => 2 * half.filter(counts).length > half.length || half.length === 0,
  )
}

function holds(value: Uint8Array, body: Uint8Array): boolean {
  const wanted = Buffer.from(body.buffer, body.byteOffset, body.length)
  return Buffer.from(value.buffer, value.byteOffset, value.length).includes(wanted)
}

export function promiseKey(head: { player: string; session: string; seq: number }): string {
  return `${hex(Buffer.from(head.player, 'latin1'))}/${hex(Buffer.from(head.session, 'latin1'))}/${head.seq}`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
