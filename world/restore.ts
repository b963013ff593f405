import type { Area, Slot } from './area.ts'
import { binaryString, bytesEqual, hexOf, ID_BYTES } from './codec/bytes.ts'
import { decodeEntity } from './codec/entity.ts'
import { PLAYER_BYTES } from './codec/input.ts'
import { decodeHeader, decodePlayer } from './codec/state.ts'
import type { Character } from './entity.ts'
import { WorldError } from './errors.ts'
import type { HandoverRules } from './estate.ts'
import type { StateEntry } from './interface.ts'
import { isLeaning } from './motion.ts'
import { RULES_VERSION } from './version.ts'

/** Rebuilds an area from its entries, in any order. Queues, grid and counts follow from them. */
export function restoreArea(
  area: Area,
  handover: HandoverRules | undefined,
  entries: Iterable<StateEntry>,
): void {
  const players: StateEntry[] = []
  let header: StateEntry | undefined
  for (const entry of entries) {
    const kind = entry.key[0]
    if (kind === 0x61 && entry.key.length === 1) header = entry
    else if (kind === 0x65) restoreEntity(area, entry)
    else if (kind === 0x70) players.push(entry)
    else if (kind === 0x66) restoreForward(area, entry)
    else if (kind === 0x68 && handover?.restore(entry.key, entry.value)) continue
    else throw new WorldError('bad-state', 'The state holds a key that these rules do not know.')
  }
  for (const entry of players) restorePlayer(area, entry)
  restoreHeader(area, header)
  if (!area.away.restored()) throw new WorldError('bad-state', 'The state has too many forwards.')
  handover?.restored()
}

function restoreForward(area: Area, { key, value }: StateEntry): void {
  const keyBytes = key.length - 1
  const isKey = keyBytes === PLAYER_BYTES || keyBytes === 0
  const isForward = isKey && area.away.restore(binaryString(key, 1, keyBytes), value)
  if (!isForward) throw new WorldError('bad-state', `The forward at ${hexOf(key, 0, key.length)} is broken.`)
}

function restoreHeader(area: Area, entry: StateEntry | undefined): void {
  const header = entry && decodeHeader(entry.value)
  if (!header) throw new WorldError('bad-state', "The area's header is missing or broken.")
  if (header.rulesVersion !== RULES_VERSION) {
    throw new WorldError(
      'bad-state',
      `The state is of rules version ${header.rulesVersion}, these are ${RULES_VERSION}.`,
    )
  }
  area.tick = header.tick
  area.timeMs = header.timeMs
  const { character, npc, resource, structure } = area.counts
  const complete =
    header.characters === character &&
    header.npcs === npc &&
    header.resources === resource &&
    header.structures === structure &&
    area.players.size === character
  if (!complete) throw new WorldError('bad-state', "The state does not hold what the area's header counts.")
}

function restoreEntity(area: Area, { key, value }: StateEntry): void {
  const entity = decodeEntity(value)
  if (
    !entity ||
    key.length !== 1 + ID_BYTES ||
    hexOf(key, 1, ID_BYTES) !== entity.id ||
    area.slots.has(entity.id)
  ) {
    throw new WorldError('bad-state', `The entity at ${hexOf(key, 0, key.length)} is broken.`)
  }
  const slot = area.link(entity)
  slot.stored = true
  if (entity.kind === 'character' && isLeaning(entity.motion)) area.atBorder.add(slot as Slot<Character>)
}

function restorePlayer(area: Area, { key, value }: StateEntry): void {
  const record = decodePlayer(value)
  const slot = record && area.slots.get(record.character)
  const fits =
    slot?.entity.kind === 'character' &&
    key.length === 1 + PLAYER_BYTES &&
    bytesEqual(slot.entity.player, key.subarray(1))
  if (!record || !fits)
    throw new WorldError('bad-state', `The player at ${hexOf(key, 0, key.length)} is broken.`)
  area.linkPlayer(binaryString(key, 1, PLAYER_BYTES), record, slot as Slot<Character>)
}
