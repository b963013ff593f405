import type { ByteReader, ByteWriter } from '../finality/bytes.ts'
import type { Entity } from './id.ts'
import { maxCargoBytes } from './limits.ts'

/** What goes over with an entity. Opaque here: the rules make it and read it. */
export interface Cargo {
  /** The entity as the rules encode it. */
  readonly state: Uint8Array
  /** Its session: the last seq and the last outcomes, so that a retry finds them. Empty for what nobody plays. */
  readonly session: Uint8Array
}

/** An entity that has left its owner's hands and is in nobody else's yet: it is here, and stands still. */
export interface Lock {
  readonly entity: Entity
  readonly cargo: Cargo
}

export function cargoBytes({ state, session }: Cargo): number {
  return state.length + session.length
}

export function writeCargo(writer: ByteWriter, { state, session }: Cargo): void {
  writer.u32(state.length).bytes(state).u32(session.length).bytes(session)
}

export function readCargo(reader: ByteReader): Cargo {
  const state = reader.bytes(reader.count(reader.u32(), maxCargoBytes))
  const session = reader.bytes(reader.count(reader.u32(), maxCargoBytes - state.length))
  return { state, session }
}
