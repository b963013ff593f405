import { hexOf } from '../../world/codec.ts'
import type { Replica } from './replica.ts'

export const idBytes = 16
const playerKeyBytes = 32

/** An entity as it was at one moment, which lies between the asking and the answer. */
export interface EntityState {
  /** The public bytes (world/codec), undefined when there was no such entity. Not to be written to. */
  readonly entity: Uint8Array | undefined
  /** The log's size at that moment, and the world's tick. */
  readonly size: number
  readonly tick: number
  /** Confirmed by the leader's lease; otherwise by a quorum. */
  readonly byLease: boolean
}

export type ReadDone =
  | { readonly kind: 'state'; readonly state: EntityState }
  | { readonly kind: 'refused'; readonly code: string }

export type ReadAnswer =
  | ReadDone
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** This node can't tell now; `leader` is a node number, 0 when unknown. */
  | { readonly kind: 'not-leader'; readonly leader: number }

/** 16 bytes are an entity's id; 32 a player's key, which stands for that player's character. */
export function isTarget(bytes: Uint8Array): boolean {
  return bytes.length === idBytes || bytes.length === playerKeyBytes
}

/** The target as this replica has it. */
export function stateOf({ rules, area, log }: Replica, target: Uint8Array): Omit<EntityState, 'byLease'> {
  const id = target.length === idBytes ? hexOf(target, 0, idBytes) : area?.characterOf(target)
  return { entity: id === undefined ? undefined : area?.entityBytes(id), size: log.size, tick: rules.tick }
}
