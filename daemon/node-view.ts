import { formatVkey, makeVkey, noteAlgorithm } from '../storage/log/vkey.ts'
import type { LedAuthority } from './adverts/advert.ts'
import type { AdvertBoard } from './adverts/board.ts'
import type { BoundedQueue } from './authority/queue.ts'
import { stateOf } from './authority/reading.ts'
import type { Replica } from './authority/replica.ts'
import type { Measured } from './directory/shares.ts'
import { directoryStatus } from './directory/status.ts'
import type { DirectoryView } from './directory/view.ts'
import type { WithdrawnGrants } from './disclosure/grants.ts'
import { holdsGrant, isOpen } from './disclosure/policy.ts'
import type { Exhibit } from './evidence/book.ts'
import type { EvidenceExchange } from './evidence/exchange.ts'
import type { AuthorityRouter } from './gateway/router.ts'
import type { Genesis } from './genesis/genesis.ts'
import { originOf } from './genesis/genesis.ts'
import { type GenesisArea, type GenesisAuthority, isDirectory } from './genesis/schema.ts'
import type { AuthorityHost } from './hosting/authority-host.ts'
import type { Engine } from './hosting/engine.ts'
import { memberCosigner } from './hosting/finality/cosigners.ts'
import type { Finality } from './hosting/finality/finality.ts'
import { StateProofs } from './hosting/state-proofs.ts'
import type { DirectoryStatusView } from './http/directory-view.ts'
import type {
  AuthorityView,
  Consistency,
  EvidenceView,
  LogView,
  MemberView,
  NodeAdvertView,
  NodeView,
  PeerView,
  QueueView,
  ReachView,
  ReadView,
  ResourcesView,
  Role,
  StatusView,
} from './http/view.ts'
import { verifySignature } from './identity/signing-key.ts'
import type { RunningNetwork } from './network/options.ts'
import type { NodeBook } from './nodes/book.ts'
import type { Clock } from './ports.ts'
import { version } from './version.ts'

export interface NodeViewParts {
  readonly self: number
  readonly genesis: Genesis
  readonly book: NodeBook
  readonly network: RunningNetwork
  readonly engine: Engine
  readonly directory: DirectoryView
  readonly finality: Finality
  readonly evidence: EvidenceExchange
  readonly board: AdvertBoard
  readonly router: AuthorityRouter
  readonly withdrawn: WithdrawnGrants
  readonly clock: Clock
  readonly startedAtMs: number
  readonly sessions: () => number
  /** Filled in once the servers listen. */
  readonly urls: { http: string; gateway: string }
  readonly measured: () => Measured | undefined
  readonly problems: () => readonly string[]
}

const emptyQueue: QueueView = { length: 0, dropped: 0 }
const nowhere = { quadkey: '', xMm: 0, yMm: 0, sideMm: 0 }
const noFinality = { certifiedHeight: 0, finalHeight: 0, finalSize: 0 }
const noQueues = { input: emptyQueue, intent: emptyQueue, simulation: emptyQueue, output: emptyQueue }

/** What people and programs may read of this node, put together from its parts. */
export function nodeView(parts: NodeViewParts): NodeView {
  const { genesis, engine } = parts
  const { network, authorities } = genesis.file
  const byName = new Map(authorities.map(charter => [charter.name, charter]))
  const byOrigin = new Map(authorities.map(charter => [originOf(network, charter), charter]))
  const proofs = new StateProofs({
    replicaOf: group => replicaOf(engine, group),
    finalOf: group => parts.finality.newest(group),
    clock: parts.clock,
  })
  return {
    status: () => status(parts),
    nodes: () => nodes(parts),
    peers: () => peers(parts),
    authorities: () => authorities.map(charter => authorityView(parts, charter)),
    authority: name => {
      const charter = byName.get(name) ?? byOrigin.get(name)
      return charter && authorityView(parts, charter)
    },
    read: (name, target, consistency) => read(parts, name, target, consistency),
    discloses: (origin, grant) => discloses(parts, byOrigin.get(origin), origin, grant),
    log: origin => logOf(engine, byOrigin.get(origin)?.group),
    certificate: origin => parts.finality.certificate(origin),
    stateProof: (origin, target, height) => {
      const group = byOrigin.get(origin)?.group ?? 0
      return replicaOf(engine, group) && proofs.ask(group, target, height)
    },
    activations: origin => parts.finality.activations(origin),
    directory: () => directoryOf(parts),
    evidence: () => parts.evidence.list().map(evidenceView),
    evidenceFile: id => parts.evidence.get(id)?.text,
    notReady: () => notReady(parts),
  }
}

function directoryOf({ directory, genesis, engine, board }: NodeViewParts): DirectoryStatusView | undefined {
  const { state, size } = directory
  const { file } = genesis
  const authority = file.authorities.find(isDirectory)!
  const leader = engine.leader(authority.group) || (board.leaderOf(authority.group)?.node ?? 0)
  const origin = originOf(file.network, authority)
  return state && directoryStatus(state, { origin, size, leader, createdAtMs: Date.parse(file.createdAt) })
}

function evidenceView({ id, kind, origin, accused, signers, place, keptAtMs }: Exhibit): EvidenceView {
  return { id, kind, origin, accused, signers, place, keptAtMs }
}

/** Undefined while it serves nobody. */
function replicaOf(engine: Engine, group: number): Replica | undefined {
  const host = engine.authority(group)
  return host === undefined || host.halted ? undefined : host.authority.replica
}

function read(
  { genesis, engine, router }: NodeViewParts,
  name: string,
  target: Uint8Array,
  consistency: Consistency,
): Promise<ReadView | undefined> {
  if (consistency === 'linearizable')
    return new Promise(resolve => router.read(name, target, result => resolve(result)))
  const group = genesis.file.authorities.find(authority => authority.name === name)?.group ?? 0
  const replica = replicaOf(engine, group)
  if (replica === undefined) return Promise.resolve(undefined)
  const state = { ...stateOf(replica, target), byLease: false }
  return Promise.resolve({ kind: 'state', state })
}

function discloses(
  parts: NodeViewParts,
  authority: GenesisAuthority | undefined,
  origin: string,
  grant: string | undefined,
): boolean {
  const { genesis, book, clock, withdrawn } = parts
  if (authority === undefined || isOpen(authority.kind)) return true
  const keyOf = (member: number): Uint8Array => book.get(member)!.keys.log
  return holdsGrant(grant, {
    log: { genesisHash: genesis.hash, origin },
    ...{ members: membersOf(parts, authority), keyOf, verify: verifySignature, nowMs: clock.wallMs() },
    isWithdrawn: serial => withdrawn.has(serial),
  })
}

function logOf(engine: Engine, group: number | undefined): LogView | undefined {
  return group === undefined ? undefined : engine.authority(group)?.published
}

function status({
  genesis,
  book,
  network,
  engine,
  board,
  clock,
  startedAtMs,
  sessions,
  urls,
  measured,
  self,
}: NodeViewParts): StatusView {
  const node = book.get(self)!
  const hosted = engine.authorities()
  return {
    network: genesis.file.network,
    genesisHash: genesis.hashHex,
    number: self,
    peerId: node.peerId,
    operator: node.operator,
    version,
    protocol: genesis.file.protocol,
    rulesVersion: genesis.file.rules.version,
    tickMs: genesis.file.tickMs,
    startedAtMs,
    uptimeMs: clock.wallMs() - startedAtMs,
    sessions: sessions(),
    peers: network.peers().length,
    hosted: hosted.length,
    led: hosted.filter(host => host.authority.serving).length,
    httpUrl: urls.http,
    gatewayUrl: urls.gateway,
    listen: network.listenAddresses(),
    reach: reach(network),
    resources: resources(measured()),
    clockBehindMs: board.knowsClocks() ? Math.round(board.clockBehindMs()) : null,
  }
}

function resources(measured: Measured | undefined): StatusView['resources'] {
  if (measured === undefined) return null
  const { used, capacity } = measured
  const of = (name: keyof ResourcesView) => ({ used: used[name], given: capacity[name] })
  return { cpu: of('cpu'), memory: of('memory'), disk: of('disk'), bandwidth: of('bandwidth') }
}

function reach(network: RunningNetwork): ReachView {
  const { portsDiffer, ...rest } = network.stats().reach
  return { ...rest, portsDiffer: portsDiffer ?? null }
}

function nodes({ genesis, book, board, self }: NodeViewParts): NodeAdvertView[] {
  const names = new Map(genesis.file.authorities.map(authority => [authority.group, authority.name]))
  return book.all().map(node => {
    const advert = board.advertOf(node.number)
    const alive = node.number === self || board.isAlive(node.number)
    const ageMs = board.ageMs(node.number)
    return {
      number: node.number,
      peerId: node.peerId,
      operator: node.operator,
      alive,
      lastSeenMs: ageMs === undefined ? null : Math.round(ageMs),
      gatewayUrl: advert?.gatewayUrl || null,
      httpUrl: advert?.httpUrl || null,
      leads: alive ? (advert?.led ?? []).flatMap(led => names.get(led.group) ?? []) : [],
    }
  })
}

function peers({ book, network }: NodeViewParts): PeerView[] {
  return network.stats().peers.map(peer => ({
    number: book.numberOf(peer.peer) ?? 0,
    peerId: peer.peer,
    address: peer.address,
    direction: peer.direction,
    relayed: peer.relayed,
    connectedMs: Math.max(0, Math.round(peer.connectedMs)),
    roundTripMs: peer.roundTripMs ?? null,
    version: peer.softwareVersion,
  }))
}

/** Those in force, as the members have decided; where this node holds nothing, those that it was told of. */
function membersOf({ finality, engine }: NodeViewParts, { group }: GenesisAuthority): readonly number[] {
  return finality.membersOf(group) ?? engine.mayServe(group)
}

function authorityView(parts: NodeViewParts, charter: GenesisAuthority): AuthorityView {
  const host = parts.engine.authority(charter.group)
  const raft = parts.engine.status(charter.group)
  const remote = parts.board.leaderOf(charter.group)
  const leader = raft?.leader || remote?.node || 0
  const counts = host === undefined ? remote?.led : ledView(host)
  return {
    name: charter.name,
    origin: originOf(parts.genesis.file.network, charter),
    group: charter.group,
    kind: charter.kind,
    epoch: parts.finality.epochOf(charter.group) ?? charter.epoch,
    view: raft?.view ?? 0,
    term: raft?.term ?? remote?.led.term ?? 0,
    leader,
    members: membersOf(parts, charter).map(number => memberView(parts, charter, number, leader)),
    hosted: host !== undefined,
    size: counts?.size ?? 0,
    sealedSize: counts?.sealedSize ?? 0,
    sealHeight: counts?.sealHeight ?? 0,
    ...(parts.finality.status(charter.group) ?? noFinality),
    checkpointRoot: counts?.checkpointRoot ?? '',
    stateRoot: counts?.stateRoot ?? '',
    entities: counts?.entities ?? 0,
    players: counts?.players ?? 0,
    actions: counts?.actions ?? 0,
    awake: counts?.awake ?? false,
    tick: counts?.tick ?? 0,
    ...(isDirectory(charter) ? nowhere : placeOf(charter)),
    rejoining: raft?.rejoining ?? null,
    queues: host === undefined ? noQueues : queuesOf(host),
  }
}

function placeOf({ quadkey, xMm, yMm, sideMm }: GenesisArea): typeof nowhere {
  return { quadkey, xMm, yMm, sideMm }
}

function memberView(
  parts: NodeViewParts,
  charter: GenesisAuthority,
  number: number,
  leader: number,
): MemberView {
  const { genesis, book } = parts
  const { keys } = book.get(number)!
  const origin = originOf(genesis.file.network, charter)
  const vkey = makeVkey(origin, noteAlgorithm.ed25519, keys.log)
  const cosigner = memberCosigner(genesis.file.network, number, keys.cosign)
  return {
    number,
    role: roleOf(parts, number, leader),
    vkey: formatVkey(vkey),
    cosigner: formatVkey(cosigner),
  }
}

function roleOf({ board, self }: NodeViewParts, number: number, leader: number): Role {
  if (number === leader) return 'leader'
  return number === self || board.isAlive(number) ? 'follower' : 'unknown'
}

function queuesOf({ authority }: AuthorityHost): AuthorityView['queues'] {
  const view = <T>(queue: BoundedQueue<T>): QueueView => ({ length: queue.length, dropped: queue.dropped })
  const { inputs, intents, simulation, outputs } = authority
  return { input: view(inputs), intent: view(intents), simulation: view(simulation), output: view(outputs) }
}

/**
 * How an authority stands on this node: what the API shows, and what a leader advertises. Of a hidden one, nothing that is
 * counted or made from its state.
 */
export function ledView({ authority }: AuthorityHost): LedAuthority {
  const led = wholeView(authority)
  return authority.identity.isHidden ? { ...led, stateRoot: '', entities: 0, players: 0 } : led
}

function wholeView({ replica, term }: AuthorityHost['authority']): LedAuthority {
  const hex = (bytes: Uint8Array | undefined): string =>
    bytes === undefined ? '' : Buffer.from(bytes).toString('hex')
  return {
    group: replica.group,
    term,
    size: replica.log.size,
    sealedSize: replica.lastSeal?.size ?? 0,
    sealHeight: replica.lastSeal?.seal.height ?? 0,
    checkpointRoot: hex(replica.lastSeal?.root),
    stateRoot: hex(replica.lastSeal?.seal.stateRoot),
    entities: replica.area?.entityCount ?? 0,
    players: replica.area?.awakeCount ?? 0,
    actions: replica.actions,
    tick: replica.rules.tick,
    awake: replica.rules.needsTick(),
  }
}

function notReady({ engine, problems, genesis, board }: NodeViewParts): string[] {
  const leaderless = genesis.file.authorities.filter(
    ({ group }) => !engine.status(group)?.leader && board.leaderOf(group) === undefined,
  )
  const waiting =
    leaderless.length === 0 ? [] : [`No leader is known yet for ${leaderless.map(it => it.name).join(', ')}.`]
  // Until then the loss of another node could leave an area without a quorum that votes.
  const muted = engine.mutedForMs > 0 ? ['It started a moment ago and does not vote yet.'] : []
  return [...problems(), ...muted, ...waiting]
}
