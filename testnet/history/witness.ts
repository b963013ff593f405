import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import {
  type Action,
  type Client,
  ClientError,
  connect,
  type Done,
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
  readonly action: Action
}

const actionTimeoutMs = 4_000
const thinkMs = 60
const lookShare = 0.5
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
        if (wish !== undefined) await this.#ask(client, wish)
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

  #wish(client: Client): Wish | undefined {
    const { dice, cast, gathers, name } = this.#options
    const players = [...cast.keys()]
    if (!cast.has(name)) return undefined
    if (dice() < lookShare) {
      return this.#look(players[Math.floor(dice() * players.length)]!, Math.floor(dice() * ASPECTS.length))
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

  #look(player: string, aspect: number): Wish {
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

  async #ask(client: Client, { action, ...wish }: Wish): Promise<Done | undefined> {
    const { recorder, counts } = this.#options
    this.#asking = true
    const end = recorder.invoke(this.#process, { ...wish, ...sessionOf(client) })
    const asked = await client.act(action).then(
      done => ({ done, ended: endOf(wish, done) }),
      error => ({ done: undefined, ended: failureOf(wish, error) }),
    )
    this.#asking = false
    counts[asked.ended.type]++
    end(asked.ended)
    return asked.done
  }
}

/** What the rules refused didn't happen; the receipt says so. */
function endOf({ value }: Omit<Wish, 'action'>, { outcome, receipt }: Done): Ended {
  const at = { log: receipt.origin, leaf: receipt.leaf }
  if (outcome.code !== 'ok') return { type: 'fail', value, ...at, code: outcome.code }
  return { type: 'ok', value: outcome.value ?? value, ...at }
}

/** Without a receipt nothing is known: it may have been applied, or be applied later. */
function failureOf({ value }: Omit<Wish, 'action'>, error: unknown): Ended {
  const code = error instanceof ClientError ? error.code : String(error)
  return { type: 'info', value, code }
}

function sessionOf({ sessionId, nextSeq }: Client): { session: string; seq: number } {
  return { session: hexOf(sessionId, 0, sessionId.length), seq: nextSeq }
}
