import fc from 'fast-check'
import {
  type Action,
  type EntityKind,
  type EntityView,
  encodeInput,
  inputSignatureMessage,
  positionAt,
  STRUCTURES,
} from '../../world/codec.ts'
import { type Applied, INPUT_RECORD, TICK_RECORD } from '../../world/interface.ts'
import { charterOf, fakeSignature, LOG, ORIGIN, playerKey, type Stage, sessionOf } from './support.ts'

/** An area so small that players, NPCs and resources meet all the time. */
export const smallCharter = charterOf({
  sideMm: 120_000,
  spawns: [{ xMm: -9_950_000, yMm: 20_050_000 }],
  resourceCount: 25,
  npcCount: 12,
})

/** What one player tries for a while, or a pause. */
export interface Turn {
  readonly player: number
  readonly session: number
  readonly kind: 'enter' | 'run' | 'hunt' | 'harvest' | 'build' | 'leave' | 'noise' | 'pause'
  readonly a: number
  readonly b: number
}

export const turns = (count: number): fc.Arbitrary<Turn[]> =>
  fc.array(
    fc.record({
      player: fc.integer({ min: 0, max: 4 }),
      session: fc.integer({ min: 1, max: 12 }).map(n => (n === 12 ? 2 : 1)),
      kind: fc.oneof(
        ...(
          [
            ['enter', 3],
            ['run', 2],
            ['hunt', 4],
            ['harvest', 4],
            ['build', 3],
            ['leave', 1],
            ['noise', 1],
            ['pause', 2],
          ] as const
        ).map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) })),
      ),
      a: fc.integer({ min: -500, max: 500 }),
      b: fc.integer({ min: -500, max: 500 }),
    }),
    { minLength: count / 2, maxLength: count, size: 'max' },
  )

/** Plays one turn and hands every record's result to `seen`. */
export function play(stage: Stage, turn: Turn, seen: (applied: Applied) => void): void {
  const { player, session, a, b } = turn
  const send = (action: Action): Applied => {
    const applied = stage.send(player, action, session, signatureFor(stage, player, session, action))
    seen(applied)
    return applied
  }
  const wait = (ticks: number): void => seen(stage.tickTo(stage.world.tick + ticks))
  switch (turn.kind) {
    case 'enter':
      send({ kind: 'spawn', name: `name-${player}` })
      return
    case 'run':
      send({ kind: 'move', vxMmPerTick: a, vyMmPerTick: b })
      return wait(1 + (Math.abs(a) % 30))
    case 'hunt':
      for (let i = 0; i < 16; i++) {
        const prey = nearest(stage, player, a % 3 === 0 ? ['character'] : ['npc'])
        approach(stage, player, prey, send, wait)
        if (prey) send({ kind: 'strike', target: prey.id })
        wait(i % 4 === 0 ? 3 : 15)
      }
      return
    case 'harvest':
      for (let i = 0; i < 10; i++) {
        const resource = nearest(stage, player, ['resource'])
        approach(stage, player, resource, send, wait)
        if (resource) send({ kind: 'gather', resource: resource.id })
        wait(8 + (Math.abs(b) % 4))
      }
      return
    case 'build': {
      const me = entityOf(stage, player)
      const at = me ? positionAt(me.motion, stage.world.tick) : { xMm: 0, yMm: 0 }
      const structure = Math.abs(a) % STRUCTURES.length
      send({ kind: 'build', structure, xMm: at.xMm + 6 * a, yMm: at.yMm + 6 * b })
      return
    }
    case 'leave':
      send({ kind: 'leave' })
      return
    case 'noise': {
      const seq = Math.abs(a) % 40
      const body = encodeInput({
        player: playerKey(player),
        session: sessionOf(player, session),
        seq,
        log: LOG,
        action: { kind: 'leave' },
      })
      seen(
        stage.world.apply(
          b % 2 === 0 ? INPUT_RECORD : TICK_RECORD,
          b % 3 === 0 ? body.subarray(a & 31) : body,
          stage.leaf++,
        ),
      )
      return
    }
    case 'pause':
      wait(a > 350 ? 3500 + b : 1 + Math.abs(b))
  }
}

function signatureFor(stage: Stage, player: number, session: number, action: Action): Uint8Array {
  const seq = (stage.seqs.get(`${player}/${session}`) ?? 0) + 1
  const input = { player: playerKey(player), session: sessionOf(player, session), seq, log: LOG, action }
  return fakeSignature(input.player, inputSignatureMessage(ORIGIN, input))
}

function entityOf({ world }: Stage, player: number): EntityView | undefined {
  const id = world.characterOf(playerKey(player))
  return id ? world.entity(id) : undefined
}

function nearest(stage: Stage, player: number, kinds: EntityKind[]): EntityView | undefined {
  const me = entityOf(stage, player)
  if (!me) return undefined
  const { tick } = stage.world
  const at = positionAt(me.motion, tick)
  let best: EntityView | undefined
  let bestFar = Number.POSITIVE_INFINITY
  for (const entity of stage.world.entities()) {
    if (entity.id === me.id || !kinds.includes(entity.kind)) continue
    if ('respawnTick' in entity && entity.respawnTick > 0) continue
    const there = positionAt(entity.motion, tick)
    const far = Math.max(Math.abs(there.xMm - at.xMm), Math.abs(there.yMm - at.yMm))
    if (far >= bestFar) continue
    best = entity
    bestFar = far
  }
  return best
}

function approach(
  stage: Stage,
  player: number,
  target: EntityView | undefined,
  send: (action: Action) => Applied,
  wait: (ticks: number) => void,
): void {
  const me = entityOf(stage, player)
  if (!me || !target) return
  const from = positionAt(me.motion, stage.world.tick)
  const to = positionAt(target.motion, stage.world.tick)
  const dx = to.xMm - from.xMm
  const dy = to.yMm - from.yMm
  const far = Math.max(Math.abs(dx), Math.abs(dy))
  if (far < 1500) return
  const ticks = Math.ceil(far / 480)
  send({ kind: 'move', vxMmPerTick: Math.trunc(dx / ticks), vyMmPerTick: Math.trunc(dy / ticks) })
  wait(Math.min(ticks, 100))
  send({ kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 })
}
