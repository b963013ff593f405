import { PbfReader, PbfWriter } from 'pbf'
import {
  type Answer,
  type ClientMessage,
  readServerMessage,
  writeClientMessage,
} from '../../../client/protocol/gateway.pb.js'
import { decodeReceipts, verifyReceipts } from '../../../client/protocol/receipts.ts'
import { sessionIdOf } from '../../../client/protocol/session.ts'
import type { AreaInfo } from '../../../daemon/gateway/router.ts'
import type { SigningKey } from '../../../daemon/identity/signing-key.ts'
import { putSha256 } from '../../../storage/sha256.ts'
import {
  type Action,
  decodeOutcome,
  encodeInput,
  inputSignatureMessage,
  isPermanent,
  logTagOf,
  OUTCOMES_KEPT,
} from '../../../world/codec.ts'
import type { SimNode } from '../node.ts'
import type { SimRandom } from '../random.ts'
import type { Simulation } from '../simulation.ts'
import type { SimDaemon } from './daemon.ts'
import type { Haste } from './faults/client.ts'
import type { Judge } from './judge.ts'
import { openMessage } from './opening.ts'
import { Reader } from './reader.ts'
import { type Realm, seededKey, sha256 } from './realm.ts'
import { verifySimSignature } from './sim-key.ts'

interface Item {
  readonly seq: number
  readonly action: Action
  readonly body: Uint8Array
  /** Undefined while it has to be sent (again). */
  sentMs: number | undefined
  /** It was answered, and its leaf fell off with a change of views. */
  readonly fellOff?: true
}

interface Line {
  readonly id: number
  readonly node: SimNode<SimDaemon>
  readonly daemon: SimDaemon
  readonly openedMs: number
  /** Of each message, either way, once the gateway has said welcome. */
  readonly lateMs: number
  welcomed: boolean
}

const STEP_MS = 50
const ON_THE_WAY_MS = 5
/** Inputs without an answer that a careful player has, and a hasty one: as many as the rules keep outcomes of. */
const WINDOWS = [4, 4, OUTCOMES_KEPT]
/** Without an answer for so long, a player goes to another gateway. */
const PATIENCE_MS = 2_500
const LEAVE_AGAIN_MS = 500
const ANSWERED_KEPT = 256
const NEW_SESSION_RATE = 0.01

export interface PlayerParts {
  readonly simulation: Simulation
  readonly realm: Realm
  readonly nodes: readonly SimNode<SimDaemon>[]
  readonly judge: Judge
  readonly area: AreaInfo
  readonly index: number
  /** What to do next in the world. */
  readonly decide: (player: SimPlayer) => Action
  /** Whether its character is up, as its area's leader has it. */
  readonly isAwake: (player: SimPlayer) => boolean
  readonly newConnection: (player: SimPlayer) => number
}

/** A client at the gateway's protocol: everything that it asked for it asks again, here or elsewhere, until answered. */
export class SimPlayer {
  readonly key: SigningKey
  readonly random: SimRandom
  /** Where its character is. */
  area: AreaInfo
  answered = 0
  /** Asks for nothing new but to leave, so that its area comes to rest. */
  resting = false
  haste: Haste | undefined
  readonly #parts: PlayerParts
  #session: SigningKey
  #sessions = 1
  #sessionId: Uint8Array
  /** In which the session was opened: its inputs name that one's log, wherever it goes. */
  #home: AreaInfo
  /** In this session: outcomes may be left in the area that it came from. */
  #hasMoved = false
  #nextSeq = 1
  #items: Item[] = []
  /** What was answered last: it may fall off with a change of views. */
  #answeredLately: Item[] = []
  #line: Line | undefined
  #lastNode: SimNode<SimDaemon> | undefined
  #waitUntilMs = 0
  #nextActionMs = 0
  /** It rested, and so has to come back first. */
  #left = false
  readonly #window: number
  readonly #reader: Reader

  constructor(parts: PlayerParts) {
    this.#parts = parts
    this.area = parts.area
    this.#home = parts.area
    this.random = parts.simulation.random.fork(`player ${parts.index}`)
    this.key = seededKey(parts.simulation.seed, `player ${parts.index}`)
    this.#window = WINDOWS[parts.index % WINDOWS.length]!
    this.#session = this.#newSession()
    this.#sessionId = sessionIdOf(this.#session.publicKey, this.#sessions, sha256)
    this.#nextActionMs = this.random.below(500)
    const dice = parts.simulation.random.fork(`reader ${parts.index}`)
    this.#reader = new Reader(parts.judge, parts.area.group, dice, this.key.publicKey)
    this.#step()
  }

  /** Inputs and reads without an answer. */
  get waiting(): number {
    return this.#items.length + this.#reader.waiting
  }

  /** Everything is answered, and its character sleeps. */
  get atRest(): boolean {
    return this.waiting === 0 && !this.#parts.isAwake(this)
  }

  describe(): string {
    const { index } = this.#parts
    const line = this.#line
    const where =
      line === undefined ? 'nowhere' : `at ${line.node.name}${line.welcomed ? '' : ' (not welcomed)'}`
    return `player ${index} in ${this.area.name} ${where}, seqs ${this.#items.map(({ seq }) => seq).join()}`
  }

  #newSession(): SigningKey {
    const { simulation, index } = this.#parts
    return seededKey(simulation.seed, `player ${index} session ${this.#sessions}`)
  }

  #step(): void {
    const { simulation } = this.#parts
    simulation.schedule(undefined, STEP_MS, '', () => this.#step())
    const nowMs = simulation.nowMs
    if (this.#line !== undefined && this.#line.node.program !== this.#line.daemon) this.#line = undefined
    if (this.#line === undefined) return this.#connect()
    if (this.#isStuck(this.#line, nowMs)) return this.#leave()
    if (!this.#line.welcomed) return
    // Counted from the oldest one without an answer: when it is asked for again, its outcome must still be kept.
    const ahead = this.#nextSeq - (this.#items[0]?.seq ?? this.#nextSeq)
    if (nowMs >= this.#nextActionMs && ahead < this.#window) this.#act(nowMs)
    this.#sendDue(nowMs)
    const read = this.#line === undefined ? undefined : this.#reader.due(nowMs, this.resting)
    if (read !== undefined) this.#send({ kind: 'read', read })
  }

  #isStuck(line: Line, nowMs: number): boolean {
    const since = line.welcomed ? [this.#items[0]?.sentMs, this.#reader.sentMs] : [line.openedMs]
    return since.some(sentMs => sentMs !== undefined && nowMs - sentMs > PATIENCE_MS)
  }

  #leave(): void {
    const line = this.#line
    this.#line = undefined
    if (line === undefined) return
    this.#parts.judge.count('gateway-switches')
    this.#parts.simulation.schedule(undefined, onTheWayMs(line), '', () => line.daemon.closed(line.id))
  }

  #connect(): void {
    const { nodes, simulation, newConnection } = this.#parts
    const { haste } = this
    const up = nodes.filter(node => node.program !== undefined && (haste || node !== this.#lastNode))
    const node = up[this.random.below(up.length)] ?? nodes.find(({ program }) => program !== undefined)
    const daemon = node?.program
    if (node === undefined || daemon === undefined) return
    const id = newConnection(this)
    this.#lastNode = node
    const lateMs = haste === undefined ? 0 : this.random.between(0, haste.lateMs)
    this.#line = { id, node, daemon, openedMs: simulation.nowMs, lateMs, welcomed: false }
    for (const item of this.#items) item.sentMs = undefined
    this.#reader.moved()
    simulation.schedule(undefined, ON_THE_WAY_MS, '', () => daemon.connected(id))
  }

  #act(nowMs: number): void {
    if (!this.resting) return this.#play(nowMs)
    if (this.#items.length > 0 || !this.#parts.isAwake(this)) return
    // Refused while it fights or is dead, and then asked for again.
    this.#nextActionMs = nowMs + LEAVE_AGAIN_MS
    this.#ask(this.#nextSeq === 1 ? this.#spawn : { kind: 'leave' })
    this.#left = true
  }

  #play(nowMs: number): void {
    this.#nextActionMs = nowMs + 50 + this.random.below(this.#window > 4 ? 200 : 500)
    if (this.#nextSeq > 3 && this.random.chance(NEW_SESSION_RATE)) return this.#startAnew()
    this.#ask(this.#left || this.#nextSeq === 1 ? this.#spawn : this.#parts.decide(this))
    this.#left = false
  }

  /** Opens a session, and wakes who sleeps. */
  get #spawn(): Action {
    return { kind: 'spawn', name: `p${this.#parts.index}` }
  }

  #ask(action: Action): void {
    this.#items.push(this.#itemOf(this.#nextSeq++, action))
  }

  #itemOf(seq: number, action: Action): Item {
    const { origin } = this.#home
    const log = logTagOf(origin, sha256)
    const unsigned = { player: this.key.publicKey, session: this.#sessionId, seq, log, action }
    const signature = isPermanent(action) ? this.key.sign(inputSignatureMessage(origin, unsigned)) : undefined
    return { seq, action, body: encodeInput({ ...unsigned, signature }), sentMs: undefined }
  }

  /** Its character has gone over a border. */
  #moved(index: number): void {
    this.area = this.#parts.realm.areas[index]!
    this.#reader.movedTo(this.area.group)
    this.#hasMoved = true
    this.#parts.judge.count('moved')
  }

  /** The session opens where the character has come to: nothing of it was taken in the area that it was first meant for. */
  #rehome(): void {
    this.#home = this.area
    this.#items = this.#items.map(({ seq, action }) => this.#itemOf(seq, action))
    this.#parts.judge.count('opened-elsewhere')
  }

  /** As a player does who starts the client again: what was asked for is left to its fate. */
  #startAnew(): void {
    this.#parts.judge.count('sessions-replaced')
    this.#leave()
    this.#sessions++
    this.#session = this.#newSession()
    this.#sessionId = sessionIdOf(this.#session.publicKey, this.#sessions, sha256)
    this.#items = []
    this.#home = this.area
    this.#hasMoved = false
    this.#answeredLately = []
    this.#nextSeq = 1
  }

  /** The next input of its session that it never asks for: it does not walk as fast. `lastSeq`: as a log has it. */
  neverAsked(lastSeq: (player: Uint8Array, session: Uint8Array) => number): Uint8Array {
    const { publicKey: player } = this.key
    const [session, log] = [this.#sessionId, logTagOf(this.#home.origin, sha256)]
    const action: Action = { kind: 'move', vxMmPerTick: 601, vyMmPerTick: 0 }
    const seq = lastSeq(player, session) + 1
    return encodeInput({ player, session, seq, log, action, signature: undefined })
  }

  #sendDue(nowMs: number): void {
    if (nowMs < this.#waitUntilMs) return
    const isOpening = this.#parts.realm.crossing && this.#items[0]?.seq === 1
    // What comes after an opening that is meant for elsewhere would find no session.
    const atOnce = isOpening ? 1 : OUTCOMES_KEPT
    const due = this.#items
      .slice(0, isOpening ? 1 : undefined)
      .filter(({ sentMs }) => sentMs === undefined)
      .slice(0, atOnce)
    if (due.length === 0) return
    for (const item of due) item.sentMs = nowMs
    this.#parts.judge.count('inputs-sent', due.length)
    const message: ClientMessage = { kind: 'inputs', inputs: { bodies: due.map(({ body }) => body) } }
    this.#send(message)
    if (this.haste === undefined) return
    if (this.random.chance(this.haste.twiceRate)) {
      this.#parts.simulation.countFault('client-input-twice')
      this.#send(message)
    }
    if (this.random.chance(this.haste.leaveRate)) this.#leave()
  }

  #send(message: ClientMessage): void {
    const line = this.#line!
    const { simulation } = this.#parts
    const pbf = new PbfWriter()
    writeClientMessage(message, pbf)
    const bytes = pbf.finish()
    simulation.schedule(undefined, onTheWayMs(line), '', () => {
      if (line.node.program !== line.daemon) return
      if (message.kind === 'inputs' && this.#line?.welcomed && this.#line !== line)
        simulation.countFault('client-input-late')
      line.daemon.message(line.id, bytes)
    })
  }

  receive(connection: number, bytes: Uint8Array): void {
    const { simulation, judge } = this.#parts
    simulation.schedule(undefined, this.#lateMs(connection), '', () => {
      if (this.#line?.id !== connection) return
      simulation.trace.add(simulation.nowUs, `player ${this.#parts.index} hears`, bytes)
      const message = readServerMessage(new PbfReader(bytes))
      if (message.kind === 'challenge')
        this.#send(openMessage(message.challenge!, this.key, this.#session, this.area.name))
      else if (message.kind === 'welcome') this.#line.welcomed = true
      else if (message.kind === 'answer') this.#answer(message.answer!)
      else if (message.kind === 'receipts') this.#receipts(message.receipts!)
      else if (message.kind === 'readAnswer') this.#reader.answered(message.readAnswer!, simulation.nowMs)
      else if (message.kind === 'moved') this.#moved(message.moved!.area)
      else if (message.kind === 'problem') judge.count(`problem-${message.problem!.code}`)
    })
  }

  closed(connection: number): void {
    const { simulation } = this.#parts
    simulation.schedule(undefined, this.#lateMs(connection), '', () => {
      if (this.#line?.id === connection) this.#line = undefined
    })
  }

  #lateMs(connection: number): number {
    return onTheWayMs(this.#line?.id === connection ? this.#line : undefined)
  }
  #answer(answer: Answer): void {
    const { simulation, judge, index } = this.#parts
    const item = this.#items.find(({ seq }) => seq === answer.seq)
    if (item === undefined) return judge.count('answers-again')
    if (answer.expectedSeq) {
      judge.count('gaps')
      if (answer.expectedSeq > item.seq)
        return judge.fail(`player ${index}: seq ${item.seq} is called applied without a receipt`)
      this.#waitUntilMs = simulation.nowMs + 50
      this.#takeBack(answer.expectedSeq)
      for (const each of this.#items) if (each.seq >= answer.expectedSeq) each.sentMs = undefined
    } else if (answer.retryAfterMs) {
      judge.count(`answer-${answer.code}`)
      this.#waitUntilMs = simulation.nowMs + answer.retryAfterMs
      for (const each of this.#items) if (each.seq >= item.seq) each.sentMs = undefined
    } else if (item.fellOff && answer.code === 'outcome-forgotten') {
      // It was proposed again with all that came after it: applied, and longer ago than outcomes are kept.
      judge.count('outcomes-forgotten')
      this.#items = this.#items.filter(each => each !== item)
    } else if (answer.code === 'outcome-forgotten' && this.#hasMoved) {
      judge.count('outcomes-left-elsewhere')
      this.#items = this.#items.filter(each => each !== item)
    } else if (answer.code === 'other-log' && item.seq === 1 && this.area !== this.#home) {
      this.#rehome()
    } else judge.fail(`player ${index}: seq ${item.seq} was refused: ${answer.code}`)
  }

  /** What was answered, and fell off with a change of views, is asked for again. */
  #takeBack(fromSeq: number): void {
    const fallen = this.#answeredLately
      .filter(({ seq }) => seq >= fromSeq)
      .map(item => ({ ...item, fellOff: true as const }))
    if (fallen.length === 0) return
    this.#parts.judge.count('fell-off', fallen.length)
    this.#answeredLately = this.#answeredLately.filter(({ seq }) => seq < fromSeq)
    this.#items = [...fallen, ...this.#items].sort((a, b) => a.seq - b.seq)
  }

  #receipts(bytes: Uint8Array): void {
    const { realm, judge, index } = this.#parts
    const run = decodeReceipts(bytes)
    const seqs = run?.outcomes.map(outcome => decodeOutcome(outcome)?.seq)
    if (run === undefined || seqs === undefined) return judge.fail(`player ${index}: receipts are unreadable`)
    const items = this.#items.filter(({ seq }) => seqs.includes(seq))
    if (items.length < seqs.length) {
      // Asked for again where some of them were answered in between.
      judge.count('answers-again')
      for (const item of items) item.sentMs = undefined
      return
    }
    const verdict = verifyReceipts(run, {
      genesisHash: realm.genesisHash,
      origin: this.area.origin,
      bodies: items.map(({ body }) => body),
      logKeys: new Map(realm.nodes.map(({ number, log }) => [number, log.publicKey])),
      verify: verifySimSignature,
      putHash: putSha256,
    })
    if (verdict instanceof Promise || !verdict.ok)
      return judge.fail(`player ${index}: the receipts for ${seqs.join()} are false`)
    this.#items = this.#items.filter(each => !items.includes(each))
    this.#answeredLately = [...this.#answeredLately, ...items].slice(-ANSWERED_KEPT)
    this.answered += items.length
    judge.count('answered', items.length)
  }
}

function onTheWayMs(line: Line | undefined): number {
  return line?.welcomed ? ON_THE_WAY_MS + line.lateMs : ON_THE_WAY_MS
}
