import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatKept } from '../../../audit/log/kept.ts'
import { exportLog } from '../../../cli/log-export.ts'
import type { NodeApi } from '../../../cli/node-api.ts'
import { inputBatchMessage } from '../../../client/protocol/attestation.ts'
import { formatLinks } from '../../../client/protocol/proof-file.ts'
import { sessionIdOf } from '../../../client/protocol/session.ts'
import { Ahead } from '../../../daemon/authority/ahead.ts'
import { Authority } from '../../../daemon/authority/authority.ts'
import { bodyHash } from '../../../daemon/authority/batch.ts'
import { decodeSeal, encodeSeal, type Seal } from '../../../daemon/authority/bodies.ts'
import { Replica } from '../../../daemon/authority/replica.ts'
import type { AuthorityIdentity } from '../../../daemon/authority/types.ts'
import { SetupError } from '../../../daemon/config/setup-error.ts'
import { buildGenesis } from '../../../daemon/genesis/build.ts'
import { canonicalJson } from '../../../daemon/genesis/canonical-json.ts'
import { encodeGenesis, type Genesis, originOf } from '../../../daemon/genesis/genesis.ts'
import { type GenesisFile, placesOf } from '../../../daemon/genesis/schema.ts'
import { checkpointSigner, PublishedLog } from '../../../daemon/hosting/log-view.ts'
import { ServedSnapshots } from '../../../daemon/hosting/served-snapshots.ts'
import type { KeptSnapshot } from '../../../daemon/hosting/snapshots.ts'
import { parseLogUrl } from '../../../daemon/http/log-path.ts'
import { createNodeKeys, type NodeKeys } from '../../../daemon/identity/node-keys.ts'
import { verifySignature } from '../../../daemon/identity/signing-key.ts'
import { batchOp, LogReader, tileOps, tileReader } from '../../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, leafHashes, recordKind } from '../../../storage/log/record.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { treeEntry } from '../../../storage/state/entry.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import { MemoryStore } from '../../../storage/store-memory.ts'
import { passingOperators } from '../../../testnet/local/operators.ts'
import { encodeInput, logTagOf } from '../../../world/codec.ts'
import { createWorld } from '../../../world/world.ts'

export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

/** A network with one small area, which nodes 1, 2 and 3 have founded, in a folder of its own. */
export interface Town {
  readonly folder: string
  readonly genesisPath: string
  readonly genesis: Genesis
  readonly nodes: readonly NodeKeys[]
  readonly origin: string
  readonly identity: AuthorityIdentity
}

export function foundTown(resourceCount = 60, kind: 'area' | 'org' = 'area', nodeCount = 3): Town {
  const folder = mkdtempSync(join(tmpdir(), 'freehold-audit-'))
  const numbers = Array.from({ length: nodeCount }, (_, i) => i + 1)
  const nodes = numbers.map(n => createNodeKeys(join(folder, `node-${n}.json`), 'town'))
  const plan = buildGenesis({
    network: 'town',
    createdAt: new Date(0),
    nodes: nodes.map(keys => ({ keys, operator: 'o', addresses: ['/ip4/127.0.0.1/tcp/7300'] })),
    areas: 1,
    replicas: 3,
    seed: 7,
    operators: passingOperators(),
  })
  const [area] = placesOf(plan.file)
  const name = kind === 'area' ? area!.name : 'org/guild'
  const small = { ...area!, kind, name, resourceCount, npcCount: 4, members: [1, 2, 3] }
  const genesis = genesisOf({ ...plan.file, authorities: [small] })
  const genesisPath = join(folder, 'genesis.json')
  writeFileSync(genesisPath, genesis.bytes)
  const { rules, network } = genesis.file
  const charter = { genesisHash: genesis.hashHex, network, rules, authority: small }
  const identity: AuthorityIdentity = {
    genesisHash: genesis.hash,
    origin: originOf(network, small),
    isHidden: kind === 'org',
    group: small.group,
    epoch: small.epoch,
    view: 0,
    members: small.members,
    charterBody: new TextEncoder().encode(canonicalJson(charter)),
    rulesVersion: rules.version,
    tickMs: 100,
    createdAtMs: 0,
  }
  return { folder, genesisPath, genesis, nodes, origin: identity.origin, identity }
}

/** A daemon would miss the directory; auditors take the files of networks that were founded before there was one. */
function genesisOf(file: GenesisFile): Genesis {
  const bytes = encodeGenesis(file)
  const digest = new Uint8Array(sha256(bytes))
  return { file, bytes, hash: digest, hashHex: Buffer.from(digest).toString('hex') }
}

export function removeTown(town: Town): void {
  rmSync(town.folder, { recursive: true, force: true })
}

export function newReplica(town: Town): Replica {
  const { identity } = town
  const [area] = placesOf(town.genesis.file)
  const world = createWorld({ origin: identity.origin, sha256, verifySignature }, area!)
  world.takeDirty()
  const tree = new StateTree()
  for (const { key, value } of world.entries()) {
    const entry = treeEntry(key, value)
    tree.set(entry.key, entry.value)
  }
  return new Replica({
    origin: identity.origin,
    group: identity.group,
    isHidden: identity.isHidden,
    charterBody: identity.charterBody,
    rules: world,
    log: new MerkleLog(async () => undefined),
    tree,
    regime: { epoch: identity.epoch, members: identity.members },
    lastSeal: undefined,
    pendingMark: undefined,
    actions: 0,
  })
}

/** Lets a real leader of one replica run until its log has `size` records and ends at a seal; returns the records. */
export function playTown(town: Town, size: number, players = 6): LogRecord[] {
  const replica = newReplica(town)
  const proposed: Uint8Array[] = []
  const records: LogRecord[] = []
  let salt = 0
  const bytes = (length: number) => sha256(Uint8Array.of(salt >> 8, salt++ & 255)).slice(0, length)
  const authority = new Authority(town.identity, replica, {
    propose: data => {
      proposed.push(data)
      return { ok: true }
    },
    random: { bytes, below: () => 0 },
    signer: { number: 1, sign: message => town.nodes[0]!.log.sign(message) },
    certifiedHeight: () => undefined,
    ahead: new Ahead(town.identity, replica, 0),
    count: () => {},
  })
  authority.roleChanged(true, 1, 1)
  authority.committed([{ index: 1, term: 1, data: new Uint8Array(0) }])
  let nowMs = 10_000
  for (let step = 0, index = 2; records.length < size || records.at(-1)!.kind !== recordKind.seal; step++) {
    nowMs += 100
    const inputs = inputsOf(town, step, players)
    offer(town, authority, [...inputs.slice(2), ...retryOf(town, step, players)])
    for (const input of inputs.slice(0, 2)) offer(town, authority, [input])
    authority.tick(nowMs, nowMs)
    while (proposed.length > 0) {
      const { entries } = authority.committed([{ index: index++, term: 1, data: proposed.shift()! }])
      records.push(...entries.flatMap(entry => entry.records))
      authority.flush(nowMs)
    }
  }
  return records
}

function offer(town: Town, authority: Authority, bodies: Uint8Array[]): void {
  const gateway = 2
  const message = inputBatchMessage(town.origin, gateway, bodies.map(bodyHash))
  const signature = town.nodes[gateway - 1]!.identity.sign(message)
  authority.offer({ gateway, bodies, signature }, () => {})
}

/** Each player comes in, then keeps changing its course. */
function inputsOf(town: Town, step: number, players: number): Uint8Array[] {
  return Array.from({ length: players }, (_, player) => inputOf(town, player, step + 1))
}

/** Now and then a gateway sends something again, which the leader leaves out. */
function retryOf(town: Town, step: number, players: number): Uint8Array[] {
  return step % 5 === 4 ? [inputOf(town, players - 1, step)] : []
}

export function inputOf({ origin }: Town, player: number, seq: number): Uint8Array {
  return encodeInput({
    player: sha256(Uint8Array.of(player)),
    session: sessionIdOf(Uint8Array.of(player), 1, sha256),
    seq,
    log: logTagOf(origin, sha256),
    action:
      seq === 1
        ? { kind: 'spawn', name: `player-${player}` }
        : { kind: 'move', vxMmPerTick: ((seq * 37) % 400) - 200, vyMmPerTick: ((player + seq) * 53) % 300 },
  })
}

/** A log as a node serves it. */
export interface Served {
  readonly published: PublishedLog
  readonly store: Store
  /** Answered with 403. */
  readonly refuses?: (path: string) => boolean
  /** Answered with 410. */
  readonly dropped?: (path: string) => boolean
  read(path: string): Promise<Uint8Array | undefined>
}

/** Publishes records as they are, under a member's signature: what a node does, and what a liar can do. */
export async function publish(
  town: Town,
  records: readonly LogRecord[],
  signer = 0,
  certificate?: Uint8Array,
  states: () => readonly KeptSnapshot[] = () => [],
): Promise<Served> {
  const { group } = town.identity
  const store = new MemoryStore()
  const log = new MerkleLog(tileReader(store, group))
  const ops: StoreOp[] = []
  for (let at = 0; at < records.length; at += 100) {
    const part = records.slice(at, at + 100)
    ops.push(batchOp(group, at, { index: at + 1, term: 1, batch: encodeBatch(part) }))
    ops.push(...tileOps(group, log.append(leafHashes(part))))
  }
  await new Promise<void>(resolve => store.write(ops, { sync: false }, () => resolve()))
  const key = town.nodes[signer]!.log
  const published = new PublishedLog(
    town.origin,
    log,
    new LogReader(store, group),
    checkpointSigner(town.origin, key),
    town.identity.charterBody,
    undefined,
    new ServedSnapshots(store, group, states),
  )
  published.publish({ size: log.size, root: log.root(), ...(certificate && { certificate }) })
  return { published, store, read: path => readServed(town, published, path) }
}

async function readServed(
  town: Town,
  published: PublishedLog,
  path: string,
): Promise<Uint8Array | undefined> {
  if (path === 'api/v1/genesis') return town.genesis.bytes
  const url = parseLogUrl(path.replace(/^log\//, ''))
  if (url?.origin !== town.origin) return undefined
  const { resource } = url
  switch (resource.kind) {
    case 'checkpoint':
      return Buffer.from((await published.checkpoint())!)
    case 'charter':
      return published.charter()
    case 'entries':
      return await published.entries(resource.index, resource.width)
    case 'bodies':
      return await published.bodies(resource.index, resource.width)
    case 'tile':
      return await published.tile(resource.level, resource.index, resource.width)
    case 'kept':
      return Buffer.from(formatKept(await published.kept()))
    case 'snapshot':
      return await published.snapshot(resource.size, resource.piece)
    case 'certificates': {
      const { certificate } = published
      return certificate && Buffer.from(formatLinks({ activations: [], certificate }))
    }
  }
}

/** What `freehold log export` does. */
export async function exportTo(town: Town, served: Served, name: string): Promise<string> {
  const folder = join(town.folder, name)
  const bytes = async (path: string): Promise<Uint8Array | undefined> => {
    if (served.dropped?.(`/${path}`)) throw new SetupError('dropped', 'The node has dropped it.')
    return await served.read(path)
  }
  const api = { root: 'memory', bytes } as unknown as NodeApi
  await exportLog(api, town.origin, folder)
  return folder
}

/** A liar's log: its records changed, and all seals made anew so that they fit, as far as it wants them to. */
export function resealed(
  town: Town,
  records: readonly LogRecord[],
  change: (seal: Seal) => Seal = seal => seal,
): LogRecord[] {
  const replica = newReplica(town)
  let before: LogRecord | undefined
  return records.map(record => {
    const mark = replica.pendingMark
    if (record.kind !== recordKind.seal || mark === undefined) {
      // A seal without a mark is the one before once more.
      const next = record.kind === recordKind.seal ? before! : record
      replica.applyRecords([next], [])
      return next
    }
    const seal = {
      ...decodeSeal(record.body)!,
      previous: replica.previousHash,
      stateRoot: mark.stateRoot,
      asOfSize: mark.size,
    }
    before = { ...record, body: encodeSeal(seal) }
    replica.applyRecords([before], [])
    return { ...record, body: encodeSeal(change(seal)) }
  })
}

export async function serveHttp(served: Served): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    void served.read(request.url!.slice(1)).then(bytes => {
      if (served.refuses?.(request.url!)) return void response.writeHead(403).end()
      if (served.dropped?.(request.url!)) return void response.writeHead(410).end()
      response.writeHead(bytes === undefined ? 404 : 200)
      response.end(bytes)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}
