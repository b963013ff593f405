import { LINKS, type LinkName } from '../link.ts'
import { Simulation } from '../simulation.ts'
import type { Story } from '../story.ts'
import { directoryDifference } from './directory-rest.ts'
import type { Node } from './faults/fault.ts'
import type { FaultName } from './faults/list.ts'
import { mend, sparesOne, torment } from './faults/torment.ts'
import { usurperOf } from './faults/usurping.ts'
import { checkFinalLog, checkOnePlace, type FinalLog } from './final.ts'
import { Finding } from './finding.ts'
import { authoritiesIn } from './realm-directory.ts'
import { SimRealm } from './sim-realm.ts'

export interface SimulationPlan {
  readonly seed: number
  readonly nodes: number
  readonly clients: number
  readonly groups: number
  /** Virtual seconds of play under faults. */
  readonly seconds: number
  readonly faults: readonly FaultName[]
  /** The members of each group, four of them, vote on what they have executed. */
  readonly votes?: boolean
  /** The areas' borders are open, and players begin near them. With votes. */
  readonly crossing?: boolean
  /** The nodes hold a directory, which anchors what they decide, gives them leases and orders their members. With votes. */
  readonly directory?: boolean
  /** Between all nodes; the seed decides where it isn't named. */
  readonly link?: LinkName | undefined
  /** The planted bug (bugs/catalogue.ts) under which this module is to be loaded. */
  readonly bug?: string | undefined
}

export interface SimulationResult {
  /** Hex SHA-256 over all that happened. */
  readonly trace: string
  readonly virtualMs: number
  readonly faults: ReadonlyMap<string, number>
  readonly counters: ReadonlyMap<string, number>
}

const REPLICAS = 3
const VOTING_REPLICAS = 4
const PROGRESS_MS = 2_000
/** Views that brought nothing on have doubled what the next one may take. */
const VOTING_RECOVERY_MS = 120_000
/** Every so many seeds channels take little before they push back, so that it is done on every path. */
const SMALL_BUFFERS = 2
const SMALL_BUFFER_BYTES = 1 << 10
/** After the last fault, everything that was asked for is answered within this time. */
const RECOVERY_MS = 15_000
/** What a fault has begun ends a process by then, if it does: an orderly stop, the write after which the power fails. */
const LATE_ENDS_MS = 1_000
/** Replicas are equal within this time, and never stand still for `RECOVERY_MS` until then. */
const SETTLING_MS = 300_000
/** A minute, until members go along with one of them, and what it takes to come to the next view. */
const ALONE_MS = 70_000
/** Every eighth network whose members vote is left to take one of them along by itself. */
const ALONE_SEEDS = 8
/** Where one member claims to lead all the time, it is looked so many times for so long whether something is decided. */
const WINDOWS = 12
const WINDOW_MS = 5_000
const LEAST_FRUITFUL = 8
/** Out of step with the areas' ticks, which leave the replicas unequal for a moment. */
const LOOK_EVERY_MS = 73

/** A run that failed: what was wrong, with the last events, and what had come of it until then. */
export class SimulationError extends Error {
  readonly result: SimulationResult

  constructor(cause: unknown, { trace, nowMs }: Simulation, result: SimulationResult) {
    const problem = cause instanceof Finding ? cause.message : ((cause as Error).stack ?? String(cause))
    const tail = trace.tail(12).join('\n  ')
    super(`${problem}\nat ${nowMs} ms of virtual time; last events:\n  ${tail}`, { cause })
    this.result = result
  }
}

/** One whole network under one seed. @throws SimulationError */
export async function runAuthorities(plan: SimulationPlan, story?: Story): Promise<SimulationResult> {
  const simulation = new Simulation(plan.seed, story)
  const run = new Run(simulation, plan)
  // A rejection that nobody takes would end a real node's process.
  const untaken = (error: unknown): void => simulation.fail(error)
  process.on('unhandledRejection', untaken)
  try {
    return await run.run()
  } catch (error) {
    throw new SimulationError(error, simulation, run.result())
  } finally {
    process.off('unhandledRejection', untaken)
    story?.end(simulation.nowMs)
  }
}

class Run {
  readonly #simulation: Simulation
  readonly #plan: SimulationPlan
  readonly #sim: SimRealm

  constructor(simulation: Simulation, plan: SimulationPlan) {
    this.#simulation = simulation
    this.#plan = plan
    const link = plan.link ?? linkOf(plan.seed)
    simulation.network.configure({ link: LINKS[link] })
    if (plan.seed % SMALL_BUFFERS === 0) simulation.network.configure({ highWaterBytes: SMALL_BUFFER_BYTES })
    const replicas = Math.min(plan.votes ? VOTING_REPLICAS : REPLICAS, plan.nodes)
    const { seed, nodes, groups } = plan
    const realm = {
      seed,
      nodes,
      groups,
      replicas,
      ...(plan.crossing && { crossing: true }),
      ...(plan.directory && { directory: true }),
    }
    this.#sim = new SimRealm(
      simulation,
      plan.votes ? { ...realm, progressMs: PROGRESS_MS } : { ...plan, replicas },
    )
  }

  async run(): Promise<SimulationResult> {
    const { seconds, faults } = this.#plan
    const { judge, directory } = this.#sim
    judge.views.isOrdered = (group, members) => directory.wasOrdered(group, members)
    await this.#simulation.runFor(1_000)
    this.#sim.addPlayers(this.#plan.clients)
    await this.#simulation.runFor(2_000)
    await torment(this.#sim, seconds * 1_000, faults)
    await this.#recover('after the faults')
    // Once more, from the disks alone.
    for (const node of this.#sim.nodes) node.crash({ silent: true })
    for (const player of this.#sim.players) player.resting = false
    await this.#simulation.runFor(500)
    await this.#recover('after a crash of all nodes')
    // The records of what is applied follow with a later write.
    await this.#simulation.runFor(1_000)
    await this.#checkLogs()
    this.#checkChannels()
    return this.result()
  }

  get #recoveryMs(): number {
    return this.#plan.votes ? VOTING_RECOVERY_MS : RECOVERY_MS
  }

  /** Members that take no part: they gave the view up, or are on their way to the next one. */
  #outOf(group: number): readonly number[] {
    return this.#sim
      .votersOf(group)
      .filter(member => this.#sim.node(member).program?.engine.status(group) === undefined)
  }

  /** A member gives the view up alone and stays out of it until the next one, to which the others go for its sake. */
  async #takesAlong(): Promise<void> {
    await this.#endFaults()
    const { group, name } = this.#sim.realm.areas[0]!
    const allTakePart = (): boolean => this.#outOf(group).length === 0
    if (!(await this.#simulation.runUntil(allTakePart, ALONE_MS)))
      throw new Finding(`not settled: n${this.#outOf(group)} take no part in ${name}`)
    const voters = this.#sim.votersOf(group)
    const alone = voters[this.#plan.seed % voters.length]!
    this.#sim.node(alone).program?.suspect(group, 'alone')
    await this.#simulation.runFor(LATE_ENDS_MS)
    if (!(await this.#simulation.runUntil(allTakePart, ALONE_MS)))
      throw new Finding(`not settled: nobody takes n${this.#outOf(group)} along to the next view of ${name}`)
  }

  /** An input that waits would bring the next view, and nobody plays any more: it comes, so that all can be compared. */
  #bringAllAlong(): void {
    for (const { group } of authoritiesIn(this.#sim.realm)) {
      const members = this.#sim.votersOf(group)
      const programs = members.flatMap(member => this.#sim.node(member).program ?? [])
      if (programs.every(({ engine }) => engine.status(group) !== undefined)) continue
      for (const program of programs) program.suspect(group, 'another-is-frozen')
    }
  }

  /** The faults are over, but for one node that may stay away: play goes on for a while, then everything comes to rest and is compared. */
  async #recover(when: string): Promise<void> {
    this.#simulation.tell('run', `recovery ${when}`)
    if (this.#plan.votes && this.#plan.seed % ALONE_SEEDS === 0) await this.#takesAlong()
    // Without one of one or two replicas nobody can go on.
    const maySpare = this.#plan.faults.length > 0 && this.#plan.nodes >= REPLICAS
    const spared = maySpare ? sparesOne(this.#sim) : undefined
    const away = spared?.node
    const startMs = this.#simulation.nowMs
    await this.#endFaults(away)
    const stuck = this.#stuck()
    const limitMs = this.#recoveryMs - LATE_ENDS_MS
    if (!(await this.#simulation.runUntil(() => stuck() === undefined, limitMs)))
      throw new Finding(`no progress ${when}: ${stuck()}\n${this.#sim.describe()}`)
    if (usurperOf(this.#sim) !== undefined) await this.#goesOn(when)
    for (const player of this.#sim.players) player.resting = true
    const rested = (): boolean => this.#sim.players.every(player => player.atRest)
    if (!(await this.#simulation.runUntil(rested, this.#recoveryMs)))
      throw new Finding(`inputs are unanswered, or players cannot leave, ${when}:\n${this.#sim.describe()}`)
    if (away !== undefined && !spared?.leadsOn && !(await this.#settles(away)))
      throw new Finding(
        `not settled without ${away.name} ${when}: ${this.#difference(away)}\n${this.#sim.describe()}`,
      )
    await this.#endFaults()
    if (!(await this.#settles()))
      throw new Finding(`not settled ${when}: ${this.#difference()}\n${this.#sim.describe()}`)
    this.#sim.judge.counters.set(`longest recovery ms ${when}`, Math.round(this.#simulation.nowMs - startMs))
  }

  /** Who still falls to one, as a process does that was told to stop while it stood still, comes back like the others. */
  async #endFaults(away?: Node): Promise<void> {
    mend(this.#sim, away)
    await this.#simulation.runFor(LATE_ENDS_MS)
    mend(this.#sim, away)
  }

  /** While a member claims to lead, each area that is played in is to decide something for most of the time. */
  async #goesOn(when: string): Promise<void> {
    const { players, judge } = this.#sim
    const groups = new Set(players.map(({ area }) => area.group))
    const fruitful = new Map<number, number>([...groups].map(group => [group, 0]))
    for (let window = 0; window < WINDOWS; window++) {
      const before = [...groups].map(group => judge.views.decidedHeight(group))
      await this.#simulation.runFor(WINDOW_MS)
      ;[...groups].forEach((group, i) => {
        if (judge.views.decidedHeight(group) > before[i]!) fruitful.set(group, fruitful.get(group)! + 1)
      })
    }
    for (const [group, times] of fruitful) {
      if (times < LEAST_FRUITFUL)
        throw new Finding(
          `no progress for most of the time ${when}, where one claims to lead: group ${group} decided in ${times} of ${WINDOWS} times ${WINDOW_MS} ms\n${this.#sim.describe()}`,
        )
    }
  }

  /** Says who has had no progress since now: a group that nobody leads or that commits nothing, or a player without answers. */
  #stuck(): () => string | undefined {
    const { players, realm, judge } = this.#sim
    const committed = (group: number): number =>
      this.#plan.votes
        ? judge.views.decidedHeight(group)
        : judge.truthOf(realm.hosted.get(group)!.identity).log.committedIndex
    const committedBefore = new Map(realm.areas.map(({ group }) => [group, committed(group)]))
    const answeredBefore = new Map(players.map(player => [player, player.answered]))
    return () => {
      const waiting = players.find(player => player.answered <= answeredBefore.get(player)! + 1)
      if (waiting !== undefined) return `a player of ${waiting.area.name} gets no answers`
      for (const { group, name } of realm.areas) {
        const isPlayedIn = players.some(player => player.area.group === group)
        // Where members have left the view, an input that waits brings the next one, and nothing else does.
        if (this.#plan.votes && !isPlayedIn) continue
        if (this.#sim.leaderOf(group) === undefined) return `nobody leads ${name}`
        if (isPlayedIn && committed(group) === committedBefore.get(group)) return `${name} commits nothing`
      }
      return undefined
    }
  }

  /** A replica that begins anew needs its time on a slow line: as long as some log grows, nothing stands still. */
  async #settles(away?: Node): Promise<boolean> {
    if (this.#plan.votes) {
      await this.#simulation.runFor(PROGRESS_MS)
      this.#bringAllAlong()
    }
    const endMs = this.#simulation.nowMs + SETTLING_MS
    let grown = 0
    for (let grewAtMs = this.#simulation.nowMs; this.#simulation.nowMs - grewAtMs < this.#recoveryMs; ) {
      if (this.#difference(away) === undefined) return true
      if (this.#simulation.nowMs > endMs) return false
      const leaves = this.#leaves()
      if (leaves > grown) grewAtMs = this.#simulation.nowMs
      grown = Math.max(grown, leaves)
      await this.#simulation.runFor(LOOK_EVERY_MS)
    }
    return false
  }

  /** In all logs of all replicas together. */
  #leaves(): number {
    const sizes = this.#sim.nodes.flatMap(({ program }) =>
      [...(program?.engine.authorities() ?? [])].map(({ authority }) => authority.replica.log.size),
    )
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** What still differs or waits on the nodes that aren't away, or undefined when everything is equal and at rest. */
  #difference(away?: Node): string | undefined {
    const there = this.#sim.nodes.filter(node => node !== away)
    for (const { name, program } of there) {
      if (program === undefined) return `${name} is not up`
      if (program.router.pending > 0) return `${name}'s router waits for ${program.router.pending} answers`
      if (program.gateway.stats.inFlight > 0) return `${name}'s gateway waits for answers`
      for (const { authority, name: area } of program.engine.authorities()) {
        const waiting = authority.inputs.length + authority.intents.length + authority.inputsInFlight
        if (waiting > 0) return `${name} holds ${waiting} inputs of ${area}`
      }
    }
    // A node that is away may be one that others wait for.
    const isWhole = there.length === this.#sim.nodes.length
    if (isWhole && !this.#sim.directory.isSettled) return 'an area has not the members yet that were ordered'
    const unknown = isWhole ? directoryDifference(this.#sim) : undefined
    if (unknown !== undefined) return unknown
    for (const { group } of this.#sim.realm.areas) {
      const difference = this.#areaDifference(group, there)
      if (difference !== undefined) return difference
    }
    return undefined
  }

  #areaDifference(group: number, there: readonly Node[]): string | undefined {
    const { name } = this.#sim.realm.hosted.get(group)!
    const members = this.#sim.membersOf(group).filter(member => there.includes(this.#sim.node(member)))
    const authorities = members.flatMap(member => this.#sim.authorityOn(member, group)?.authority ?? [])
    if (authorities.length < members.length) return `a member of ${name} has no replica yet`
    if (!authorities.some(({ serving }) => serving)) return `nobody leads ${name}`
    const replicas = authorities.map(({ replica }) => replica)
    const [first] = replicas
    if (replicas.some(({ log }) => log.size !== first!.log.size)) {
      return `the replicas of ${name} are at ${replicas.map(({ log }) => log.size).join(', ')}`
    }
    const state = stateOf(first!.rules)
    if (replicas.some(({ rules }) => stateOf(rules) !== state)) {
      this.#sim.judge.fail(`the replicas of ${name} have equal logs and other states`)
    }
    const area = first!.area!
    const owned = new Map([...area.entities()].map(({ id }) => [id, base64(area.entityBytes(id)!)]))
    for (const { name: node, program } of there) {
      const mirror = program!.mirrors.get(group)!
      if (!mirror.live) return `${node} has no feed of ${name}`
      if (mirror.entities.size !== owned.size) return `${node}'s ghosts of ${name} are not all or too many`
      for (const [id, bytes] of owned)
        if (mirror.entities.get(id) !== bytes) return `${node}'s ghost of ${id} in ${name} is another`
    }
    return undefined
  }

  /** A frame longer than agreed, or more of them than a channel holds, ends the channel: its sender should have known. */
  #checkChannels(): void {
    for (const kind of ['frame-too-long', 'buffer-overflow']) {
      const times = this.#simulation.faults.get(kind) ?? 0
      if (times > 0) throw new Finding(`a channel was closed for ${kind}, ${times} times`)
    }
  }

  async #checkLogs(): Promise<void> {
    const finals: FinalLog[] = []
    for (const { group } of this.#sim.realm.areas) {
      const members = this.#sim.membersOf(group)
      const final = await checkFinalLog(
        this.#sim.realm,
        { group, members },
        this.#sim.diskOf,
        this.#sim.judge,
      )
      this.#sim.judge.count('final-records', final.records)
      this.#sim.judge.count('final-applied', final.applied)
      this.#sim.judge.count('final-sealed-roots', final.sealedRoots)
      finals.push(final)
    }
    checkOnePlace(finals)
    this.#sim.judge.directory?.checkPromises(this.#sim.judge.promises.values())
    this.#sim.judge.count('promises', this.#sim.judge.promises.size)
  }

  result(): SimulationResult {
    const { trace, faults, nowMs } = this.#simulation
    return { trace: trace.digest(), virtualMs: nowMs, faults, counters: this.#sim.judge.counters }
  }
}

/** Mostly in one room, every third time in homes of one country, or every twelfth on two sides of the world. */
function linkOf(seed: number): LinkName {
  if (seed % 12 === 0) return 'far'
  return seed % 3 === 0 ? 'home' : 'lan'
}

function stateOf(world: { entries(): Iterable<{ key: Uint8Array; value: Uint8Array }> }): string {
  let state = ''
  for (const { key, value } of world.entries()) state += `${base64(key)} ${base64(value)}\n`
  return state
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
