/** What a proof is about, in lines for people. They follow from its bytes, so they must never change for what has been proven. */
import { hex } from '../../audit/verify/bytes.ts'
import {
  decodeEntity,
  decodeInput,
  decodeOutcome,
  decodePlayer,
  type Entity,
  ITEMS,
  STRUCTURES,
} from '../../world/codec.ts'

/** None where the body is no input: it stands in the log all the same. */
export function inputLines(body: Uint8Array): string[] {
  const input = decodeInput(body)
  if ('code' in input) return []
  const { player, session, seq, action } = input
  return [`player ${hex(player)}`, `session ${hex(session)}`, `seq ${seq}`, `action ${action.kind}`]
}

export function outcomeLines(bytes: Uint8Array): string[] {
  const outcome = decodeOutcome(bytes)
  return outcome === undefined ? [] : [`outcome ${outcome.code}`]
}

/** @param target an entity's id, or a player's key */
export function stateLines(target: Uint8Array, value: Uint8Array): string[] {
  if (target.length === 32) return playerLines(value)
  const entity = decodeEntity(value)
  return entity === undefined ? [] : entityLines(entity)
}

function playerLines(value: Uint8Array): string[] {
  const player = decodePlayer(value)
  if (player === undefined) return []
  const outcomes = player.outcomes.map(({ seq, leaf, code }) => `${seq}:${code}@${leaf}`)
  return [
    ...[`character ${player.character}`, `session ${hex(player.session)}`, `seq ${player.lastSeq}`],
    `outcomes ${outcomes.join(' ') || 'none'}`,
  ]
}

function entityLines(entity: Entity): string[] {
  const { birthOrigin, birthLeaf, motion } = entity
  const { xMm, yMm, vxMmPerTick, vyMmPerTick, sinceTick, untilTick } = motion
  const moves = vxMmPerTick !== 0 || vyMmPerTick !== 0
  const velocity = `velocity ${vxMmPerTick} ${vyMmPerTick} mm a tick until tick ${untilTick}`
  return [
    ...[`kind ${entity.kind}`, ...ownLines(entity), `born ${birthOrigin} leaf ${birthLeaf}`],
    ...[`position ${xMm} ${yMm} mm at tick ${sinceTick}`, ...(moves ? [velocity] : [])],
  ]
}

function ownLines(entity: Entity): string[] {
  switch (entity.kind) {
    case 'character':
      return [`name ${entity.name}`, `played-by ${hex(entity.player)}`, ...bodyLines(entity)]
    case 'npc':
      return bodyLines(entity)
    case 'resource':
      return [`stock ${entity.stock} ${ITEMS[entity.item]} at tick ${entity.stockTick}`]
    case 'structure':
      return [`structure ${STRUCTURES[entity.structure]!.name}`, `builder ${entity.builder}`]
  }
}

function bodyLines(actor: Extract<Entity, { kind: 'character' | 'npc' }>): string[] {
  const items = actor.items.map((count, item) => `${count} ${ITEMS[item]}`)
  return [`health ${actor.health} at tick ${actor.healthTick}`, `carries ${items.join(', ')}`]
}
