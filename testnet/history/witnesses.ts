import { hash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../bots/random.ts'
import { HistoryRecorder } from './recorder.ts'
import { type Cast, Witness } from './witness.ts'

export interface WitnessesOptions {
  /** WebSocket addresses; each client begins with another one. */
  readonly gateways: readonly string[]
  /** The genesis file's bytes. */
  readonly genesis: Uint8Array
  /** Names of the areas to play in. */
  readonly areas: readonly string[]
  /** Where the history goes. */
  readonly path: string
  /** Players in each area; every one of them is played by two clients, in turns. */
  readonly playersPerArea?: number
}

export interface Witnesses {
  readonly counts: { readonly ok: number; readonly fail: number; readonly info: number }
  /** Ends them within about `deadlineMs`, after a last look at everything, and closes the file. */
  stop(deadlineMs: number): Promise<void>
}

const RIVALS = 2
const DEFAULT_PLAYERS = 6
/** Of the deadline, for what is under way. */
const drainShare = 0.5

/**
 * Clients that play so that their history tells much: all look at all, two players of three gather, and each player is
 * played by two clients that take it from one another. The players are new in each run, so that all begins with zero.
 */
export function startWitnesses(options: WitnessesOptions): Witnesses {
  const { areas, gateways, genesis, playersPerArea = DEFAULT_PLAYERS } = options
  const clients = areas.length * playersPerArea * RIVALS
  const recorder = new HistoryRecorder(options.path, clients)
  const run = randomBytes(32)
  const counts = { ok: 0, fail: 0, info: 0 }
  const witnesses: Witness[] = []
  for (const [a, area] of areas.entries()) {
    const cast: Cast = new Map()
    for (let i = 0; i < playersPerArea * RIVALS; i++) {
      const player = Math.floor(i / RIVALS)
      const first = (witnesses.length * 2 + i) % gateways.length
      const name = `w${a}-${player}`
      witnesses.push(
        new Witness({
          number: witnesses.length,
          name,
          seed: hash('sha256', Buffer.concat([run, Buffer.from(name)]), 'buffer'),
          gathers: player % 3 !== 0,
          area,
          gateways: [...gateways.slice(first), ...gateways.slice(0, first)],
          genesis,
          cast,
          recorder,
          counts,
          dice: seededRandom(run.readUInt32BE(0) + witnesses.length),
        }),
      )
    }
  }
  const playing = witnesses.map(witness => witness.play())
  let stopping: Promise<void> | undefined

  async function stop(deadlineMs: number): Promise<void> {
    for (const witness of witnesses) witness.rest()
    await Promise.race([Promise.all(playing), sleep(deadlineMs * drainShare)])
    await Promise.race([
      Promise.all(witnesses.map(witness => witness.lookAtAll())),
      sleep(deadlineMs * (1 - drainShare)),
    ])
    await Promise.all(witnesses.map(witness => witness.leave()))
    await recorder.end()
  }

  return {
    counts,
    stop(deadlineMs) {
      stopping ??= stop(deadlineMs)
      return stopping
    },
  }
}
