import { createHash } from 'node:crypto'
import { type Action, encodeInput, encodeTick, logTagOf, type Outcome } from '../../world/codec.ts'
import { type Applied, INPUT_RECORD, TICK_RECORD, type WorldHost } from '../../world/interface.ts'
import { type AreaCharter, createWorld, type World } from '../../world/world.ts'

export const ORIGIN = 'testnet/area/0231/0'

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

/** Signatures are good when they begin with the hash of key and message: enough to see what was signed. */
export const host: WorldHost = {
  origin: ORIGIN,
  sha256,
  verifySignature: (key, message, signature) => Buffer.compare(fakeSignature(key, message), signature) === 0,
}

export function fakeSignature(key: Uint8Array, message: Uint8Array): Uint8Array {
  const signature = new Uint8Array(64)
  signature.set(createHash('sha256').update(key).update(message).digest())
  return signature
}

export function charterOf(changes: Partial<AreaCharter> = {}): AreaCharter {
  return {
    name: 'area/0231',
    quadkey: '0231',
    xMm: -10_000_000,
    yMm: 20_000_000,
    sideMm: 10_000_000,
    spawns: [{ xMm: -5_000_000, yMm: 25_000_000 }],
    seed: 7,
    resourceCount: 0,
    npcCount: 0,
    capacity: 100,
    ...changes,
  }
}

export const playerKey = (number: number): Uint8Array => sha256(Buffer.from(`player ${number}`))
export const sessionOf = (player: number, number = 1): Uint8Array =>
  Uint8Array.of(
    0,
    0,
    0,
    0,
    0,
    0,
    number >> 8,
    number,
    ...sha256(Buffer.from(`session ${player}`)).subarray(0, 8),
  )
export const LOG = logTagOf(ORIGIN, sha256)

/** A world with its next leaf, and players that count their own seqs. */
export class Stage {
  world: World
  leaf = 1
  readonly seqs = new Map<string, number>()

  constructor(world: World) {
    this.world = world
  }

  send(player: number, action: Action, session = 1, signature: Uint8Array = new Uint8Array(64)): Applied {
    const name = `${player}/${session}`
    const seq = (this.seqs.get(name) ?? 0) + 1
    const head = { player: playerKey(player), session: sessionOf(player, session), seq, log: LOG }
    const input = { ...head, action, signature }
    const applied = this.world.apply(INPUT_RECORD, encodeInput(input), this.leaf++)
    if (this.world.lastSeq(input.player, input.session) === seq) this.seqs.set(name, seq)
    return applied
  }

  /** The outcome of an input that is known to give one. */
  ask(player: number, action: Action, session = 1): Outcome {
    return this.send(player, action, session).outcome!
  }

  tickTo(tick: number): Applied {
    return this.world.apply(TICK_RECORD, encodeTick({ tick, timeMs: tick * 100 }), this.leaf++)
  }

  /** Spawns and gives the character's id. */
  enter(player: number, session = 1): string {
    return this.ask(player, { kind: 'spawn', name: `player-${player}` }, session).entity!
  }
}

export const stageOf = (changes: Partial<AreaCharter> = {}): Stage =>
  new Stage(createWorld(host, charterOf(changes)))

export function hexEntries(world: World): string[] {
  return [...world.entries()].map(({ key, value }) => `${hex(key)}=${hex(value)}`)
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
