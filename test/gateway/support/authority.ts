import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { recordLeafHash } from '../../../audit/verify/record.ts'
import { follows, makeReceipts, type Receiptable } from '../../../daemon/authority/receipts.ts'
import type {
  AreaInfo,
  AuthorityRouter,
  FeedListener,
  FinalResult,
  InputResult,
  InputSource,
  ReadResult,
} from '../../../daemon/gateway/router.ts'
import type { FinalAsk, FinalProof } from '../../../daemon/hosting/final-asks.ts'
import { signingKeyOf } from '../../../daemon/identity/signing-key.ts'
import { decodeInput, encodeOutcome, encodeTick, hexOf, type Outcome } from '../../../world/codec.ts'
import { INPUT_RECORD, TICK_RECORD } from '../../../world/interface.ts'
import { type AreaCharter, createWorld, type World } from '../../../world/world.ts'
import { DecidedLog } from './decided-log.ts'

export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')

export function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
}

export function publicBytesOf(key: KeyObject): Uint8Array {
  return new Uint8Array(
    createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length),
  )
}

export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' })
    return verify(null, message, key, signature)
  } catch {
    return false
  }
}

export const NETWORK = 'testworld'
export const GENESIS_HASH = sha256(new TextEncoder().encode('a genesis file'))
export const MEMBER = 7
export const AREA = 'area/0'
export const ORIGIN = `${NETWORK}/${AREA}/0`

const SIDE_MM = 10_000_000
const CHARTER: AreaCharter = {
  name: AREA,
  quadkey: '0',
  xMm: 0,
  yMm: 0,
  sideMm: SIDE_MM,
  spawns: [{ xMm: 5_000_000, yMm: 5_000_000 }],
  seed: 1,
  resourceCount: 100,
  npcCount: 10,
  capacity: 5_000,
}

export const AREA_INFO: AreaInfo = {
  name: AREA,
  origin: ORIGIN,
  group: 1,
  quadkey: '0',
  xMm: 0,
  yMm: 0,
  sideMm: SIDE_MM,
  members: [MEMBER],
  epoch: 1,
  founders: [MEMBER],
}

/** Logged, but their seq is still free. */
const CHANGED_NOTHING = new Set(['no-session', 'session-closed', 'session-ahead', 'area-full', 'duplicate'])

/** What an input's way through the authority can be made to suffer. */
export interface Mishap {
  /** Applied, but nobody is told. */
  loseAnswer?: boolean
  /** Not applied. */
  result?: InputResult
  forge?: (receipts: Uint8Array) => Uint8Array
}

interface Waiting {
  readonly body: Uint8Array
  readonly item: Receiptable
  readonly source: InputSource
  readonly mishap: Mishap | undefined
}

/** One area's real rules in memory, with a leader that applies at once, signs receipts and feeds whoever subscribes. */
export class TestAuthority implements AuthorityRouter {
  readonly world: World
  readonly key: KeyObject
  readonly logKey: Uint8Array
  readonly vote = signingKeyOf(sha256(new TextEncoder().encode('vote key')))
  readonly log: DecidedLog
  readonly applied: { body: Uint8Array; outcome: Outcome }[] = []
  readonly listeners = new Set<FeedListener>()
  /** How often inputs arrived, applied or not. */
  arrivals = 0
  mishap: (seq: number) => Mishap | undefined = () => undefined
  private leaf = 1
  /** Who waits for leaves to be final; the members decide when the test says so, or at once. */
  readonly finalAsks: (() => void)[] = []
  decidesAtOnce = true
  forgeFinal: (proof: FinalProof) => FinalProof = proof => proof
  private readonly items = new Map<string, Receiptable>()
  /** Inputs of one turn of the event loop are one batch, with one signature. */
  private batch: Waiting[] = []
  private changed = new Set<string>()
  private removed: string[] = []
  private events: Uint8Array[] = []
  private readonly immediate: boolean

  constructor(charter: Partial<AreaCharter> = {}, options: { immediate: boolean } = { immediate: true }) {
    this.world = createWorld(
      { origin: ORIGIN, sha256, verifySignature: verifyEd25519 },
      { ...CHARTER, ...charter },
    )
    this.key = privateKeyOf(sha256(new TextEncoder().encode('log key')))
    this.logKey = publicBytesOf(this.key)
    const logSeed = sha256(new TextEncoder().encode('log key'))
    this.log = new DecidedLog(ORIGIN, [{ node: MEMBER, vote: this.vote }], signingKeyOf(logSeed))
    this.log.append(sha256(new Uint8Array()))
    this.immediate = options.immediate
    // As a leader does: sessions are numbered by the clock.
    this.apply(TICK_RECORD, encodeTick({ tick: 1, timeMs: Date.now() }))
  }

  get nodeKeys() {
    return { log: this.logKey, vote: this.vote.publicKey }
  }

  areas(): readonly AreaInfo[] {
    return [AREA_INFO]
  }

  submit(_area: string, bodies: readonly Uint8Array[], source: InputSource): void {
    for (const body of bodies) {
      const result = this.take(body, source)
      if (result !== undefined) source.answered([body], result)
    }
    if (this.immediate) this.flushBatch()
  }

  /** What it is answered at once; otherwise its receipt comes with the batch. */
  private take(body: Uint8Array, source: InputSource): InputResult | undefined {
    this.arrivals++
    const input = decodeInput(body)
    if ('code' in input) return { kind: 'refused', code: input.code }
    const mishap = this.mishap(input.seq)
    if (mishap?.result !== undefined) return mishap.result
    const refusal = this.world.check(body)
    const before = this.items.get(keyOf(body))
    if (refusal?.code === 'duplicate' && before === undefined)
      return { kind: 'gap', expectedSeq: this.world.lastSeq(input.player, input.session) + 1 }
    if (refusal !== undefined && refusal.code !== 'duplicate') return { kind: 'refused', code: refusal.code }
    const item = before ?? this.applyInput(body)
    if ('kind' in item) return item
    this.batch.push({ body: body.slice(), item, source, mishap })
    return undefined
  }

  private applyInput(body: Uint8Array): Receiptable | InputResult {
    const outcome = this.apply(INPUT_RECORD, body).outcome!
    if (outcome.code === 'gap') return { kind: 'gap', expectedSeq: outcome.value! }
    if (!CHANGED_NOTHING.has(outcome.code)) this.applied.push({ body: body.slice(), outcome })
    const item = {
      leaf: this.leaf - 1,
      record: { kind: INPUT_RECORD, rulesVersion: 1, salt: SALT, body },
      hashes: recordLeafHash(HEADER, SALT, body),
      hashAt: 0,
      outcome: encodeOutcome(outcome),
    }
    this.items.set(keyOf(body), item)
    return item
  }

  read(_area: string, target: Uint8Array, answer: (result: ReadResult) => void): void {
    const id = target.length === 16 ? hexOf(target, 0, 16) : this.world.characterOf(target)
    const entity = id === undefined ? undefined : this.world.entityBytes(id)
    answer({ kind: 'state', state: { entity, size: this.leaf, tick: this.world.tick, byLease: false } })
  }

  whenFinal(_area: string, ask: FinalAsk, answer: (result: FinalResult) => void): void {
    const decide = (): void =>
      void this.log.decided(ask).then(proof => answer({ kind: 'final', proof: this.forgeFinal(proof) }))
    if (this.decidesAtOnce) decide()
    else this.finalAsks.push(decide)
  }

  subscribe(_area: string, listener: FeedListener): () => void {
    this.listeners.add(listener)
    listener.state(this.world.tick, this.leaf, this.entityBytes())
    return () => this.listeners.delete(listener)
  }

  entityBytes(): Uint8Array[] {
    return [...this.world.entities()].map(({ id }) => this.world.entityBytes(id)!)
  }

  /** Time goes on by one tick; the feed is told what has happened since the last. */
  tick(): void {
    this.flushBatch()
    this.apply(TICK_RECORD, encodeTick({ tick: this.world.tick + 1, timeMs: Date.now() }))
    this.flushFeed()
  }

  flushFeed(): void {
    const changed = [...this.changed].flatMap(id => this.world.entityBytes(id) ?? [])
    for (const listener of this.listeners) {
      listener.delta(this.world.tick, this.leaf, changed, this.removed, this.events)
    }
    this.changed.clear()
    this.removed = []
    this.events = []
  }

  flushBatch(): void {
    const batch = this.batch.splice(0)
    if (batch.length === 0) return
    const common = { genesisHash: GENESIS_HASH, origin: ORIGIN, epoch: 1, view: 0, term: 3 }
    const signer = {
      number: MEMBER,
      sign: (message: Uint8Array) => new Uint8Array(sign(null, message, this.key)),
    }
    const ranges: { from: number; to: number }[] = []
    batch.forEach(({ item, source, mishap }, i) => {
      const last = batch[i - 1]
      const goesOn =
        last?.source === source && follows(item, last.item) && !mishap && !last.mishap && ranges.length > 0
      if (goesOn) ranges.at(-1)!.to++
      else ranges.push({ from: i, to: i + 1 })
    })
    const items = batch.map(({ item }) => item)
    makeReceipts(common, items, ranges, signer).forEach((receipts, r) => {
      const own = batch.slice(ranges[r]!.from, ranges[r]!.to)
      const { source, mishap } = own[0]!
      if (mishap?.loseAnswer) return
      const bodies = own.map(({ body }) => body)
      source.answered(bodies, { kind: 'committed', receipts: mishap?.forge?.(receipts) ?? receipts })
    })
  }

  private apply(kind: number, body: Uint8Array) {
    const result = this.world.apply(kind, body, this.leaf++)
    this.log.append(kind === INPUT_RECORD ? recordLeafHash(HEADER, SALT, body) : sha256(body))
    for (const id of result.changed) this.changed.add(id)
    for (const id of result.removed) {
      this.changed.delete(id)
      this.removed.push(id)
    }
    this.events.push(...result.events)
    return result
  }
}

const HEADER = new Uint8Array([1, INPUT_RECORD, 0, 1])
const SALT = new Uint8Array(16).fill(9)

const keyOf = (body: Uint8Array): string => Buffer.from(body).toString('base64')
