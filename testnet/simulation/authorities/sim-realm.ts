import type { GroupStatus } from '../../../consensus/groups/types.ts'
import type { AuthorityHost } from '../../../daemon/hosting/authority-host.ts'
import type { Engine } from '../../../daemon/hosting/engine.ts'
import type { Store } from '../../../storage/store.ts'
import type { SimDisk } from '../disk.ts'
import type { SimNode } from '../node.ts'
import type { Simulation } from '../simulation.ts'
import { type DaemonSettings, HONEST, type SimDaemon, startDaemon, type Wiring } from './daemon.ts'
import { readOnly } from './final.ts'
import { DecidedOrders, type GivenOrders } from './given-orders.ts'
import { Judge } from './judge.ts'
import { decide, decideToCross } from './mind.ts'
import type { Machine } from './own-disk.ts'
import { SimPlayer } from './player.ts'
import { foundRealm, type Realm, type RealmPlan } from './realm.ts'
import { authoritiesIn } from './realm-directory.ts'
import { SimDirectory } from './sim-directory.ts'

const SETTINGS: Omit<DaemonSettings, 'leaseReads' | 'progressMs'> = {
  recordsBetweenSnapshots: 60,
  heartbeatMs: 50,
  electionMs: 300,
}

/** The nodes of a realm with their players on one simulation, under the eyes of one judge. */
export class SimRealm {
  readonly simulation: Simulation
  readonly realm: Realm
  readonly judge: Judge
  readonly nodes: SimNode<SimDaemon>[] = []
  readonly players: SimPlayer[] = []
  readonly directory: GivenOrders
  readonly #votes: boolean
  readonly #playerOf = new Map<number, SimPlayer>()
  #connections = 0

  constructor(simulation: Simulation, plan: RealmPlan, wiring: Wiring = HONEST) {
    this.simulation = simulation
    this.realm = foundRealm(plan)
    this.#votes = plan.progressMs !== undefined
    const founders = (group: number): readonly number[] => this.realm.hosted.get(group)!.identity.members
    this.judge = new Judge(simulation, this.realm, this.diskOf, this.engineOf)
    const truth = this.judge.directory
    this.directory = truth ? new DecidedOrders(truth) : new SimDirectory(simulation, this.nodes, founders)
    for (const { name } of this.realm.nodes) this.#startNode(name, plan, wiring)
  }

  readonly diskOf = (number: number): SimDisk => this.node(number).disk

  /** What its disk has now, for reading. */
  readonly storeOf = (number: number): Store => readOnly(this.diskOf(number))

  readonly engineOf = (number: number): Engine | undefined => this.node(number).program?.engine

  get forgetful(): SimNode<SimDaemon> | undefined {
    return this.#votes ? this.nodes[this.simulation.seed % this.nodes.length] : undefined
  }

  node(number: number): SimNode<SimDaemon> {
    return this.nodes[number - 1]!
  }

  /** The authority on this node, while that is up. */
  authorityOn(number: number, group: number): AuthorityHost | undefined {
    return this.node(number).program?.engine.authority(group)
  }

  /** Who keeps the group's log, voters and learners. */
  membersOf(group: number): readonly number[] {
    const { voters, votersOutgoing, learners, learnersNext } = this.#configOf(group)
    return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].sort((a, b) => a - b)
  }

  votersOf(group: number): readonly number[] {
    return this.#configOf(group).voters
  }

  /** As the replica knows it that has applied most. */
  #configOf(group: number): GroupStatus['members'] {
    const [known] = this.nodes
      .flatMap(({ program }) => program?.engine.status(group) ?? [])
      .sort((a, b) => b.epoch - a.epoch || b.view - a.view || b.applied - a.applied)
    if (known !== undefined) return known.members
    const voters = this.realm.hosted.get(group)!.identity.members
    return { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }
  }

  /** The number of the node that leads the group and serves it; not one that hangs and has missed a later view or term. */
  leaderOf(group: number): number | undefined {
    const leaders = this.membersOf(group).flatMap(member => {
      const authority = this.authorityOn(member, group)?.authority
      return authority?.serving ? [{ member, term: authority.term, ...authority.identity }] : []
    })
    leaders.sort((a, b) => b.epoch - a.epoch || b.view - a.view || b.term - a.term)
    return leaders[0]?.member
  }

  #startNode(name: string, plan: RealmPlan, wiring: Wiring): void {
    const clients = {
      fromGateway: (connection: number, bytes: Uint8Array) =>
        this.#playerOf.get(connection)?.receive(connection, bytes),
      closedByGateway: (connection: number) => this.#playerOf.get(connection)?.closed(connection),
    }
    // Every other network trusts its clocks, which keep to the bound.
    const { progressMs } = plan
    const settings = { ...SETTINGS, leaseReads: plan.seed % 2 === 1, progressMs }
    const node: SimNode<SimDaemon> = this.simulation.addNode(
      name,
      context => startDaemon(this.realm, settings, wiring, this.judge, clients, machine, context),
      { disk: { keepsUnsyncedPrefix: plan.seed % 2 === 0 } },
    )
    const machine: Machine = { disk: node.disk, incarnation: undefined, end: () => this.#endSoon(node) }
    node.disk.onCrashPoint = () => node.crash()
    this.nodes.push(node)
    node.start()
  }

  /** Not in the middle of a call, whose rest would run on. */
  #endSoon(node: SimNode<SimDaemon>): void {
    this.simulation.schedule(undefined, 0, `${node.name} ends`, () => node.crash())
  }

  /** Spread over the areas by turns; the last one of several has none, and so a group that sleeps. */
  addPlayers(count: number): void {
    const areas = this.realm.areas.slice(0, Math.max(1, this.realm.areas.length - 1))
    for (let index = 0; index < count; index++) {
      const area = areas[index % areas.length]!
      const player = new SimPlayer({
        simulation: this.simulation,
        realm: this.realm,
        nodes: this.nodes,
        judge: this.judge,
        area,
        index,
        decide: ({ random, key, area: { group, sideMm } }) =>
          this.realm.crossing
            ? decideToCross(random, key.publicKey, this.#worldOf(group), sideMm)
            : decide(random, key.publicKey, this.#worldOf(group)),
        isAwake: ({ key, area: { group } }) => this.#isAwake(group, key.publicKey),
        newConnection: who => {
          this.#playerOf.set(++this.#connections, who)
          return this.#connections
        },
      })
      this.players.push(player)
    }
  }

  /** Any replica's: players see about what it shows. */
  #worldOf(group: number) {
    for (const node of this.nodes) {
      const host = node.program?.engine.authority(group)
      if (host !== undefined) return host.authority.replica.area
    }
    return undefined
  }

  /** As whoever leads the area has it; a world without a leader is not at rest. */
  #isAwake(group: number, player: Uint8Array): boolean {
    const leader = this.leaderOf(group)
    const world = leader && this.authorityOn(leader, group)?.authority.replica.area
    if (!world) return true
    const id = world.characterOf(player)
    const entity = id === undefined ? undefined : world.entity(id)
    return entity?.kind === 'character' && entity.awake
  }

  describe(): string {
    const lines = this.players.filter(player => player.waiting > 0).map(player => player.describe())
    for (const { group, name } of authoritiesIn(this.realm)) {
      const replicas = this.membersOf(group).map(member => this.#describeReplica(member, group))
      lines.push(`${name}: ${replicas.join(' | ')}`)
    }
    for (const { name, program } of this.nodes) {
      const log = program?.directory?.log
      if (log !== undefined)
        lines.push(`${name}: ${log.follows ? 'follows' : 'holds'} the directory, ${log.size} leaves`)
    }
    return lines.join('\n')
  }

  #describeReplica(number: number, group: number): string {
    const { name, program } = this.node(number)
    const status = program?.engine.status(group)
    if (program === undefined || status === undefined) return `${name} down`
    const { authority } = program.engine.authority(group)!
    const { view, role, term, leader, commit, applied, firstIndex, lastIndex } = status
    const served = authority.serving ? ' serving' : ''
    const size = authority.replica.log.size
    const { voters, votersOutgoing, learners } = status.members
    const members = `[${voters}][${votersOutgoing}][${learners}]`
    const lacks = status.rejoining === undefined ? '' : ` ${JSON.stringify(status.rejoining)}`
    const peers = status.peers.map(({ peer, state, match }) => ` ${peer}:${state}@${match}`).join('')
    const decided = program.finality?.status(group)
    const final = decided === undefined ? '' : ` final ${decided.finalHeight}/${decided.certifiedHeight}`
    return `${name} ${role}${served} v${view} t${term} l${leader} c${commit} a${applied} ${firstIndex}..${lastIndex} ${members} size ${size}${final}${lacks}${peers}`
  }
}
