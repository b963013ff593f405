import { sha256 } from '../storage/sha256.ts'
import type { Store } from '../storage/store.ts'
import { AdvertBoard } from './adverts/board.ts'
import { DivergenceError } from './authority/errors.ts'
import type { NodeConfig } from './config/settings.ts'
import { badConfiguration, type SetupError } from './config/setup-error.ts'
import { isOpen } from './disclosure/policy.ts'
import { formatVoteEvidence } from './evidence/vote-evidence.ts'
import { serveFeeds } from './feed/server.ts'
import type { AreaInfo } from './gateway/router.ts'
import { type GatewayServer, startGatewayServer } from './gateway/server.ts'
import { canonicalJson } from './genesis/canonical-json.ts'
import { type Genesis, originOf, readGenesis } from './genesis/genesis.ts'
import { rulesContentHash } from './genesis/rules-hash.ts'
import type { GenesisAuthority, GenesisNode } from './genesis/schema.ts'
import { Engine } from './hosting/engine.ts'
import { AnchorsAtOnce } from './hosting/finality/anchoring.ts'
import { memberCosigning } from './hosting/finality/cosigners.ts'
import { Finality } from './hosting/finality/finality.ts'
import type { HostedAuthority } from './hosting/opening.ts'
import { parseKeepBodies } from './hosting/retention.ts'
import { type HttpServer, startHttp } from './http/server.ts'
import type { NodeView } from './http/view.ts'
import { type DataDir, dataDirFiles, openDataDir } from './identity/data-dir.ts'
import { type NodeKeys, readNodeKeys } from './identity/node-keys.ts'
import { openOwnStore } from './identity/own-store.ts'
import { verifySignature } from './identity/signing-key.ts'
import { knownPeersIn } from './known-peers.ts'
import type { Logger } from './log.ts'
import { createMetrics, type Metrics } from './metrics/metrics.ts'
import { exposeNode } from './metrics/node-metrics.ts'
import { startNetwork } from './network/network.ts'
import type { RunningNetwork } from './network/options.ts'
import { publicKeyOfPeerId } from './network/peer-id.ts'
import { isDamage, setupErrorOf, wrongClock } from './node-errors.ts'
import { ledView, nodeView } from './node-view.ts'
import type { PeerId } from './ports.ts'
import { atEndOfTurn, realClock, realRandom } from './real-ports.ts'
import { FinalChecks } from './routing/final-checks.ts'
import { serveFinals } from './routing/final-server.ts'
import { serveIntake } from './routing/intake-server.ts'
import { serveReads } from './routing/read-server.ts'
import { InputRouter } from './routing/router.ts'
import { version } from './version.ts'
import { startWatching, type Watching } from './watching.ts'
import { WitnessAsking } from './witnesses/asking.ts'

export interface NodeDependencies {
  readonly log: Logger
  /** The built map page, where there is one. */
  readonly pageDir?: string | undefined
  /** The store that is there is set aside, and the node takes part as one whose disk was lost. */
  readonly wipeStore?: boolean
  /** The node can't go on; it has stopped acknowledging anything. */
  readonly onFatal: (error: SetupError) => void
}

export interface RunningNode {
  readonly view: NodeView
  readonly httpUrl: string
  readonly gatewayUrl: string
  /** Ends everything within about `deadlineMs`. Never rejects. */
  stop(deadlineMs: number): Promise<void>
}

/** Clocks of honest nodes differ by seconds; by minutes, and by more than this, something is wrong. */
const clockToleranceMs = 5 * 60_000
const clockCheckMs = 1_000

/**
 * Starts one node: the composition root, where every part gets its clock, disk, network and keys.
 * @throws SetupError, with one sentence for a person
 */
export async function startNode(config: NodeConfig, dependencies: NodeDependencies): Promise<RunningNode> {
  const genesis = readGenesis(config.genesis)
  const keys = readNodeKeys(dataDirFiles(config.dataDir).nodeKeys)
  const self = genesis.file.nodes.find(node => node.peerId === keys.peerId)
  if (self === undefined) {
    throw badConfiguration(
      'not-a-node',
      `The keys in ${config.dataDir} belong to ${keys.peerId}, which is no node of ${config.genesis}: use the keys or the genesis file that belong together.`,
    )
  }
  if (genesis.file.rules.contentHash !== rulesContentHash()) {
    throw badConfiguration(
      'wrong-rules',
      `This program's rules differ from those that ${config.genesis} names: run the version that the network runs.`,
    )
  }
  const dataDir = openDataDir(config.dataDir, genesis.hashHex, keys.peerId)
  const starting = new Starting(config, dependencies, genesis, keys, self, dataDir)
  try {
    return await starting.run()
  } catch (error) {
    await starting.stop(2_000)
    throw setupErrorOf(error, config)
  }
}

/** One node on its way up, and down again: what has been started so far. */
class Starting {
  readonly #config: NodeConfig
  readonly #dependencies: NodeDependencies
  readonly #genesis: Genesis
  readonly #keys: NodeKeys
  readonly #self: GenesisNode
  readonly #dataDir: DataDir
  readonly #metrics: Metrics
  readonly #urls = { http: '', gateway: '' }
  readonly #problems: string[] = []
  #store: Store | undefined
  #network: RunningNetwork | undefined
  #engine: Engine | undefined
  #finality: Finality | undefined
  #isForgetful = false
  #router: InputRouter | undefined
  #board: AdvertBoard | undefined
  #gateway: GatewayServer | undefined
  #http: HttpServer | undefined
  #witnesses: WitnessAsking | undefined
  #watching: Watching | undefined
  #stopping: Promise<void> | undefined
  #clockCheck: () => void = () => {}

  constructor(
    config: NodeConfig,
    dependencies: NodeDependencies,
    genesis: Genesis,
    keys: NodeKeys,
    self: GenesisNode,
    dataDir: DataDir,
  ) {
    this.#config = config
    this.#dependencies = dependencies
    this.#genesis = genesis
    this.#keys = keys
    this.#self = self
    this.#dataDir = dataDir
    this.#metrics = createMetrics()
  }

  async run(): Promise<RunningNode> {
    const startedAtMs = realClock.wallMs()
    const store = await this.#openStore()
    this.#store = store
    this.#dataDir.begun()
    const network = await this.#startNetwork(store)
    this.#network = network
    const finality = await this.#loadFinality(store, network)
    this.#finality = finality
    const engine = await this.#startEngine(store, network)
    this.#engine = engine
    const watching = this.#startWatching(network, engine)
    this.#watching = watching
    finality.begin()
    this.#checkClockAgainstSeals(engine)
    const router = this.#startRouting(network, engine)
    this.#router = router
    const board = this.#startAdverts(network, engine, router)
    this.#board = board
    const view = nodeView({
      self: this.#self.number,
      genesis: this.#genesis,
      network,
      engine,
      finality,
      evidence: watching.evidence,
      board,
      router,
      clock: realClock,
      startedAtMs,
      sessions: () => this.#gateway?.core.stats.sessions ?? 0,
      urls: this.#urls,
      problems: () => this.#problems,
    })
    this.#exposeMetrics(view, engine, router)
    await this.#startServers(router, view)
    this.#watchClock(board)
    this.#askWitnesses(engine)
    const { http, gateway } = this.#urls
    return { view, httpUrl: http, gatewayUrl: gateway, stop: deadlineMs => this.stop(deadlineMs) }
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    const inOrder: (() => Promise<void> | void | undefined)[] = [
      () => this.#clockCheck(),
      () => this.#witnesses?.stop(),
      () => this.#watching?.stop(),
      () => this.#gateway?.stop(),
      () => this.#http?.close(),
      () => this.#board?.stop(),
      () => this.#finality?.stop(),
      () => this.#engine?.stop(),
      () => this.#network?.stop(deadlineMs / 2),
      () => this.#store?.close(),
      () => this.#dataDir.release(),
    ]
    for (const step of inOrder) {
      try {
        await step()
      } catch (error) {
        this.#dependencies.log.warn({ error: (error as Error).message }, 'a part did not stop cleanly')
      }
    }
  }

  async #openStore(): Promise<Store> {
    const { log, wipeStore = false } = this.#dependencies
    const { store, incarnation, isNew, setAside } = await openOwnStore({
      files: this.#dataDir.files,
      hasRun: this.#dataDir.hasRun,
      wipe: wipeStore,
      instances: this.#authorities().map(({ identity: { group, epoch, view } }) => ({ group, epoch, view })),
      birth: realRandom.below(2 ** 47),
    })
    const { incarnation: number } = incarnation
    this.#isForgetful = isNew
    if (isNew)
      log.warn({ incarnation: number, setAside }, 'a new store: silent until the others have answered')
    return store
  }

  async #startNetwork(store: Store): Promise<RunningNetwork> {
    const { file, hash } = this.#genesis
    const metrics = this.#metrics
    return await startNetwork({
      networkName: file.network,
      genesisHash: hash,
      protocol: file.protocol,
      role: 'node',
      softwareVersion: version,
      identitySeed: this.#keys.identity.seed,
      listenAddresses: this.#config.listen,
      bootstrap: file.nodes.filter(node => node !== this.#self),
      maxPeers: this.#config.maxPeers,
      clock: realClock,
      random: realRandom,
      logger: this.#dependencies.log,
      counters: metrics,
      peerStore: knownPeersIn(store),
    })
  }

  async #startEngine(store: Store, network: RunningNetwork): Promise<Engine> {
    const { log } = this.#dependencies
    const others = this.#genesis.file.nodes.filter(node => node !== this.#self)
    return await Engine.start({
      self: this.#self.number,
      peers: new Map(others.map(node => [node.number, node.peerId])),
      authorities: this.#authorities(),
      logKey: this.#keys.log,
      store,
      network,
      clock: realClock,
      random: realRandom,
      schedule: atEndOfTurn,
      sha256,
      verify: verifySignature,
      heartbeatMs: this.#config.heartbeatMs,
      electionMs: this.#config.electionMs,
      leaseReads: this.#config.leaseReads,
      recordsBetweenSnapshots: this.#config.recordsBetweenSnapshots,
      keepBodies: parseKeepBodies(this.#config.keepBodies),
      count: (name, labels) => this.#metrics.count(name, labels),
      log: (event, facts) => log.info(facts, event),
      ...(this.#finality && { views: this.#finality }),
      onSeal: (group, seal) => this.#finality?.sealed(group, seal) ?? [],
      certifiedHeight: group => this.#finality?.status(group)?.certifiedHeight,
      final: group => this.#finality?.final(group),
      cosigning: this.#cosigning(network),
      onLeader: (name, node) => this.#router?.leaderIs(name, node),
      onMembers: (name, members) => this.#router?.membersAre(name, members),
      onHalted: (name, error) => {
        this.#problems.push(error.message)
        log.error({ authority: name, error: error.message }, 'authority halted')
        // The log contradicts this replica's state: in the next view it begins anew from what is decided.
        if (error instanceof DivergenceError) this.#finality?.suspect(this.#groupOf(name), 'diverged')
        // What else the disk gives back can't be trusted either.
        if (isDamage(error)) this.#fatal(setupErrorOf(error, this.#config))
      },
      onStoreFailure: error => this.#fatal(setupErrorOf(error, this.#config)),
    })
  }

  #cosigning(network: RunningNetwork): ReturnType<typeof memberCosigning> {
    const { nodes, network: networkName } = this.#genesis.file
    const { number } = this.#self
    const node = (wanted: number): GenesisNode => nodes.find(each => each.number === wanted)!
    return memberCosigning({
      self: number,
      ...{ networkName, network, key: this.#keys.cosign, clock: realClock },
      keyOf: wanted => Buffer.from(node(wanted).keys.cosign, 'base64'),
      peers: new Map(nodes.filter(each => each.number !== number).map(each => [each.number, each.peerId])),
      membersOf: group => this.#engine?.mayServe(group) ?? [],
      logOf: group => this.#engine?.authority(group)?.published,
      count: (name, labels) => this.#metrics.count(name, labels),
    })
  }

  async #loadFinality(store: Store, network: RunningNetwork): Promise<Finality> {
    const { nodes, authorities, network: networkName } = this.#genesis.file
    const { number } = this.#self
    const others = nodes.filter(node => node !== this.#self)
    const keyOf = (member: number): Uint8Array =>
      Buffer.from(nodes.find(node => node.number === member)!.keys.vote, 'base64')
    return await Finality.load({
      self: number,
      peers: new Map(others.map(node => [node.number, node.peerId])),
      authorities: authorities
        .filter(({ members }) => members.includes(number))
        .map(authority => ({
          group: authority.group,
          origin: originOf(networkName, authority),
          epoch: authority.epoch,
          members: [...authority.members].sort((a, b) => a - b).map(node => ({ node, key: keyOf(node) })),
        })),
      voteKey: this.#keys.vote,
      anchoring: new AnchorsAtOnce(),
      onFinal: group => this.#engine?.authority(group)?.final(this.#finality!.final(group)!),
      forgetful: this.#isForgetful,
      store,
      network,
      clock: realClock,
      random: realRandom,
      schedule: atEndOfTurn,
      sha256,
      verify: verifySignature,
      addOps: ops => this.#engine?.driver.addOps(ops),
      sync: done => this.#engine?.driver.sync(done),
      count: (name, labels) => this.#metrics.count(name, labels),
      door: () => this.#engine,
      onEvidence: evidence => this.#watching?.evidence.found(formatVoteEvidence(evidence)),
      log: (event, facts) => this.#dependencies.log.warn(facts, event),
    })
  }

  #groupOf(name: string): number {
    return this.#genesis.file.authorities.find(authority => authority.name === name)!.group
  }

  #authorities(): HostedAuthority[] {
    const { file, hash } = this.#genesis
    return file.authorities.map(authority => ({
      name: authority.name,
      charter: authority,
      identity: {
        genesisHash: hash,
        origin: originOf(file.network, authority),
        isHidden: !isOpen(authority.kind),
        group: authority.group,
        epoch: authority.epoch,
        view: 0,
        members: [...authority.members].sort((a, b) => a - b),
        charterBody: charterBody(this.#genesis, authority),
        rulesVersion: file.rules.version,
        tickMs: file.tickMs,
        createdAtMs: Date.parse(file.createdAt),
      },
    }))
  }

  #startRouting(network: RunningNetwork, engine: Engine): InputRouter {
    const { file } = this.#genesis
    const peerIds = new Map(file.nodes.map(node => [node.number, node.peerId]))
    const nodes = new Map(
      file.nodes.map(node => [
        node.peerId,
        { number: node.number, identityKey: publicKeyOfPeerId(node.peerId)! },
      ]),
    )
    const areas: AreaInfo[] = file.authorities
      .filter(({ kind }) => isOpen(kind))
      .map(area => ({
        ...area,
        origin: originOf(file.network, area),
        members: engine.mayServe(area.group),
        founders: area.members,
      }))
    const origins = new Map(file.authorities.map(it => [it.group, originOf(file.network, it)]))
    const count = (name: string, labels: Record<string, string>): void => this.#metrics.count(name, labels)
    const local = (group: number) => engine.member(group)
    const hidden = new Set(file.authorities.filter(({ kind }) => !isOpen(kind)).map(({ group }) => group))
    const mayAsk = (group: number, peer: PeerId): boolean =>
      !hidden.has(group) || engine.mayServe(group).includes(nodes.get(peer)?.number ?? 0)
    serveIntake({
      network,
      schedule: atEndOfTurn,
      nodeOf: peer => nodes.get(peer),
      originOf: group => origins.get(group),
      mayAsk,
      local,
      verify: verifySignature,
      count,
    })
    serveReads({ network, schedule: atEndOfTurn, isNode: peer => nodes.has(peer), mayAsk, local, count })
    serveFeeds({ network, local, isNode: peer => nodes.has(peer), mayAsk, count })
    serveFinals({ network, schedule: atEndOfTurn, numberOf: peer => nodes.get(peer)?.number, local, count })
    return new InputRouter({
      areas,
      self: this.#self.number,
      peerOf: node => peerIds.get(node)!,
      local,
      network,
      clock: realClock,
      schedule: atEndOfTurn,
      waits: group => engine.expectProgress(group),
      sign: message => this.#keys.identity.sign(message),
      isFinal: this.#finalChecks(areas),
      count,
    })
  }

  #finalChecks(areas: readonly AreaInfo[]): FinalChecks['holds'] {
    const { log } = this.#dependencies
    const checks = new FinalChecks({
      ...{ areas, nodeKeys: this.#nodeKeys(), verify: verifySignature },
      lied: ({ checkpoint, ...facts }) => {
        this.#metrics.count('routing_false_finals', { node: `${facts.node}`, code: facts.code })
        log.warn(facts, 'a node says to be final what is not: others are asked')
        this.#watching?.doubts(facts.node, checkpoint)
      },
    })
    return (area, node, leaves, proof) => checks.holds(area, node, leaves, proof)
  }

  #nodeKeys(): Map<number, { log: Uint8Array; vote: Uint8Array }> {
    const bytes32 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
    const { nodes } = this.#genesis.file
    return new Map(
      nodes.map(({ number, keys }) => [number, { log: bytes32(keys.log), vote: bytes32(keys.vote) }]),
    )
  }

  #startAdverts(network: RunningNetwork, engine: Engine, router: InputRouter): AdvertBoard {
    const { nodes, authorities } = this.#genesis.file
    const numbers = new Map(nodes.map(node => [node.peerId, node.number]))
    const names = new Map(authorities.map(authority => [authority.group, authority.name]))
    return new AdvertBoard({
      self: this.#self.number,
      numberOf: peer => numbers.get(peer),
      network,
      clock: realClock,
      own: () => ({
        number: this.#self.number,
        wallMs: Math.round(realClock.wallMs()),
        gatewayUrl: this.#urls.gateway,
        httpUrl: this.#urls.http,
        led: engine
          .authorities()
          .filter(host => host.authority.serving)
          .map(ledView),
      }),
      onLeader: (group, node) => {
        const name = names.get(group)
        if (name !== undefined) router.leaderIs(name, node)
      },
      count: (name, labels) => this.#metrics.count(name, labels),
    })
  }

  #startWatching(network: RunningNetwork, engine: Engine): Watching {
    return startWatching({
      ...{ genesis: this.#genesis, files: this.#dataDir.files, network, clock: realClock, engine },
      count: (name, labels) => this.#metrics.count(name, labels),
      log: this.#dependencies.log,
    })
  }

  #askWitnesses(engine: Engine): void {
    const { log } = this.#dependencies
    this.#witnesses = new WitnessAsking({
      file: this.#dataDir.files.witnesses,
      logs: () => engine.authorities().map(host => host.published),
      count: (name, labels) => this.#metrics.count(name, labels),
      log: (event, facts) => log.warn(facts, event),
    })
  }

  #exposeMetrics(view: NodeView, engine: Engine, router: InputRouter): void {
    exposeNode(this.#metrics, view)
    this.#metrics.gauge(
      'routing_pending',
      "This gateway's inputs that wait for an answer.",
      () => router.pending,
    )
    this.#metrics.gauges(
      'raft_events',
      'What the Raft host refused, ignored or dropped, by code.',
      ['code'],
      () => [...engine.counters()].map(([code, value]) => ({ labels: { code }, value })),
    )
  }

  async #startServers(router: InputRouter, view: NodeView): Promise<void> {
    const settings = this.#config
    const { file, hash, bytes } = this.#genesis
    this.#gateway = await startGatewayServer({
      host: settings.gatewayHost,
      port: settings.gatewayPort,
      maxConnections: settings.maxSessions,
      config: {
        network: file.network,
        genesisHash: hash,
        gatewayId: this.#self.peerId,
        nodeNumber: this.#self.number,
        tickMs: file.tickMs,
        nodeKeys: this.#nodeKeys(),
        limits: { inputsPerSecond: settings.maxInputsPerSecond, inputBurst: 2 * settings.maxInputsPerSecond },
      },
      ports: {
        router,
        count: (name, labels, by) => this.#metrics.count(name, labels, by),
        monotonicMs: realClock.monotonicMs,
        wallMs: realClock.wallMs,
        randomBytes: realRandom.bytes,
        sha256,
        verify: verifySignature,
      },
    })
    this.#urls.gateway = `ws://${settings.gatewayHost}:${this.#gateway.port}`
    const { log, pageDir } = this.#dependencies
    this.#http = await startHttp({
      host: settings.httpHost,
      port: settings.httpPort,
      view,
      genesis: bytes,
      config: { ...settings },
      metrics: this.#metrics,
      serveMetrics: settings.metrics,
      pageDir,
      log,
      nowMs: realClock.monotonicMs,
    })
    this.#urls.http = this.#http.url
  }

  #checkClockAgainstSeals(engine: Engine): void {
    const seals = engine.authorities().flatMap(host => host.authority.replica.lastSeal?.seal.timeMs ?? [])
    const behindMs = Math.max(0, ...seals) - realClock.wallMs()
    if (behindMs > clockToleranceMs) throw wrongClock(behindMs, 'the last seal in its log')
  }

  #watchClock(board: AdvertBoard): void {
    const check = (): void => {
      this.#clockCheck = realClock.after(clockCheckMs, check)
      const behindMs = board.clockBehindMs()
      if (Math.abs(behindMs) > clockToleranceMs) this.#fatal(wrongClock(behindMs, 'the other nodes'))
    }
    check()
  }

  /** What fails because the node is ending must not stand in for the reason why it ends. */
  #fatal(error: SetupError): void {
    if (this.#stopping !== undefined) return
    this.#problems.push(error.message)
    this.#dependencies.onFatal(error)
  }
}

/** The body of an authority's first leaf: what the genesis file says of it, and under which rules it was born. */
function charterBody(genesis: Genesis, authority: GenesisAuthority): Uint8Array {
  const { network, rules } = genesis.file
  return new TextEncoder().encode(canonicalJson({ genesisHash: genesis.hashHex, network, rules, authority }))
}
