import type { Store } from '../storage/store.ts'
import type { AdvertBoard } from './adverts/board.ts'
import { ClockWatch } from './adverts/clock-watch.ts'
import type { NodeConfig } from './config/settings.ts'
import { badConfiguration, type SetupError } from './config/setup-error.ts'
import { WithdrawnGrants } from './disclosure/grants.ts'
import { readGenesis } from './genesis/genesis.ts'
import { rulesContentHash } from './genesis/rules-hash.ts'
import type { Engine } from './hosting/engine.ts'
import type { Finality } from './hosting/finality/finality.ts'
import type { NodeView } from './http/view.ts'
import { dataDirFiles, openDataDir } from './identity/data-dir.ts'
import { readNodeKeys } from './identity/node-keys.ts'
import { openOwnStore } from './identity/own-store.ts'
import { verifySignature, verifySignatureAside } from './identity/signing-key.ts'
import { GenesisServer, genesisProtocol, genesisProtocolOptions } from './joining/genesis-exchange.ts'
import { Sponsor } from './joining/sponsor.ts'
import { knownPeersIn } from './known-peers.ts'
import type { Logger } from './log.ts'
import { createMetrics } from './metrics/metrics.ts'
import { exposeNode } from './metrics/node-metrics.ts'
import { startNetwork } from './network/network.ts'
import type { RunningNetwork } from './network/options.ts'
import { setupErrorOf, wrongClock } from './node-errors.ts'
import { nodeView } from './node-view.ts'
import { NodeBook } from './nodes/book.ts'
import { recordOf, takesPart } from './nodes/record.ts'
import type { Clock } from './ports.ts'
import { realClock, realRandom } from './real-ports.ts'
import { GatewaySignatures } from './routing/gateway-signatures.ts'
import type { InputRouter } from './routing/router.ts'
import { admitted, rememberOwn } from './starting/admitted.ts'
import { startAdverts } from './starting/adverts.ts'
import { directoryLog, directoryNeeds, directoryPart } from './starting/directory.ts'
import { startEngine } from './starting/engine.ts'
import { loadFinality } from './starting/finality.ts'
import { authoritiesOf } from './starting/from-genesis.ts'
import type { Basis, Ground, Parts, Urls } from './starting/parts.ts'
import { startRouting } from './starting/routing.ts'
import { startApi, startGateway } from './starting/servers.ts'
import { startWatching } from './starting/watching.ts'
import { version } from './version.ts'
import { WitnessAsking } from './witnesses/asking.ts'

export interface NodeDependencies {
  readonly log: Logger
  /** The machine's, unless another is handed in. */
  readonly clock?: Clock
  /** The built map page, where there is one. */
  readonly pageDir?: string | undefined
  /** The store that is there is set aside, and the node takes part as one whose disk was lost. */
  readonly wipeStore?: boolean
  /** A newcomer waits to be admitted: for what, in a sentence for a person. */
  readonly onWaiting?: (sentence: string) => void
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

const clockCheckMs = 1_000

/**
 * Starts one node: the composition root, where every part gets its clock, disk, network and keys.
 * @throws SetupError, with one sentence for a person
 */
export async function startNode(config: NodeConfig, dependencies: NodeDependencies): Promise<RunningNode> {
  const genesis = readGenesis(config.genesis)
  const keys = readNodeKeys(dataDirFiles(config.dataDir).nodeKeys)
  const book = new NodeBook(keys.peerId, genesis.file.nodes.map(recordOf))
  if (genesis.file.rules.contentHash !== rulesContentHash()) {
    throw badConfiguration(
      'wrong-rules',
      `This program's rules differ from those that ${config.genesis} names: run the version that the network runs.`,
    )
  }
  const dataDir = openDataDir(config.dataDir, genesis.hashHex, keys.peerId)
  const metrics = createMetrics()
  const ground: Ground = {
    ...{ config, genesis, book, keys, dataDir, metrics, log: dependencies.log },
    clock: dependencies.clock ?? realClock,
    count: (name, labels) => metrics.count(name, labels),
    signatures: new GatewaySignatures(verifySignature, verifySignatureAside),
  }
  const starting = new Starting(ground, dependencies)
  try {
    return await starting.run()
  } catch (error) {
    await starting.stop(2_000)
    throw setupErrorOf(error, config)
  }
}

/** One node on its way up, and down again. */
class Starting {
  readonly #ground: Ground
  readonly #dependencies: NodeDependencies
  readonly #parts: Parts = {}
  readonly #urls: Urls = { http: '', gateway: '' }
  readonly #problems: string[] = []
  #stopping: Promise<void> | undefined
  #clockCheck: () => void = () => {}

  constructor(ground: Ground, dependencies: NodeDependencies) {
    this.#ground = ground
    this.#dependencies = dependencies
  }

  async run(): Promise<RunningNode> {
    const ground = this.#ground
    const { clock } = ground
    const startedAtMs = clock.wallMs()
    const parts = this.#parts
    const { store, forgetful, incarnation } = await this.#openStore()
    parts.store = store
    ground.dataDir.begun()
    const network = await this.#startNetwork(store)
    parts.network = network
    const giver = new GenesisServer(ground.genesis.bytes, code => ground.count('genesis_refused', { code }))
    network.handle(genesisProtocol, genesisProtocolOptions, channel => giver.accepted(channel))
    const hosted = authoritiesOf(ground.genesis).find(({ charter }) => charter.kind === 'directory')!
    const certified = directoryLog(ground, parts, hosted, store, network)
    parts.directoryLog = certified
    parts.sponsor = new Sponsor({
      ...{ network, networkName: ground.genesis.file.network, count: ground.count },
      selfIsNode: () => ground.book.self !== undefined,
      isNode: peer => ground.book.of(peer) !== undefined,
      wake: () => parts.directory?.wake(),
    })
    await rememberOwn(ground, store)
    await certified.begin()
    const basis = { ...ground, self: await admitted(ground, network, store, this.#dependencies.onWaiting) }
    const directory = directoryPart(basis, parts, hosted, certified, network)
    parts.directory = directory
    const finality = await loadFinality(basis, parts, store, network, forgetful)
    parts.finality = finality
    const engine = await startEngine(basis, parts, store, network, {
      problem: message => this.#problems.push(message),
      fatal: error => this.#fatal(error),
    })
    parts.engine = engine
    const watching = startWatching(basis, network, engine)
    parts.watching = watching
    finality.begin()
    const clockWatch = new ClockWatch(
      behindSealsMs(engine, finality, clock),
      basis.genesis.file.nodes.length,
      clock.monotonicMs(),
    )
    const wrong = clockWatch.look({ isKnown: false, behindMs: 0 }, clock.monotonicMs())
    if (wrong !== undefined) throw wrongClock(wrong)
    const router = startRouting(basis, parts, network, engine)
    parts.router = router
    const board = startAdverts(basis, network, engine, router, this.#urls)
    parts.board = board
    const { group } = hosted.identity
    directory.begin(directoryNeeds(basis, parts, network, engine, router, { group, incarnation }))
    const view = nodeView({
      self: basis.self.number,
      genesis: basis.genesis,
      book: basis.book,
      network,
      engine,
      directory: certified,
      finality,
      evidence: watching.evidence,
      board,
      router,
      withdrawn: new WithdrawnGrants(basis.dataDir.files.grants, error => basis.log.warn(error.message)),
      clock: ground.clock,
      startedAtMs,
      sessions: () => parts.gateway?.core.stats.sessions ?? 0,
      urls: this.#urls,
      measured: () => directory.measured,
      problems: () => this.#problems,
    })
    this.#exposeMetrics(view, engine, router)
    await this.#startServers(basis, router, view)
    this.#watchClock(clockWatch, board)
    this.#askWitnesses(engine)
    const { http, gateway } = this.#urls
    return { view, httpUrl: http, gatewayUrl: gateway, stop: deadlineMs => this.stop(deadlineMs) }
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    const parts = this.#parts
    const inOrder: (() => Promise<void> | void | undefined)[] = [
      () => this.#clockCheck(),
      () => parts.witnesses?.stop(),
      () => parts.directory?.stop(),
      () => parts.directoryLog?.stop(),
      () => parts.watching?.stop(),
      () => parts.gateway?.stop(),
      () => parts.http?.close(),
      () => parts.board?.stop(),
      () => parts.finality?.stop(),
      () => parts.engine?.stop(),
      () => parts.network?.stop(deadlineMs / 2),
      () => parts.store?.close(),
      () => this.#ground.dataDir.release(),
    ]
    for (const step of inOrder) {
      try {
        await step()
      } catch (error) {
        this.#dependencies.log.warn({ error: (error as Error).message }, 'a part did not stop cleanly')
      }
    }
  }

  /** `forgetful`: the store is a new one, and the node does not know what it promised before. */
  async #openStore(): Promise<{ store: Store; forgetful: boolean; incarnation: number }> {
    const { dataDir, genesis, log } = this.#ground
    const { store, incarnation, isNew, setAside } = await openOwnStore({
      files: dataDir.files,
      hasRun: dataDir.hasRun,
      wipe: this.#dependencies.wipeStore ?? false,
      instances: authoritiesOf(genesis).map(({ identity: { group, epoch, view } }) => ({
        group,
        epoch,
        view,
      })),
      birth: realRandom.below(2 ** 47),
    })
    const { incarnation: number } = incarnation
    if (isNew)
      log.warn({ incarnation: number, setAside }, 'a new store: silent until the others have answered')
    return { store, forgetful: isNew, incarnation: number }
  }

  async #startNetwork(store: Store): Promise<RunningNetwork> {
    const { config, genesis, book, keys, clock, log, metrics } = this.#ground
    const { file, hash } = genesis
    const network = await startNetwork({
      networkName: file.network,
      genesisHash: hash,
      protocol: file.protocol,
      role: 'node',
      softwareVersion: version,
      identitySeed: keys.identity.seed,
      listenAddresses: config.listen,
      bootstrap: book.all().filter(node => takesPart(node) && node.peerId !== keys.peerId),
      maxPeers: config.maxPeers,
      clock,
      random: realRandom,
      logger: log,
      counters: metrics,
      peerStore: knownPeersIn(store),
      reach: config,
      allow: ({ peer }) => book.of(peer)?.status !== 'banned',
    })
    book.onChange(node => {
      if (node.peerId === keys.peerId) return
      if (takesPart(node)) network.learn(node)
      else network.dismiss(node.peerId, `node ${node.number} is ${node.status}`)
    })
    return network
  }

  #askWitnesses(engine: Engine): void {
    const { dataDir, count, log } = this.#ground
    this.#parts.witnesses = new WitnessAsking({
      file: dataDir.files.witnesses,
      logs: () => engine.authorities().map(host => host.published),
      count,
      log: (event, facts) => log.warn(facts, event),
    })
  }

  #exposeMetrics(view: NodeView, engine: Engine, router: InputRouter): void {
    const { metrics } = this.#ground
    exposeNode(metrics, view)
    metrics.gauge('routing_pending', "This gateway's inputs that wait for an answer.", () => router.pending)
    metrics.gauges('raft_events', 'What the Raft host refused, ignored or dropped, by code.', ['code'], () =>
      [...engine.counters()].map(([code, value]) => ({ labels: { code }, value })),
    )
  }

  async #startServers(basis: Basis, router: InputRouter, view: NodeView): Promise<void> {
    const { gatewayHost } = this.#ground.config
    const gateway = await startGateway(basis, router)
    this.#parts.gateway = gateway
    this.#urls.gateway = `ws://${gatewayHost}:${gateway.port}`
    const http = await startApi(basis, this.#parts, view, this.#dependencies.pageDir)
    this.#parts.http = http
    this.#urls.http = http.url
  }

  #watchClock(watch: ClockWatch, board: AdvertBoard): void {
    const { clock } = this.#ground
    const check = (): void => {
      this.#clockCheck = clock.after(clockCheckMs, check)
      const others = { isKnown: board.knowsClocks(), behindMs: board.clockBehindMs() }
      const wrong = watch.look(others, clock.monotonicMs())
      if (wrong !== undefined) this.#fatal(wrongClock(wrong))
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

/** How far this clock is behind the last seals that were decided; one that was not, any leader may date as it likes. */
function behindSealsMs(engine: Engine, finality: Finality, clock: Clock): number {
  const groups = engine.authorities().map(host => host.authority.identity.group)
  return Math.max(0, ...groups.map(group => finality.decidedTimeMs(group))) - clock.wallMs()
}
