import { hash, randomBytes } from 'node:crypto'
import { recordLeafHash } from '../../audit/verify/record.ts'
import { sessionIdOf } from '../../client/protocol/session.ts'
import { makeReceipts } from '../../daemon/authority/receipts.ts'
import type {
  AreaInfo,
  FeedListener,
  FinalResult,
  InputResult,
  InputSource,
} from '../../daemon/gateway/router.ts'
import type { FinalAsk } from '../../daemon/hosting/final-asks.ts'
import { type SigningKey, signingKeyOf } from '../../daemon/identity/signing-key.ts'
import { type Action, encodeInput, encodeOutcome, encodeTick, logTagOf } from '../../world/codec.ts'
import type { Character } from '../../world/entity.ts'
import { type Applied, INPUT_RECORD, TICK_RECORD } from '../../world/interface.ts'
import { createWorld, type World } from '../../world/world.ts'
import { DecidedLog } from '../gateway/support/decided-log.ts'
import { verifyEd25519 } from './keys.ts'

const TICK_MS = 100
const EPOCH = 1
const VIEW = 1
const INPUT_HEADER = Uint8Array.of(1, INPUT_RECORD, 0, 1)

export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

/** A node's keys for logs and for votes. */
export interface LogKey {
  readonly number: number
  readonly publicKey: Uint8Array
  readonly log: SigningKey
  readonly vote: SigningKey
}

export function newLogKey(number: number): LogKey {
  const [log, vote] = [signingKeyOf(randomBytes(32)), signingKeyOf(randomBytes(32))]
  return { number, publicKey: log.publicKey, log, vote }
}

interface Bot {
  readonly player: Uint8Array
  readonly session: Uint8Array
  seq: number
}

/**
 * One area with the real rules, without consensus: what an authority's leader does, as far as a page can tell.
 * Some bots wander about in it.
 */
export class Town {
  readonly info: AreaInfo
  readonly genesisHash: Uint8Array
  readonly world: World
  readonly bots: Bot[] = []
  size = 1
  sealedSize = 1
  actions = 0
  term = 1
  /** Who leads: signs the receipts. */
  leader: LogKey
  readonly #listeners = new Set<FeedListener>()
  readonly #timer: NodeJS.Timeout
  readonly #log: DecidedLog
  readonly #finalAsks: (() => void)[] = []
  #refusal = ''

  constructor(
    info: AreaInfo,
    genesisHash: Uint8Array,
    leader: LogKey,
    voters: readonly LogKey[],
    people: { bots: number; npcs: number },
  ) {
    this.info = info
    this.genesisHash = genesisHash
    this.leader = leader
    const founders = voters.map(({ number, vote }) => ({ node: number, vote }))
    this.#log = new DecidedLog(info.origin, founders, leader.log)
    this.#log.append(sha256(new Uint8Array()))
    const middle = { xMm: info.xMm + info.sideMm / 2, yMm: info.yMm + info.sideMm / 2 }
    const { name, quadkey, xMm, yMm, sideMm, origin } = info
    this.world = createWorld(
      { origin, sha256, verifySignature: verifyEd25519 },
      {
        name,
        quadkey,
        xMm,
        yMm,
        sideMm,
        spawns: [middle],
        seed: 7,
        resourceCount: 60,
        npcCount: people.npcs,
        capacity: 500,
      },
    )
    for (let i = 0; i < people.bots; i++) this.#addBot(`bot-${i}`)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  submit(bodies: readonly Uint8Array[], source: InputSource): void {
    for (const body of bodies) {
      const result = this.#take(body)
      if (result.kind === 'refused') source.answered([body], result)
      else setTimeout(() => source.answered([body], result), 4)
    }
  }

  #take(body: Uint8Array): InputResult {
    if (this.#refusal !== '') return { kind: 'refused', code: this.#refusal }
    const leaf = this.size
    const salt = randomBytes(16)
    const hashes = recordLeafHash(INPUT_HEADER, salt, body)
    const { outcome } = this.#apply(INPUT_RECORD, body, hashes)
    if (outcome === undefined) return { kind: 'refused', code: 'malformed' }
    this.actions += 1
    const record = { kind: INPUT_RECORD, rulesVersion: 1, salt, body }
    const item = { leaf, record, hashes, hashAt: 0, outcome: encodeOutcome(outcome) }
    const { genesisHash, term, info } = this
    const [receipts] = makeReceipts(
      { genesisHash, origin: info.origin, epoch: EPOCH, view: VIEW, term },
      [item],
      [{ from: 0, to: 1 }],
      {
        number: this.leader.number,
        sign: message => this.leader.log.sign(message),
      },
    )
    return { kind: 'committed', receipts: receipts! }
  }

  /** From now on inputs are refused unlogged. */
  refuseAll(code: string): void {
    this.#refusal = code
  }

  /** Its members decide once a second. */
  whenFinal(ask: FinalAsk, answer: (result: FinalResult) => void): void {
    this.#finalAsks.push(() => {
      void this.#log.decided(ask).then(proof => answer({ kind: 'final', proof }))
    })
  }

  subscribe(listener: FeedListener): () => void {
    this.#listeners.add(listener)
    const entities = [...this.world.entities()].map(({ id }) => this.world.entityBytes(id)!.slice())
    queueMicrotask(() => listener.state(this.world.tick, this.size, entities))
    return () => this.#listeners.delete(listener)
  }

  characterNamed(name: string): Readonly<Character> | undefined {
    for (const entity of this.world.entities()) {
      if (entity.kind === 'character' && entity.name === name) return entity
    }
    return undefined
  }

  /** One bot sets a new course. */
  wander(): void {
    const bot = this.bots[Math.floor(Math.random() * this.bots.length)]
    if (bot === undefined) return
    const course = () => Math.round((Math.random() - 0.5) * 700)
    this.#act(bot, { kind: 'move', vxMmPerTick: course(), vyMmPerTick: course() })
  }

  #addBot(name: string): void {
    const bot = { player: randomBytes(32), session: sessionIdOf(randomBytes(32), 1, sha256), seq: 0 }
    this.bots.push(bot)
    this.#act(bot, { kind: 'spawn', name })
  }

  #act(bot: Bot, action: Action): void {
    bot.seq += 1
    this.actions += 1
    const { player, session, seq } = bot
    const log = logTagOf(this.info.origin, sha256)
    this.#apply(INPUT_RECORD, encodeInput({ player, session, seq, log, action }))
  }

  #tick(): void {
    for (let i = 0; i < 3; i++) this.wander()
    this.#apply(TICK_RECORD, encodeTick({ tick: this.world.tick + 1, timeMs: Date.now() }))
    if (this.world.tick % 10 !== 0) return
    this.sealedSize = this.size
    for (const decide of this.#finalAsks.splice(0)) decide()
  }

  #apply(kind: number, body: Uint8Array, leafHash = sha256(body)): Applied {
    this.#log.append(leafHash)
    const applied = this.world.apply(kind, body, this.size)
    this.size += 1
    const changed = applied.changed.flatMap(id => this.world.entityBytes(id)?.slice() ?? [])
    const [removed, events] = [[...applied.removed], [...applied.events]]
    for (const listener of this.#listeners)
      listener.delta(this.world.tick, this.size, changed, removed, events)
    return applied
  }
}
