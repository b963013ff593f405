import type { RoleChange } from '../../../consensus/groups/types.ts'
import type { AppliedSeal } from '../../../daemon/authority/replica.ts'
import { serveFeeds } from '../../../daemon/feed/server.ts'
import { GatewayCore } from '../../../daemon/gateway/core.ts'
import type { AuthorityHost } from '../../../daemon/hosting/authority-host.ts'
import { Engine } from '../../../daemon/hosting/engine.ts'
import type { EngineOptions } from '../../../daemon/hosting/engine-options.ts'
import type { Finality } from '../../../daemon/hosting/finality/finality.ts'
import type { MemberOrder } from '../../../daemon/hosting/orders.ts'
import { Peers } from '../../../daemon/nodes/peers.ts'
import type { Clock, Network } from '../../../daemon/ports.ts'
import { GatewaySignatures } from '../../../daemon/routing/gateway-signatures.ts'
import { serveIntake } from '../../../daemon/routing/intake-server.ts'
import { serveReads } from '../../../daemon/routing/read-server.ts'
import { InputRouter, type LocalAuthority } from '../../../daemon/routing/router.ts'
import { snapshotRange } from '../../../storage/keys.ts'
import type { SimContext } from '../node.ts'
import type { Judge } from './judge.ts'
import { Mirror } from './mirror.ts'
import { NodeDirectory } from './node-directory.ts'
import { endedByDisk, type Machine, openOwnDisk } from './own-disk.ts'
import { handoversOf, nameOf, type Realm, sha256 } from './realm.ts'
import { infoOf } from './realm-directory.ts'
import { SimAnchors } from './sim-anchors.ts'
import { loadFinality, type Votes, withholding } from './sim-finality.ts'
import { verifySimSignature } from './sim-key.ts'
import { Watch } from './watch.ts'
import { WireWatch } from './wire-watch.ts'

/** Where a test gets between the parts. */
export interface Wiring {
  readonly engineNetwork: (network: Network) => Network
  /** Settings of this node's engine, beside those of all networks. */
  readonly engineOptions?: (self: number, engine: () => Engine | undefined) => Partial<EngineOptions>
}

export const HONEST: Wiring = { engineNetwork: network => network }

export interface DaemonSettings {
  readonly recordsBetweenSnapshots: number
  readonly heartbeatMs: number
  readonly electionMs: number
  readonly leaseReads: boolean
  /** See `RealmPlan`. */
  readonly progressMs: number | undefined
}

/** What a gateway says to the simulated clients. */
export interface ClientSide {
  fromGateway(connection: number, bytes: Uint8Array): void
  closedByGateway(connection: number): void
}

const GATEWAY_TICK_MS = 50
const REPORT_MS = 100
/** Other threads have more to do. */
const VERIFYING_MS = 20

/** One node as the daemon composes it, but for libp2p, HTTP and WebSocket. */
export class SimDaemon {
  readonly number: number
  readonly engine: Engine
  readonly router: InputRouter
  readonly gateway: GatewayCore
  readonly finality: Finality | undefined
  /** Whether the node keeps its votes to itself. */
  readonly votes: Votes
  /** Its way to the directory. */
  readonly anchors: SimAnchors
  readonly directory: NodeDirectory | undefined
  readonly mirrors = new Map<number, Mirror>()
  readonly #context: SimContext

  constructor(
    context: SimContext,
    number: number,
    engine: Engine,
    router: InputRouter,
    gateway: GatewayCore,
    finality: Finality | undefined,
    votes: Votes,
    anchors: SimAnchors,
    directory: NodeDirectory | undefined,
  ) {
    this.directory = directory
    this.anchors = anchors
    this.finality = finality
    this.votes = votes
    this.#context = context
    this.number = number
    this.engine = engine
    this.router = router
    this.gateway = gateway
  }

  /** In the process's own time: while it is stopped, clients wait. */
  connected(connection: number): void {
    this.#context.clock.after(0, () => this.gateway.connected(connection, '10.0.0.1'))
  }

  message(connection: number, bytes: Uint8Array): void {
    this.#context.clock.after(0, () => this.gateway.message(connection, bytes))
  }

  closed(connection: number): void {
    this.#context.clock.after(0, () => this.gateway.closed(connection))
  }

  changeMembers(group: number, order: MemberOrder): void {
    this.#context.clock.after(0, () => this.engine.changeMembers(group, order))
  }

  /** As if this node had sent it on Raft's lane for what is urgent. */
  raftSays(from: number, frame: Uint8Array): void {
    this.#context.clock.after(0, () => this.engine.driver.receive(from, frame))
  }

  suspect(group: number, why: string): void {
    this.#context.clock.after(0, () => this.finality?.suspect(group, why))
  }
}

export async function startDaemon(
  realm: Realm,
  settings: DaemonSettings,
  wiring: Wiring,
  judge: Judge,
  clients: ClientSide,
  machine: Machine,
  context: SimContext,
): Promise<SimDaemon> {
  const { clock, random } = context
  const node = realm.nodes.find(({ name }) => name === context.name)!
  const self = node.number
  const watch = new Watch(judge, self)
  const store = watch.store(context.store)
  const schedule = (run: () => void): void => void clock.after(0, run)
  const count = (name: string, _labels?: object, by?: number): void => {
    judge.count(name, by)
    judge.tellCount(`n${self}`, name)
  }
  const instances = [...realm.hosted.values()].map(({ identity: { group, epoch, view } }) => ({
    ...{ group, epoch, view },
  }))
  const isNewStore = openOwnDisk(machine, instances, context.incarnation)
  if (isNewStore) {
    judge.count('stores-replaced')
    judge.tell(context.name, 'begins a new store, and asks where the others are')
  }
  const others = realm.nodes.filter(({ number }) => number !== self)
  const authorities = [...realm.hosted.values()]
  for (const { identity } of authorities) {
    for await (const _ of store.range({ ...snapshotRange(identity.group), limit: 1 }))
      judge.count('restored-from-snapshot')
  }
  const peers = new Peers(others.map(({ number, name }) => [number, name]))
  const signatures = new GatewaySignatures(verifySimSignature, (key, message, signature, done) => {
    clock.after(random.below(VERIFYING_MS), () => done(verifySimSignature(key, message, signature)))
  })
  const anchors = new SimAnchors(clock, judge.views)
  const votes: Votes = { withheld: false, dropped: () => judge.count('votes-dropped') }
  const late: { engine?: Engine; router?: InputRouter; finality?: Finality } = {}
  const unlessDiskEndsIt = <T>(start: Promise<T>): Promise<T> =>
    start.catch(error => {
      if (!endedByDisk(machine, judge, error)) throw error
      // This life is over.
      return new Promise<never>(() => {})
    })
  const truth = judge.directory
  const directory =
    truth &&
    new NodeDirectory({
      // What it follows it writes beside the engine, which has one batch under way at a time.
      ...{ realm, node, context, store: context.store, truth, count },
      engine: () => late.engine,
      finality: () => late.finality,
      failed: (error, what) => {
        if (!endedByDisk(machine, judge, error)) judge.fail(`${nameOf(self)}: ${what}: ${error.message}`)
      },
    })
  if (directory !== undefined) await unlessDiskEndsIt(directory.log.begin())
  const finality =
    settings.progressMs === undefined
      ? undefined
      : await unlessDiskEndsIt(
          loadFinality({
            ...{ realm, judge, context, node, peers, store, signatures, schedule, count },
            forgetful: isNewStore,
            anchoring: directory?.part.anchoring ?? anchors,
            ...{
              network: withholding(context.network, votes),
              progressMs: settings.progressMs,
            },
            engine: () => late.engine,
          }),
        )
  if (finality !== undefined) late.finality = finality
  const options: EngineOptions = {
    self,
    peers,
    authorities,
    ...(directory && {
      renewals: directory.part.renewals,
      onShown: (group: number) => directory.part.shown(group),
    }),
    ...(finality && {
      views: finality,
      onSeal: (group: number, seal: AppliedSeal) => finality.sealed(group, seal),
      final: (group: number) => finality.final(group),
      certifiedHeight: (group: number) => finality.status(group)?.certifiedHeight,
    }),
    logKey: node.log,
    store,
    network: wiring.engineNetwork(new WireWatch(judge, self, machine.disk, clock).watch(context.network)),
    clock,
    random,
    schedule,
    sha256,
    verify: verifySimSignature,
    handovers: handoversOf(realm),
    ...settings,
    count,
    log: (event, facts) => {
      if (event === 'role') watch.heard(facts as RoleChange)
      else if (event === 'bad-chunk') judge.badChunk(self, facts)
      else judge.caughtUp(self, facts)
    },
    // As in a real node: groups may run before the engine has started all of them, and with it the router.
    onLeader: (name, leader) => late.router?.leaderIs(name, leader),
    onMembers: (name, members) => late.router?.membersAre(name, members),
    onHalted: (name, error) => {
      if (!endedByDisk(machine, judge, error))
        judge.fail(`${name} halted on ${nameOf(self)}: ${error.message}`)
    },
    onStoreFailure: error => {
      if (!endedByDisk(machine, judge, error))
        judge.fail(`the store of ${nameOf(self)} failed: ${error.message}`)
    },
    ...wiring.engineOptions?.(self, () => late.engine),
  }
  const engine = await unlessDiskEndsIt(Engine.start(options))
  late.engine = engine
  finality?.begin()
  watch.started(engine, machine.disk)
  const local = watchedAuthorities(engine, judge, self)
  // Each is an area, which shows itself to everybody.
  const mayAsk = (): boolean => true
  serveIntake({
    network: context.network,
    schedule,
    nodeOf: peer => {
      const found = realm.nodes.find(({ name }) => name === peer)
      return found && { number: found.number, identityKey: found.identity.publicKey }
    },
    originOf: group => realm.hosted.get(group)?.identity.origin,
    mayAsk,
    local,
    verify: (key, message, signature) => signatures.verify(key, message, signature),
    count,
  })
  const isNode = (peer: string): boolean => realm.nodes.some(({ name }) => name === peer)
  serveReads({ network: context.network, schedule, isNode, mayAsk, local, count })
  serveFeeds({ network: context.network, local, isNode, mayAsk, count })
  const router = new InputRouter({
    ...(realm.directory && { directory: infoOf(realm.directory) }),
    areas: realm.areas.map(area => ({ ...area, members: engine.mayServe(area.group) })),
    self,
    peerOf: nameOf,
    local,
    network: context.network,
    clock,
    schedule,
    sign: message => {
      const signature = node.identity.sign(message)
      signatures.made(node.identity.publicKey, message, signature)
      return signature
    },
    count,
    waits: group => engine.expectProgress(group),
    // Nobody asks here for what is final.
    finalChecks: { holds: () => true, epochOf: () => 1 },
  })
  late.router = router
  const gateway = new GatewayCore(
    {
      network: realm.network,
      genesisHash: realm.genesisHash,
      gatewayId: context.name,
      nodeNumber: self,
      tickMs: 100,
      // Votes are simulated by themselves (finality/).
      nodeKeys: new Map(
        realm.nodes.map(({ number, log }) => [number, { log: log.publicKey, vote: log.publicKey }]),
      ),
    },
    {
      router,
      send: (connection, bytes) => clients.fromGateway(connection, bytes),
      close: connection => clients.closedByGateway(connection),
      count,
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs(),
      randomBytes: length => random.bytes(length),
      sha256,
      verify: verifySimSignature,
    },
  )
  const daemon = new SimDaemon(context, self, engine, router, gateway, finality, votes, anchors, directory)
  for (const { group, name } of realm.areas) {
    const mirror = new Mirror()
    daemon.mirrors.set(group, mirror)
    router.subscribe(name, mirror)
  }
  directory?.begin(engine, router)
  every(clock, GATEWAY_TICK_MS, () => gateway.tick())
  every(clock, REPORT_MS, () => {
    judge.look(self, engine)
    watch.look(engine)
  })
  return daemon
}

/** The authorities of this node; every promise that leaves one is held against the disks at that very moment. */
function watchedAuthorities(
  engine: Engine,
  judge: Judge,
  self: number,
): (group: number) => LocalAuthority | undefined {
  const watched = (group: number, host: AuthorityHost): LocalAuthority => ({
    feed: host.feed,
    read: (target, answer) => host.read(target, answer),
    whenFinal: (ask, from, answer) => host.whenFinal(ask, from, answer),
    offer: (batch, waiter) =>
      host.offer(batch, (index, count, answer) => {
        if (answer.kind === 'committed') {
          const bodies = batch.bodies.slice(index, index + count)
          judge.promisedBy(self, engine.status(group)!, bodies, answer.receipts)
        }
        waiter(index, count, answer)
      }),
  })
  return group => {
    const host = engine.member(group)
    return host && watched(group, host)
  }
}

function every(clock: Clock, ms: number, run: () => void): void {
  const again = (): void => {
    clock.after(ms, again)
    run()
  }
  again()
}
