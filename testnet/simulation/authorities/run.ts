import type { SimDisk } from '../disk.ts'
import type { SimNode } from '../node.ts'
import { Simulation } from '../simulation.ts'
import { type SimDaemon, startDaemon } from './daemon.ts'
import { mend, torment } from './faults.ts'
import { checkFinalLog } from './final.ts'
import { Judge } from './judge.ts'
import { decide } from './mind.ts'
import { HONEST, type PlantedBug, wiringOf } from './planted.ts'
import { SimPlayer } from './player.ts'
import { foundRealm, nameOf, type Realm } from './realm.ts'

export interface SimulationPlan {
  readonly seed: number
  readonly nodes: number
  readonly clients: number
  readonly areas: number
  /** Virtual seconds of play under faults. */
  readonly seconds: number
  readonly bug?: PlantedBug | undefined
}

export interface SimulationResult {
  /** Hex SHA-256 over all that happened. */
  readonly trace: string
  readonly virtualMs: number
  readonly faults: ReadonlyMap<string, number>
  readonly counters: ReadonlyMap<string, number>
}

const REPLICAS = 3
const SETTINGS = { recordsBetweenSnapshots: 60, heartbeatMs: 50, electionMs: 300 }
/** After the last fault, everything that was asked for is answered within this time, and all replicas are equal. */
const RECOVERY_MS = 20_000

/** One whole network under one seed. @throws an Error that says what went wrong, with the last events */
export async function runAuthorities(plan: SimulationPlan): Promise<SimulationResult> {
  const simulation = new Simulation(plan.seed)
  try {
    return await new Run(simulation, plan).run()
  } catch (error) {
    const tail = simulation.trace.tail(12).join('\n  ')
    const at = `at ${simulation.nowMs} ms of virtual time`
    throw new Error(`${(error as Error).message}\n${at}; last events:\n  ${tail}`, { cause: error })
  }
}

class Run {
  readonly #simulation: Simulation
  readonly #plan: SimulationPlan
  readonly #realm: Realm
  readonly #judge: Judge
  readonly #nodes: SimNode<SimDaemon>[] = []
  readonly #players: SimPlayer[] = []
  readonly #playerOf = new Map<number, SimPlayer>()
  #connections = 0

  constructor(simulation: Simulation, plan: SimulationPlan) {
    this.#simulation = simulation
    this.#plan = plan
    this.#realm = foundRealm({ ...plan, replicas: Math.min(REPLICAS, plan.nodes) })
    this.#judge = new Judge(simulation, this.#realm, this.#diskOf)
  }

  readonly #diskOf = (number: number): SimDisk => this.#nodes[number - 1]!.disk

  async run(): Promise<SimulationResult> {
    const { seconds } = this.#plan
    this.#startNodes()
    await this.#simulation.runFor(1_000)
    this.#startPlayers()
    await this.#simulation.runFor(2_000)
    await torment(this.#simulation, this.#nodes, seconds * 1_000)
    await this.#recover('after the faults')
    // Once more, from the disks alone.
    for (const node of this.#nodes) node.crash({ silent: true })
    for (const player of this.#players) player.resting = false
    await this.#simulation.runFor(500)
    await this.#recover('after a crash of all nodes')
    // The records of what is applied follow with a later write.
    await this.#simulation.runFor(1_000)
    await this.#checkLogs()
    return this.#result()
  }

  #startNodes(): void {
    const wiring = this.#plan.bug === undefined ? HONEST : wiringOf(this.#plan.bug)
    const clients = {
      fromGateway: (connection: number, bytes: Uint8Array) =>
        this.#playerOf.get(connection)?.receive(connection, bytes),
      closedByGateway: (connection: number) => this.#playerOf.get(connection)?.closed(connection),
    }
    for (const { name } of this.#realm.nodes) {
      const node = this.#simulation.addNode(
        name,
        context => startDaemon(this.#realm, SETTINGS, wiring, this.#judge, clients, context),
        { disk: { keepsUnsyncedPrefix: this.#plan.seed % 2 === 0 } },
      )
      node.disk.onCrashPoint = () => node.crash()
      this.#nodes.push(node)
      node.start()
    }
  }

  #startPlayers(): void {
    const { areas } = this.#realm
    for (let index = 0; index < this.#plan.clients; index++) {
      const area = areas[index % areas.length]!
      const player = new SimPlayer({
        simulation: this.#simulation,
        realm: this.#realm,
        nodes: this.#nodes,
        judge: this.#judge,
        area,
        index,
        decide: ({ random, key }) => decide(random, key.publicKey, this.#worldOf(area.group)),
        newConnection: who => {
          this.#playerOf.set(++this.#connections, who)
          return this.#connections
        },
      })
      this.#players.push(player)
    }
  }

  /** Any replica's: players see about what it shows. */
  #worldOf(group: number) {
    for (const node of this.#nodes) {
      const host = node.program?.engine.authority(group)
      if (host !== undefined) return host.authority.replica.world
    }
    return undefined
  }

  /** The faults are over: play goes on for a while, then everything comes to rest and is compared. */
  async #recover(when: string): Promise<void> {
    mend(this.#simulation, this.#nodes)
    const before = this.#players.map(player => player.answered)
    const startMs = this.#simulation.nowMs
    const progressed = (): boolean => this.#players.every((player, i) => player.answered > before[i]! + 1)
    if (!(await this.#simulation.runUntil(progressed, RECOVERY_MS)))
      throw new Error(`no progress ${when}:\n${this.#describe()}`)
    for (const player of this.#players) player.resting = true
    const rested = (): boolean => this.#players.every(player => player.waiting === 0)
    if (!(await this.#simulation.runUntil(rested, RECOVERY_MS)))
      throw new Error(`unanswered inputs ${when}:\n${this.#describe()}`)
    const settled = (): boolean => this.#difference() === undefined
    if (!(await this.#simulation.runUntil(settled, RECOVERY_MS)))
      throw new Error(`not settled ${when}: ${this.#difference()}\n${this.#describe()}`)
    this.#judge.counters.set(`recovered-ms ${when}`, Math.round(this.#simulation.nowMs - startMs))
  }

  /** What still differs or waits, or undefined when everything is equal and at rest. */
  #difference(): string | undefined {
    for (const { name, program } of this.#nodes) {
      if (program === undefined) return `${name} is not up`
      if (program.router.pending > 0) return `${name}'s router waits for ${program.router.pending} answers`
      if (program.gateway.stats.inFlight > 0) return `${name}'s gateway waits for answers`
      for (const { authority, name: area } of program.engine.authorities()) {
        const waiting = authority.inputs.length + authority.intents.length + authority.inputsInFlight
        if (waiting > 0) return `${name} holds ${waiting} inputs of ${area}`
      }
    }
    for (const { group } of this.#realm.areas) {
      const difference = this.#areaDifference(group)
      if (difference !== undefined) return difference
    }
    return undefined
  }

  #areaDifference(group: number): string | undefined {
    const { identity, name } = this.#realm.hosted.get(group)!
    const replicas = identity.members.map(
      member => this.#nodes[member - 1]!.program!.engine.authority(group)!.authority.replica,
    )
    const [first] = replicas
    if (replicas.some(({ log }) => log.size !== first!.log.size)) {
      return `the replicas of ${name} are at ${replicas.map(({ log }) => log.size).join(', ')}`
    }
    const state = stateOf(first!.world)
    if (replicas.some(({ world }) => stateOf(world) !== state)) {
      this.#judge.fail(`the replicas of ${name} have equal logs and other states`)
    }
    const owned = new Map(
      [...first!.world.entities()].map(({ id }) => [id, base64(first!.world.entityBytes(id)!)]),
    )
    for (const { name: node, program } of this.#nodes) {
      const mirror = program!.mirrors.get(group)!
      if (!mirror.live) return `${node} has no feed of ${name}`
      if (mirror.entities.size !== owned.size) return `${node}'s ghosts of ${name} are not all or too many`
      for (const [id, bytes] of owned)
        if (mirror.entities.get(id) !== bytes) return `${node}'s ghost of ${id} in ${name} is another`
    }
    return undefined
  }

  async #checkLogs(): Promise<void> {
    for (const { group } of this.#realm.areas) {
      const final = await checkFinalLog(this.#realm, group, this.#diskOf, this.#judge.promises)
      this.#judge.count('final-records', final.records)
      this.#judge.count('final-applied', final.applied)
      this.#judge.count('final-sealed-roots', final.sealedRoots)
    }
    this.#judge.count('promises', this.#judge.promises.size)
  }

  #result(): SimulationResult {
    const { trace, faults, nowMs } = this.#simulation
    return { trace: trace.digest(), virtualMs: nowMs, faults, counters: this.#judge.counters }
  }

  #describe(): string {
    const lines = this.#players.filter(player => player.waiting > 0).map(player => player.describe())
    for (const { group, name, members } of this.#realm.areas) {
      const replicas = members.map(member => {
        const engine = this.#nodes[member - 1]!.program?.engine
        const status = engine?.status(group)
        if (engine === undefined || status === undefined) return `${nameOf(member)} down`
        const { authority } = engine.authority(group)!
        const { role, term, leader, commit, applied, firstIndex, lastIndex } = status
        const served = authority.serving ? ' serving' : ''
        return `${nameOf(member)} ${role}${served} t${term} l${leader} c${commit} a${applied} ${firstIndex}..${lastIndex} size ${authority.replica.log.size}`
      })
      lines.push(`${name}: ${replicas.join(' | ')}`)
    }
    return lines.join('\n')
  }
}

function stateOf(world: { entries(): Iterable<{ key: Uint8Array; value: Uint8Array }> }): string {
  let state = ''
  for (const { key, value } of world.entries()) state += `${base64(key)} ${base64(value)}\n`
  return state
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
