import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import {
  type Action,
  type Client,
  ClientError,
  connect,
  type Done,
  type EntityRead,
  type SocketLike,
} from '../../client/index.ts'
import { ASPECTS, encodeCourse, hexOf, ITEMS } from '../../world/codec.ts'
import { Mind } from '../bots/mind.ts'
import type { HistoryEvent } from './event.ts'
import type { Ended, HistoryRecorder, Process } from './recorder.ts'

/** Ids of the characters that are in the area, by their players' names. */
export type Cast = Map<string, string>

export interface WitnessOptions {
  readonly number: number
  /** The player's. */
  readonly name: string
  /** Of the player's key. */
  readonly seed: Uint8Array
  readonly gathers: boolean
  readonly area: string
  readonly gateways: readonly string[]
  readonly genesis: Uint8Array
  readonly cast: Cast
  readonly recorder: HistoryRecorder
  readonly counts: { ok: number; fail: number; info: number }
  /** From 0 up to 1. */
  readonly dice: () => number
}

interface Wish {
  readonly f: HistoryEvent['f']
  readonly key: string
  /** What a write sets. */
  readonly value: number | string | null
}

/** Asked for by an input. */
interface ActionWish extends Wish {
  readonly action: Action
}

/** Asked for past the log: one aspect of an entity. */
interface ReadWish extends Wish {
  readonly target: string
  readonly aspect: number
}

const actionTimeoutMs = 4_000
const thinkMs = 60
/** Of all wishes: looks, which stand in the log, and reads, which don't. */
const lookShare = 0.25
const readShare = 0.25
/** The rival has the player for so long at least. */
const yieldMs = 1_500
const yieldSpreadMs = 2_500
const strollMmPerTick = 300

/** One client that asks for one thing at a time and has everything recorded. */
export class Witness {
  readonly #options: WitnessOptions
  readonly #process: Process
  readonly #mind: Mind
  #client: Client | undefined
  #asking = false
  /** The area's, from its receipts. */
  #log = ''
  #resting = false

  constructor(options: WitnessOptions) {
    this.#options = options
    this.#process = { number: options.number }
    this.#mind = new Mind(options.dice)
  }

  /** Plays until it is told to rest; takes its player back whenever the rival has had it for a while. */
  async play(): Promise<void> {
    const { dice } = this.#options
    while (!this.#resting) {
      const client = await this.#enter()
      while (client?.state !== 'closed' && client !== undefined && !this.#resting) {
        const wish = this.#wish(client)
        if (wish !== undefined && 'action' in wish) await this.#ask(client, wish)
        else if (wish !== undefined) await this.#read(client, wish)
        await sleep(thinkMs * 2 * dice())
      }
      if (!this.#resting) await sleep(yieldMs + yieldSpreadMs * dice())
    }
  }

  /** No new wishes. */
  rest(): void {
    this.#resting = true
  }

  /** One look at all that anybody wrote. */
  async lookAtAll(): Promise<void> {
    const client = this.#client
    if (client === undefined || this.#asking) return
    for (const player of this.#options.cast.keys()) {
      for (const aspect of ASPECTS.keys()) {
        if (client.state === 'closed') return
        await this.#ask(client, this.#look(player, aspect))
      }
    }
  }

  /** Ends the connection; what is unanswered ends as `info`. */
  async leave(): Promise<void> {
    this.#client?.close()
    await new Promise(resolve => setImmediate(resolve))
  }

  async #enter(): Promise<Client | undefined> {
    const { gateways, genesis, area, seed, name, cast } = this.#options
    this.#client?.close()
    const client = await connect({
      ...{ gateways, genesis, area, player: seed, actionTimeoutMs },
      makeSocket: url => new WebSocket(url, { perMessageDeflate: false }) as unknown as SocketLike,
    }).catch(() => undefined)
    if (client === undefined) return undefined
    if (this.#resting) {
      client.close()
      return undefined
    }
    this.#client = client
    const { session } = sessionOf(client)
    const wish = { f: 'write', key: `${name}/session`, value: session } as const
    const done = await this.#ask(client, { ...wish, action: { kind: 'spawn', name } })
    if (done?.outcome.entity !== undefined) cast.set(name, done.outcome.entity)
    return client
  }

  #wish(client: Client): ActionWish | ReadWish | undefined {
    const { dice, cast, gathers, name } = this.#options
    const players = [...cast.keys()]
    if (!cast.has(name)) return undefined
    const kind = dice()
    if (kind < lookShare + readShare) {
      const player = players[Math.floor(dice() * players.length)]!
      const look = this.#look(player, Math.floor(dice() * ASPECTS.length))
      const { action, ...wish } = look
      return kind < lookShare ? look : { ...wish, target: action.target, aspect: action.aspect }
    }
    const action = gathers ? this.#mind.forage(client.view) : this.#stroll()
    if (action?.kind === 'gather') {
      const resource = client.view.entities.get(action.resource)
      if (resource?.kind !== 'resource') return undefined
      return { f: 'add', key: `${name}/${ITEMS[resource.item]}`, value: null, action }
    }
    if (action?.kind !== 'move') return undefined
    return { f: 'write', key: `${name}/course`, value: encodeCourse(action), action }
  }

  #look(player: string, aspect: number): Wish & { action: Extract<Action, { kind: 'look' }> } {
    const target = this.#options.cast.get(player)!
    return {
      f: 'read',
      key: `${player}/${ASPECTS[aspect]}`,
      value: null,
      action: { kind: 'look', target, aspect },
    }
  }

  #stroll(): Action {
    const pace = (): number => Math.round((this.#options.dice() * 2 - 1) * strollMmPerTick)
    return { kind: 'move', vxMmPerTick: pace(), vyMmPerTick: pace() }
  }

  async #ask(client: Client, { action, ...wish }: ActionWish): Promise<Done | undefined> {
    const { recorder, counts } = this.#options
    this.#asking = true
    const end = recorder.invoke(this.#process, { ...wish, ...sessionOf(client), seq: client.nextSeq })
    const asked = await client.act(action).then(
      done => ({ done, ended: endOf(wish, done) }),
      error => ({ done: undefined, ended: failureOf(wish, error) }),
    )
    this.#asking = false
    counts[asked.ended.type]++
    end(asked.ended)
    if (asked.done !== undefined) this.#log = asked.done.receipt.origin
    return asked.done
  }

  async #read(client: Client, { target, aspect, ...wish }: ReadWish): Promise<void> {
    const { recorder, counts } = this.#options
    this.#asking = true
    const end = recorder.invoke(this.#process, { ...wish, ...sessionOf(client) })
    const log = this.#log
    const ended = await client.read(target).then(
      (read): Ended => ({ type: 'ok', value: aspectOf(read, aspect), log, size: read.size }),
      error => failureOf(wish, error),
    )
    this.#asking = false
    counts[ended.type]++
    end(ended)
  }
}

/** What the rules refused didn't happen; the receipt says so. */
function endOf({ value }: Wish, { outcome, receipt }: Done): Ended {
  const at = { log: receipt.origin, leaf: receipt.leaf }
  if (outcome.code !== 'ok') return { type: 'fail', value, ...at, code: outcome.code }
  return { type: 'ok', value: outcome.value ?? value, ...at }
}

/** Without a receipt nothing is known: it may have been applied, or be applied later. */
function failureOf({ value }: Wish, error: unknown): Ended {
  const code = error instanceof ClientError ? error.code : String(error)
  return { type: 'info', value, code }
}

function sessionOf({ sessionId }: Client): { session: string } {
  return { session: hexOf(sessionId, 0, sessionId.length) }
}

/** As a look tells it. Null: there is no such character, and nobody ever wrote that. */
function aspectOf({ entity, tick }: EntityRead, aspect: number): number | null {
  if (entity?.kind !== 'character') return null
  const { motion, items } = entity
  if (ASPECTS[aspect] === 'course') return tick < motion.untilTick ? encodeCourse(motion) : 0
  return items[aspect - 1]!
}
