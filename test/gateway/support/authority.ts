import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { recordLeafHash } from '../../../audit/verify/record.ts'
import { batchTree, encodeReceipt, receiptItem, receiptMessage } from '../../../client/protocol/receipt.ts'
import type { AreaInfo, AuthorityRouter, FeedListener, InputResult } from '../../../daemon/gateway/router.ts'
import { decodeInput, encodeOutcome, encodeTick, type Outcome } from '../../../world/codec.ts'
import { type AreaCharter, createWorld, INPUT_RECORD, TICK_RECORD, type World } from '../../../world/world.ts'

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
export const CHARTER: AreaCharter = {
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
}

/** Logged, but their seq is still free. */
const CHANGED_NOTHING = new Set(['no-session', 'session-closed', 'area-full', 'duplicate'])

/** What an input's way through the authority can be made to suffer. */
export interface Mishap {
  /** Applied, but nobody is told. */
  loseAnswer?: boolean
  /** Not applied. */
  result?: InputResult
  forge?: (receipt: Uint8Array) => Uint8Array
}

/** One area's real rules in memory, with a leader that applies at once, signs receipts and feeds whoever subscribes. */
export class TestAuthority implements AuthorityRouter {
  readonly world: World
  readonly key: KeyObject
  readonly logKey: Uint8Array
  readonly applied: { body: Uint8Array; outcome: Outcome }[] = []
  readonly listeners = new Set<FeedListener>()
  /** How often inputs arrived, applied or not. */
  arrivals = 0
  mishap: (seq: number) => Mishap | undefined = () => undefined
  private leaf = 1
  private readonly receipts = new Map<string, Uint8Array>()
  /** Inputs of one turn of the event loop are one batch, with one signature. */
  private batch: {
    body: Uint8Array
    leaf: number
    outcome: Outcome
    answer: (receipt: Uint8Array) => void
  }[] = []
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
    this.immediate = options.immediate
  }

  areas(): readonly AreaInfo[] {
    return [AREA_INFO]
  }

  submit(_area: string, body: Uint8Array, answer: (result: InputResult) => void): void {
    this.arrivals++
    const input = decodeInput(body)
    if ('code' in input) return answer({ kind: 'refused', code: input.code })
    const mishap = this.mishap(input.seq)
    if (mishap?.result !== undefined) return answer(mishap.result)
    const told = (receipt: Uint8Array): void => {
      this.receipts.set(keyOf(body), receipt)
      if (!mishap?.loseAnswer) answer({ kind: 'committed', receipt: mishap?.forge?.(receipt) ?? receipt })
    }
    const refusal = this.world.check(body)
    if (refusal?.code === 'duplicate') {
      const receipt = this.receipts.get(keyOf(body))
      return receipt
        ? told(receipt)
        : answer({ kind: 'gap', expectedSeq: this.world.lastSeq(input.player, input.session) + 1 })
    }
    if (refusal !== undefined) return answer({ kind: 'refused', code: refusal.code })
    const { outcome } = this.apply(INPUT_RECORD, body)
    if (outcome!.code === 'gap') return answer({ kind: 'gap', expectedSeq: outcome!.value! })
    if (!CHANGED_NOTHING.has(outcome!.code)) this.applied.push({ body: body.slice(), outcome: outcome! })
    this.batch.push({ body: body.slice(), leaf: this.leaf - 1, outcome: outcome!, answer: told })
    if (this.immediate) this.flushBatch()
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
    this.apply(TICK_RECORD, encodeTick({ tick: this.world.tick + 1, timeMs: 0 }))
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
    const header = new Uint8Array([1, INPUT_RECORD, 0, 1])
    const salt = new Uint8Array(16).fill(9)
    const outcomes = batch.map(({ outcome }) => encodeOutcome(outcome))
    const items = batch.map(({ leaf, body }, i) =>
      receiptItem(leaf, recordLeafHash(header, salt, body), outcomes[i]!),
    )
    const tree = batchTree(items, sha256)
    const common = { genesisHash: GENESIS_HASH, origin: ORIGIN, epoch: 1, view: 0, term: 3 }
    const shared = { ...common, count: batch.length }
    const signature = new Uint8Array(sign(null, receiptMessage(shared, tree.root), this.key))
    batch.forEach(({ leaf, answer }, index) => {
      const item = { leaf, header, salt, outcome: outcomes[index]!, index, path: tree.path(index) }
      answer(
        encodeReceipt({
          ...shared,
          signer: MEMBER,
          signature,
          root: tree.root,
          ...item,
        }),
      )
    })
  }

  private apply(kind: number, body: Uint8Array) {
    const result = this.world.apply(kind, body, this.leaf++)
    for (const id of result.changed) this.changed.add(id)
    for (const id of result.removed) {
      this.changed.delete(id)
      this.removed.push(id)
    }
    this.events.push(...result.events)
    return result
  }
}

const keyOf = (body: Uint8Array): string => Buffer.from(body).toString('base64')
