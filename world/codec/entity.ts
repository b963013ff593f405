import type {
  Actor,
  Character,
  Entity,
  EntityView,
  Mood,
  Npc,
  Resource,
  Strike,
  Structure,
} from '../entity.ts'
import {
  HEALTH_MAX,
  ITEMS,
  NAME_MAX_CHARS,
  NAME_PATTERN,
  ORIGIN_MAX_CHARS,
  PLACES,
  STRUCTURES,
} from '../limits.ts'
import type { Motion } from '../motion.ts'
import { ByteReader, writer } from './bytes.ts'

/**
 * The canonical bytes of an entity: the value in the state tree, and what clients are sent.
 * kind u8 ‖ id 16 ‖ birth origin (u8 length ‖ ASCII) ‖ birth leaf u64 ‖ motion (x, y i64; vx, vy i16; since, until u64) ‖ …
 * Kinds: 1 character, 2 npc, 3 resource, 4 structure.
 */
export function encodeEntity(entity: EntityView): Uint8Array {
  writer.start().u8(KINDS.indexOf(entity.kind) + 1)
  writer.id(entity.id).text(entity.birthOrigin).u53(entity.birthLeaf)
  writeMotion(entity.motion)
  switch (entity.kind) {
    case 'character':
      writeActor(entity)
      writer.raw(entity.player, 32).bool(entity.awake).text(entity.name)
      break
    case 'npc':
      writeActor(entity)
      writer.bool(entity.brave).i53(entity.homeXMm).i53(entity.homeYMm)
      writeMood(entity.mood)
      break
    case 'resource':
      writer.u8(entity.item).u16(entity.capacity).u16(entity.regrowTicks).u53(entity.expiresTick)
      writer.u16(entity.stock).u53(entity.stockTick)
      break
    case 'structure':
      writer.u8(entity.structure).id(entity.builder)
  }
  return writer.finish()
}

/** `undefined` for anything but canonical bytes of one entity. The result is the caller's own. */
export function decodeEntity(bytes: Uint8Array): Entity | undefined {
  const reader = new ByteReader(bytes)
  const kind = KINDS[reader.u8() - 1]
  const common: Common = {
    id: reader.id(),
    birthOrigin: reader.text(ORIGIN_MAX_CHARS),
    birthLeaf: reader.u53(),
    motion: readMotion(reader),
  }
  const entity = kind && readers[kind](reader, common)
  return entity && reader.done() ? entity : undefined
}

const KINDS = ['character', 'npc', 'resource', 'structure'] as const

interface Common {
  id: string
  birthOrigin: string
  birthLeaf: number
  motion: Motion
}

const readers = {
  character(reader: ByteReader, common: Common): Character {
    const actor = readActor(reader)
    const player = reader.raw(32)
    const awake = reader.bool()
    const name = reader.text(NAME_MAX_CHARS)
    if (!NAME_PATTERN.test(name)) reader.ok = false
    return { kind: 'character', ...common, ...actor, player, name, awake }
  },
  npc(reader: ByteReader, common: Common): Npc {
    const actor = readActor(reader)
    const brave = reader.bool()
    const homeXMm = reader.i53()
    const homeYMm = reader.i53()
    return { kind: 'npc', ...common, ...actor, brave, homeXMm, homeYMm, mood: readMood(reader) }
  },
  resource(reader: ByteReader, common: Common): Resource {
    const item = reader.index(ITEMS.length)
    const capacity = reader.u16()
    const regrowTicks = reader.u16()
    const expiresTick = reader.u53()
    const stock = reader.u16()
    if (stock > capacity) reader.ok = false
    return {
      kind: 'resource',
      ...common,
      item,
      capacity,
      regrowTicks,
      expiresTick,
      stock,
      stockTick: reader.u53(),
    }
  },
  structure(reader: ByteReader, common: Common): Structure {
    const structure = reader.index(STRUCTURES.length)
    return { kind: 'structure', ...common, structure, builder: reader.id() }
  },
}

function writeMotion(motion: Motion): void {
  writer.i53(motion.xMm).i53(motion.yMm).i16(motion.vxMmPerTick).i16(motion.vyMmPerTick)
  writer.u53(motion.sinceTick).u53(motion.untilTick)
}

function readMotion(reader: ByteReader): Motion {
  const motion = {
    xMm: reader.i53(),
    yMm: reader.i53(),
    vxMmPerTick: reader.i16(),
    vyMmPerTick: reader.i16(),
    sinceTick: reader.u53(),
    untilTick: reader.u53(),
  }
  if (motion.untilTick < motion.sinceTick) reader.ok = false
  return motion
}

function writeActor(actor: Readonly<Actor>): void {
  writer.u8(actor.health).u53(actor.healthTick)
  for (const count of actor.items) writer.u16(count)
  writer
    .u53(actor.gatherReadyTick)
    .u53(actor.strikeReadyTick)
    .u53(actor.combatUntilTick)
    .u53(actor.respawnTick)
  const { strike } = actor
  writer.bool(strike !== undefined)
  if (!strike) return
  writer.id(strike.target).u53(strike.landTick).bool(strike.hit).u8(strike.place)
  writer.u8(strike.damage).u8(strike.reactionTicks)
}

function readActor(reader: ByteReader) {
  const health = reader.index(HEALTH_MAX + 1)
  const healthTick = reader.u53()
  const items = ITEMS.map(() => reader.u16())
  return {
    health,
    healthTick,
    items,
    gatherReadyTick: reader.u53(),
    strikeReadyTick: reader.u53(),
    combatUntilTick: reader.u53(),
    respawnTick: reader.u53(),
    strike: reader.bool() ? readStrike(reader) : undefined,
  }
}

function readStrike(reader: ByteReader): Strike {
  return {
    target: reader.id(),
    landTick: reader.u53(),
    hit: reader.bool(),
    place: reader.index(PLACES.length),
    damage: reader.u8(),
    reactionTicks: reader.u8(),
  }
}

/** u8: 0 calm, 1 flee, 2 fight; then foe 16 ‖ until u64 unless calm. */
function writeMood(mood: Mood | undefined): void {
  if (!mood) {
    writer.u8(0)
    return
  }
  writer
    .u8(mood.kind === 'flee' ? 1 : 2)
    .id(mood.foe)
    .u53(mood.untilTick)
}

function readMood(reader: ByteReader): Mood | undefined {
  const mood = reader.index(3)
  if (mood === 0) return undefined
  return { kind: mood === 1 ? 'flee' : 'fight', foe: reader.id(), untilTick: reader.u53() }
}
