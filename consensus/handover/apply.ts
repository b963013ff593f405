import { cargoBytes } from './cargo.ts'
import { acceptShown, declineShown, lockShown, releaseShown } from './facts.ts'
import { inherit } from './inherit.ts'
import { maxAccepts, maxCargoBytes, maxOpen } from './limits.ts'
import type { CloseRecord, HandoverRecord, LockRecord, WordRecord } from './record.ts'
import { type Witness, witness } from './shown.ts'
import type { HandoverState } from './state.ts'
import type { Change } from './table.ts'
import type { Refusal, Surroundings } from './types.ts'

/**
 * Applies one record to what an authority's log has made so far. It alone decides, whatever was checked before, and a record
 * that is refused changes nothing. It looks at nothing but its arguments.
 * @param payload the entries that an `inherit` names by their root
 */
export function apply(
  state: HandoverState,
  around: Surroundings,
  record: HandoverRecord,
  payload?: readonly Change[],
): Refusal | undefined {
  if (state.closed.size > 0) return 'ended'
  if (record.kind === 'inherit') return inherit(state, around, record, payload)
  if (!state.isOpen) return 'not-ready'
  switch (record.kind) {
    case 'lock':
      return lock(state, around, record)
    case 'close':
      return close(state, around, record)
    default:
      return onWord(state, around, record)
  }
}

function lock(
  state: HandoverState,
  around: Surroundings,
  { entity, target }: LockRecord,
): Refusal | undefined {
  const { self, estate } = around
  if (target === self) return 'own-target'
  if (!estate.has(entity)) return 'not-here'
  if (state.locks.size + state.released.size >= maxOpen) return 'too-much-open'
  const cargo = estate.take(entity)
  if (cargo === undefined) return 'not-here'
  if (cargoBytes(cargo) > maxCargoBytes) {
    estate.put(entity, cargo)
    return 'too-large'
  }
  const n = (state.issued.get(target) ?? 0) + 1
  state.issued.set(target, n)
  state.locks.set({ source: self, target, n }, { entity, cargo })
  return undefined
}

function onWord(state: HandoverState, around: Surroundings, record: WordRecord): Refusal | undefined {
  const by = witness(record.shown, around.verify)
  if (by === undefined) return 'not-proven'
  switch (record.kind) {
    case 'accept':
      return accept(state, around, record, by)
    case 'refuse':
      return refuse(state, around, record, by)
    case 'release':
      return release(state, record, by)
    case 'unlock':
      return unlock(state, around, record, by)
    case 'forget':
      return forget(state, around, record, by)
    case 'settle':
      return settle(state, record, by)
  }
}

function accept(
  state: HandoverState,
  { self, estate }: Surroundings,
  { id }: WordRecord,
  by: Witness,
): Refusal | undefined {
  if (id.target !== self) return 'not-mine'
  if (state.outcomeOf(self, id) !== 'open') return 'decided'
  const locked = lockShown(id, by)
  if (locked === undefined) return 'not-proven'
  const { entity, cargo } = locked
  if (estate.has(entity)) return 'already-here'
  if (state.accepts.size >= maxAccepts || !estate.admits(entity, cargo)) return 'no-room'
  estate.put(entity, cargo)
  state.accepts.set(id, entity)
  return undefined
}

/** Open ids of this source below it are refused with it: one number remembers them all. */
function refuse(
  state: HandoverState,
  { self }: Surroundings,
  { id }: WordRecord,
  by: Witness,
): Refusal | undefined {
  if (id.target !== self) return 'not-mine'
  if (state.outcomeOf(self, id) !== 'open') return 'decided'
  if (lockShown(id, by) === undefined) return 'not-proven'
  state.raise(id.source, id.n)
  return undefined
}

function release(state: HandoverState, { id }: WordRecord, by: Witness): Refusal | undefined {
  const locked = state.locks.get(id)
  if (locked === undefined) return 'not-open'
  if (!acceptShown(id, by)) return 'not-proven'
  state.locks.delete(id)
  state.released.set(id, locked.entity)
  return undefined
}

function unlock(
  state: HandoverState,
  { estate }: Surroundings,
  { id }: WordRecord,
  by: Witness,
): Refusal | undefined {
  const locked = state.locks.get(id)
  if (locked === undefined) return 'not-open'
  if (!declineShown(id, by)) return 'not-proven'
  state.locks.delete(id)
  estate.put(locked.entity, locked.cargo)
  return undefined
}

/** The accept has done its work. The watermark keeps a late copy of the lock from being accepted again. */
function forget(
  state: HandoverState,
  { self }: Surroundings,
  { id }: WordRecord,
  by: Witness,
): Refusal | undefined {
  if (!state.accepts.has(id)) return 'not-open'
  if (!releaseShown(id, by)) return 'not-proven'
  state.accepts.delete(id)
  if (id.target === self) state.raise(id.source, id.n)
  return undefined
}

function settle(state: HandoverState, { id }: WordRecord, by: Witness): Refusal | undefined {
  if (!state.released.has(id)) return 'not-open'
  if (!declineShown(id, by)) return 'not-proven'
  state.released.delete(id)
  return undefined
}

function close(
  state: HandoverState,
  { self }: Surroundings,
  { successors }: CloseRecord,
): Refusal | undefined {
  if (successors.includes(self)) return 'own-target'
  state.closed.set('', successors)
  return undefined
}
