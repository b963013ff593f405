import { ITEMS, PLACES, STRUCTURES } from '../limits.ts'
import type { Position } from '../motion.ts'
import { ByteReader, writer } from './bytes.ts'

interface Common {
  readonly tick: number
  readonly xMm: number
  readonly yMm: number
  /** Who did it, or whom it befell. */
  readonly entity: string
}

interface StrikeFacts {
  readonly target: string
  readonly hit: boolean
  /** Index into `PLACES`. */
  readonly place: number
  readonly damage: number
}

/** What happened, for those who can see the place. */
export type WorldEvent = Common &
  (
    | { readonly kind: 'spawned' }
    | { readonly kind: 'left'; readonly idle: boolean }
    | { readonly kind: 'gathered'; readonly resource: string; readonly item: number; readonly amount: number }
    | { readonly kind: 'built'; readonly structureId: string; readonly structure: number }
    | ({
        readonly kind: 'strike-announced'
        readonly landTick: number
        readonly reactionTicks: number
      } & StrikeFacts)
    | ({ readonly kind: 'strike-landed'; readonly healthLeft: number } & StrikeFacts)
    | { readonly kind: 'died'; readonly killer: string }
    | { readonly kind: 'respawned' }
    /** It is another area's now. `target` is the hash of that one's log's origin, in hex. */
    | { readonly kind: 'crossed'; readonly target: string }
  )

const KINDS = [
  'spawned',
  'left',
  'gathered',
  'built',
  'strike-announced',
  'strike-landed',
  'died',
  'respawned',
  'crossed',
] as const

/** kind u8 ‖ tick u64 ‖ x i64 ‖ y i64 ‖ entity 16 ‖ what belongs to the kind, in the order of its type. */
export function encodeEvent(event: WorldEvent): Uint8Array {
  writer.start().u8(KINDS.indexOf(event.kind) + 1)
  writer.u53(event.tick).i53(event.xMm).i53(event.yMm).id(event.entity)
  switch (event.kind) {
    case 'left':
      writer.bool(event.idle)
      break
    case 'gathered':
      writer.id(event.resource).u8(event.item).u16(event.amount)
      break
    case 'built':
      writer.id(event.structureId).u8(event.structure)
      break
    case 'strike-announced':
      writer.u53(event.landTick).u8(event.reactionTicks)
      writeStrike(event)
      break
    case 'strike-landed':
      writer.u8(event.healthLeft)
      writeStrike(event)
      break
    case 'died':
      writer.id(event.killer)
      break
    case 'crossed':
      writer.id(event.target.slice(0, 32)).id(event.target.slice(32))
  }
  return writer.finish()
}

export function decodeEvent(bytes: Uint8Array): WorldEvent | undefined {
  const reader = new ByteReader(bytes)
  const kind = KINDS[reader.u8() - 1]
  const common = { tick: reader.u53(), xMm: reader.i53(), yMm: reader.i53(), entity: reader.id() }
  const event = kind && readKind(reader, kind, common)
  return event && reader.done() ? event : undefined
}

/** Only the place, for filtering by interest without decoding the rest. `undefined` for what is too short. */
export function eventPosition(bytes: Uint8Array): Position | undefined {
  const reader = new ByteReader(bytes, 9)
  const position = { xMm: reader.i53(), yMm: reader.i53() }
  return reader.ok ? position : undefined
}

function readKind(reader: ByteReader, kind: WorldEvent['kind'], common: Common): WorldEvent {
  switch (kind) {
    case 'spawned':
    case 'respawned':
      return { kind, ...common }
    case 'left':
      return { kind, ...common, idle: reader.bool() }
    case 'gathered':
      return {
        kind,
        ...common,
        resource: reader.id(),
        item: reader.index(ITEMS.length),
        amount: reader.u16(),
      }
    case 'built':
      return { kind, ...common, structureId: reader.id(), structure: reader.index(STRUCTURES.length) }
    case 'strike-announced':
      return { kind, ...common, landTick: reader.u53(), reactionTicks: reader.u8(), ...readStrike(reader) }
    case 'strike-landed':
      return { kind, ...common, healthLeft: reader.u8(), ...readStrike(reader) }
    case 'died':
      return { kind, ...common, killer: reader.id() }
    case 'crossed':
      return { kind, ...common, target: reader.id() + reader.id() }
  }
}

function writeStrike({ target, hit, place, damage }: StrikeFacts): void {
  writer.id(target).bool(hit).u8(place).u8(damage)
}

function readStrike(reader: ByteReader): StrikeFacts {
  return { target: reader.id(), hit: reader.bool(), place: reader.index(PLACES.length), damage: reader.u8() }
}
