import {
  decodeEntity,
  eventPosition,
  hexOf,
  type Motion,
  type Position,
  positionAt,
} from '../../world/codec.ts'

/** The little that a gateway needs to know of an entity. */
export interface PublicForm {
  readonly id: string
  /** Hex of the player's key, for characters. */
  readonly player: string | undefined
  /** A character or an NPC, and not what grows or stands. */
  readonly lives: boolean
  readonly motion: Motion
}

/** Undefined when the bytes are no entity: they come from other nodes. */
export function readForm(bytes: Uint8Array): PublicForm | undefined {
  const entity = decodeEntity(bytes)
  if (entity === undefined) return undefined
  const player = entity.kind === 'character' ? keyText(entity.player) : undefined
  const lives = entity.kind === 'character' || entity.kind === 'npc'
  return { id: entity.id, player, lives, motion: entity.motion }
}

/** The player's key as a map key. */
export function keyText(key: Uint8Array): string {
  return hexOf(key, 0, key.length)
}

export function placeOfForm(form: PublicForm, tick: number): Position {
  return positionAt(form.motion, tick)
}

export function placeOfEvent(event: Uint8Array): Position | undefined {
  return eventPosition(event)
}
