import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inputBatchMessage } from '../../client/protocol/attestation.ts'
import { sessionIdOf } from '../../client/protocol/session.ts'
import { bodyHash } from '../../daemon/authority/batch.ts'
import { loadConfig } from '../../daemon/config/settings.ts'
import { buildGenesis } from '../../daemon/genesis/build.ts'
import { encodeGenesis, type Genesis, originOf, parseGenesis } from '../../daemon/genesis/genesis.ts'
import type { GenesisArea } from '../../daemon/genesis/schema.ts'
import { isDirectory, placesOf } from '../../daemon/genesis/schema.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { createNodeKeys, type NodeKeys } from '../../daemon/identity/node-keys.ts'
import { createLogger } from '../../daemon/log.ts'
import { FrameReader } from '../../daemon/network/frames.ts'
import { type RunningNode, startNode } from '../../daemon/node.ts'
import { decodeAnswers, encodeRequest, type IndexedAnswer } from '../../daemon/routing/intent-codec.ts'
import { sha256 } from '../../storage/sha256.ts'
import { passingOperators } from '../../testnet/local/operators.ts'
import { type Action, encodeInput, logTagOf } from '../../world/codec.ts'
import { Intruder } from '../e2e/support/intruder.ts'
import { freePorts } from '../e2e/support/ports.ts'
import { sendFrame } from '../network/stranger.ts'

const network = 'sea'
export const orgNames = ['org/one', 'org/two', 'org/six']
/** Nodes 1 and 2 run, 3 is a member that the test plays, 4 is a node of the network but no member of any org. */
const nodeCount = 4
const members = [1, 2, 3]

/** A network with an area and three orgs, on two nodes in this process. Orgs go by the area's rules as yet. */
export class Guilds {
  readonly folder: string
  readonly keys: readonly NodeKeys[]
  readonly genesis: Genesis
  readonly nodes: RunningNode[] = []
  #member: Intruder[] = []

  private constructor(folder: string, keys: readonly NodeKeys[], genesis: Genesis) {
    this.folder = folder
    this.keys = keys
    this.genesis = genesis
  }

  static async found(): Promise<Guilds> {
    const folder = mkdtempSync(join(tmpdir(), 'freehold-disclosure-'))
    const port = await freePorts(nodeCount)
    const dirs = Array.from({ length: nodeCount }, (_, i) => join(folder, `node-${i + 1}`))
    for (const dir of dirs) mkdirSync(dir)
    const keys = dirs.map(dir => createNodeKeys(dataDirFiles(dir).nodeKeys, network))
    const addressOf = (i: number): string => `/ip4/127.0.0.1/tcp/${port + i}`
    const plan = buildGenesis({
      ...{ network, createdAt: new Date(), areas: 1, replicas: 3, seed: 7 },
      operators: passingOperators(),
      nodes: keys.map((of, i) => ({ keys: of, operator: 'o', addresses: [addressOf(i)] })),
    })
    const area: GenesisArea = { ...placesOf(plan.file)[0]!, members, resourceCount: 0, npcCount: 0 }
    const orgs = orgNames.map((name, i): GenesisArea => ({ ...area, kind: 'org', name, group: 10 + i }))
    const genesis = parseGenesis(
      encodeGenesis({
        ...plan.file,
        authorities: [area, ...orgs, ...plan.file.authorities.filter(isDirectory)],
      }),
    )
    const guilds = new Guilds(folder, keys, genesis)
    for (const i of [0, 1]) {
      writeFileSync(dataDirFiles(dirs[i]!).genesis, genesis.bytes)
      const flags = {
        dataDir: dirs[i]!,
        listen: [addressOf(i)],
        gatewayPort: 0,
        httpPort: 0,
        electionMs: 300,
      }
      const dependencies = { log: createLogger('silent'), onFatal: assertNever }
      guilds.nodes.push(await startNode(loadConfig({ flags, env: {} }), dependencies))
    }
    const seed = keys[2]!.identity.seed
    guilds.#member = await Promise.all([1, 2].map(node => Intruder.enter(genesis, node, seed)))
    return guilds
  }

  async end(): Promise<void> {
    for (const member of this.#member) await member.leave()
    await Promise.all(this.nodes.map(node => node.stop(2_000)))
    rmSync(this.folder, { recursive: true, force: true })
  }

  authority(name: string): GenesisArea & { readonly origin: string } {
    const found = placesOf(this.genesis.file).find(authority => authority.name === name)!
    return { ...found, origin: originOf(network, found) }
  }

  /** Node 3 passes the input on to whoever leads. */
  async ask(name: string, body: Uint8Array): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const answer = await this.offer(this.#member[attempt % 2]!, name, body, 3)
      if (answer?.answer.kind === 'committed') return
      await sleep(50)
    }
    throw new Error(`${name} took no input`)
  }

  /** Undefined when the node ends the stream instead of answering. */
  async offer(
    from: Intruder,
    name: string,
    body: Uint8Array,
    gateway: number,
  ): Promise<IndexedAnswer | undefined> {
    const { group, origin } = this.authority(name)
    const message = inputBatchMessage(origin, gateway, [bodyHash(body)])
    const signature = this.keys[gateway - 1]!.identity.sign(message)
    const frame = await firstFrame(
      from,
      'intent/2',
      encodeRequest({ group, batch: 1, bodies: [body], signature }),
    )
    return frame && decodeAnswers(frame)?.answers[0]
  }

  /** Until what is committed by now is decided, anchored and shown by node 1. */
  async settle(name: string): Promise<void> {
    const { view } = this.nodes[0]!
    const { origin } = this.authority(name)
    const { size } = view.authorities().find(authority => authority.name === name)!
    for (let attempt = 0; attempt < 200; attempt++) {
      if ((view.log(origin)?.size ?? 0) >= size) return
      await sleep(50)
    }
    throw new Error(`${name} does not settle`)
  }
}

function assertNever(error: Error): void {
  throw error
}

export function inputOf(origin: string, seq: number, action: Action): Uint8Array {
  const player = sha256(Buffer.from('player'))
  return encodeInput({
    player,
    session: sessionIdOf(player, 1, sha256),
    seq,
    log: logTagOf(origin, sha256),
    action,
  })
}

/** What the node says first on a new stream of this protocol, once it has been asked; undefined when it ends the stream. */
async function firstFrame(
  from: Intruder,
  protocol: string,
  ask: Uint8Array,
): Promise<Uint8Array | undefined> {
  const frames = await framesOf(from, protocol, ask, 1)
  return frames[0]
}

/** Up to `most` frames, within a second. */
export async function framesOf(
  from: Intruder,
  protocol: string,
  ask: Uint8Array,
  most: number,
): Promise<Uint8Array[]> {
  const stream = await from.open(protocol)
  const frames: Uint8Array[] = []
  const reader = new FrameReader(32 << 20)
  const over = new AbortController()
  stream.addEventListener('message', event => {
    const chunk = event.data instanceof Uint8Array ? event.data : event.data.subarray()
    reader.push(chunk, frame => {
      frames.push(frame.slice())
      if (frames.length >= most) over.abort()
      return true
    })
  })
  stream.addEventListener('close', () => over.abort())
  sendFrame(stream, ask)
  if (!over.signal.aborted)
    await Promise.race([once(over.signal, 'abort'), sleep(1_000, undefined, { ref: false })])
  stream.abort(new Error('done'))
  return frames
}

/** Somebody comes, walks for a moment, and stops. */
export function walkAt(origin: string, speed: number): Uint8Array[] {
  return [
    inputOf(origin, 1, { kind: 'spawn', name: 'Ada' }),
    inputOf(origin, 2, { kind: 'move', vxMmPerTick: speed, vyMmPerTick: 7 }),
    inputOf(origin, 3, { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 }),
  ]
}
