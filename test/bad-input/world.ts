import { decodeRequest } from '../../world/codec/input.ts'
import {
  decodeClosed,
  decodeForward,
  encodeClosed,
  encodeForward,
  encodeHeader,
  encodePlayer,
} from '../../world/codec/state.ts'
import {
  type Action,
  decodeEntity,
  decodeEvent,
  decodeHeader,
  decodeInput,
  decodeOutcome,
  decodePlayer,
  decodeTick,
  type Entity,
  encodeEntity,
  encodeEvent,
  encodeInput,
  encodeOutcome,
  encodeTick,
  type Outcome,
  type WorldEvent,
} from '../../world/codec.ts'
import { type Parser, parser, unlessCode } from './parser.ts'
import { filled, hash32 } from './storage.ts'

const id = 'ab'.repeat(16)
const actions: Action[] = [
  { kind: 'spawn', name: 'Ada' },
  { kind: 'move', vxMmPerTick: -300, vyMmPerTick: 7 },
  { kind: 'gather', resource: id },
  { kind: 'build', structure: 1, xMm: -(2 ** 40), yMm: 7 },
  { kind: 'strike', target: id },
  { kind: 'leave' },
  { kind: 'look', target: id, aspect: 1 },
]
const inputs = actions.map(action => {
  const head = { player: hash32(1), session: filled(16, 2), seq: 300, log: filled(8, 3), action }
  return encodeInput(action.kind === 'build' ? { ...head, signature: filled(64, 4) } : head)
})

const outcomes: Outcome[] = [
  { seq: 7, leaf: 2 ** 40 + 1, tick: 9, code: 'ok', entity: id, value: -5 },
  { seq: 1, leaf: 0, tick: 0, code: 'out-of-reach', entity: undefined, value: undefined },
]

const place = { tick: 2 ** 40 + 1, xMm: -7, yMm: 8, entity: id }
const strike = { target: id, hit: true, place: 1, damage: 3 }
const events: WorldEvent[] = [
  { kind: 'spawned', ...place },
  { kind: 'left', ...place, idle: true },
  { kind: 'gathered', ...place, resource: id, item: 1, amount: 300 },
  { kind: 'built', ...place, structureId: id, structure: 1 },
  { kind: 'strike-announced', ...place, ...strike, landTick: 300, reactionTicks: 4 },
  { kind: 'strike-landed', ...place, ...strike, healthLeft: 5 },
  { kind: 'died', ...place, killer: id },
]

const common = {
  ...{ id, birthOrigin: 'try/area/0000/0', birthLeaf: 2 ** 40 + 1 },
  motion: { xMm: -1, yMm: 2, vxMmPerTick: -3, vyMmPerTick: 4, sinceTick: 5, untilTick: 2 ** 40 + 1 },
}
const actor = {
  ...{
    health: 50,
    healthTick: 1,
    items: [1, 300],
    gatherReadyTick: 2,
    strikeReadyTick: 3,
    combatUntilTick: 4,
  },
  ...{ respawnTick: 5, strike: { ...strike, landTick: 300, reactionTicks: 4 } },
}
const entities: Entity[] = [
  { kind: 'character', ...common, ...actor, player: hash32(1), awake: true, name: 'Ada' },
  {
    kind: 'character',
    ...common,
    ...actor,
    strike: undefined,
    player: hash32(1),
    awake: false,
    name: 'A_b-1',
  },
  {
    ...{ kind: 'npc', ...common, ...actor, brave: true, homeXMm: -1, homeYMm: 2 },
    mood: { kind: 'flee', foe: id, untilTick: 7 },
  },
  {
    ...{
      kind: 'resource',
      ...common,
      item: 1,
      capacity: 300,
      regrowTicks: 7,
      expiresTick: 8,
      stock: 299,
      stockTick: 1,
    },
  },
  { kind: 'structure', ...common, structure: 1, builder: id },
]

export const worldParsers: readonly Parser[] = [
  parser(
    'world/codec/input.ts#decodeInput',
    () => inputs,
    bytes => unlessCode(decodeInput(bytes)),
    encodeInput,
  ),
  parser(
    'world/codec/input.ts#decodeRequest',
    () => inputs,
    bytes => unlessCode(decodeRequest(bytes)),
    'it is the part of decodeInput that needs no copies',
  ),
  parser(
    'world/codec/outcome.ts#decodeOutcome',
    () => outcomes.map(encodeOutcome),
    decodeOutcome,
    encodeOutcome,
  ),
  parser('world/codec/event.ts#decodeEvent', () => events.map(encodeEvent), decodeEvent, encodeEvent),
  parser('world/codec/entity.ts#decodeEntity', () => entities.map(encodeEntity), decodeEntity, encodeEntity),
  parser(
    'world/codec/tick.ts#decodeTick',
    () => [encodeTick({ tick: 7, timeMs: 2 ** 40 + 1 })],
    decodeTick,
    encodeTick,
  ),
  parser(
    'world/codec/state.ts#decodeHeader',
    () => [
      encodeHeader({
        ...{
          rulesVersion: 1,
          tick: 2 ** 40 + 1,
          timeMs: 3,
          characters: 4,
          npcs: 5,
          resources: 6,
          structures: 7,
        },
      }),
    ],
    decodeHeader,
    encodeHeader,
  ),
  parser(
    'world/codec/state.ts#decodePlayer',
    () => [
      encodePlayer({
        character: id,
        session: filled(16, 2),
        lastSeq: 7,
        lastInputTick: 8,
        outcomes: [...outcomes],
        log: undefined,
        carriedSeq: 0,
      }),
      encodePlayer({
        character: id,
        session: filled(16, 2),
        lastSeq: 7,
        lastInputTick: 8,
        outcomes: [...outcomes],
        log: 'testnet/area/0231/0',
        carriedSeq: 6,
      }),
    ],
    decodePlayer,
    encodePlayer,
  ),
  parser(
    'world/codec/state.ts#decodeForward',
    () => [encodeForward({ target: filled(32, 5), leaf: 2 ** 40, session: 2 ** 41 })],
    decodeForward,
    encodeForward,
  ),
  parser('world/codec/state.ts#decodeClosed', () => [encodeClosed(2 ** 41)], decodeClosed, encodeClosed),
]
