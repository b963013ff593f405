import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { forgottenPromisesOp } from '../../consensus/groups/liveness/support-disk.ts'
import { lostDiskOps } from '../../consensus/groups/raft-disk.ts'
import { putU32, putU64, readU32, readU64 } from '../../storage/bytes.ts'
import { nodeKey, type RaftInstance } from '../../storage/keys.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { StoreError } from '../../storage/store-error.ts'

/**
 * Which of a node's stores this is. It stands in the store and, outside of it, beside the node's keys: where the two do
 * not belong together, what these keys have promised is not in this store. docs/decisions/0005-wiped-replicas.md.
 */
export interface Incarnation {
  /** 1 for a node's first store; higher for each that took the place of a lost one. */
  readonly incarnation: number
  /** Drawn when the store was made: a second one that calls itself by the same number is another. */
  readonly birth: number
}

export type StoreStanding =
  /** These keys have never run. */
  | { readonly kind: 'first' }
  /** The store is the one that these keys have promised by. */
  | { readonly kind: 'own'; readonly incarnation: Incarnation }
  /** It is not: lost, or one that another has replaced. `highest` incarnation that is known of. */
  | { readonly kind: 'lost'; readonly highest: number }

export const incarnationKey = nodeKey('incarnation')
const VALUE_BYTES = 20
const fileSchema = z.strictObject({
  format: z.literal(1),
  incarnation: z.number().int().min(1),
  birth: z.number().int().min(0),
})

/**
 * @param kept beside the keys
 * @param stored in the store; undefined where it says nothing, as a new one, or one of a program that knew of none
 */
export function standingOf(kept: Incarnation | undefined, stored: Incarnation | undefined): StoreStanding {
  if (stored === undefined) {
    return kept === undefined ? { kind: 'first' } : { kind: 'lost', highest: kept.incarnation }
  }
  // Of a start that ended in between, or of an older copy of what is beside the keys.
  if (kept === undefined || kept.incarnation < stored.incarnation) return { kind: 'own', incarnation: stored }
  const isSame = kept.incarnation === stored.incarnation && kept.birth === stored.birth
  return isSame ? { kind: 'own', incarnation: stored } : { kind: 'lost', highest: kept.incarnation }
}

/** What a store that takes the place of a lost one begins with, in one synced batch. */
export function lostStoreOps(incarnation: Incarnation, instances: readonly RaftInstance[]): StoreOp[] {
  return [incarnationOp(incarnation), forgottenPromisesOp(), ...lostDiskOps(instances)]
}

/** CRC-32 of what follows, u64 incarnation, u64 birth. */
export function incarnationOp({ incarnation, birth }: Incarnation): StoreOp {
  const value = new Uint8Array(VALUE_BYTES)
  putU64(value, 4, incarnation)
  putU64(value, 12, birth)
  putU32(value, 0, crc32(value.subarray(4)))
  return { key: incarnationKey, value }
}

/** @throws StoreError `corrupt` */
export async function readIncarnation(store: Store, path: string): Promise<Incarnation | undefined> {
  const value = await store.get(incarnationKey)
  if (value === undefined) return undefined
  const incarnation = decodeIncarnation(value)
  if (incarnation !== undefined) return incarnation
  throw StoreError.corrupt(path, 'its incarnation is unreadable')
}

/** Undefined when it is damaged. */
export function decodeIncarnation(value: Uint8Array): Incarnation | undefined {
  if (value.length !== VALUE_BYTES || readU32(value, 0) !== crc32(value.subarray(4))) return undefined
  const incarnation = { incarnation: readU64(value, 4), birth: readU64(value, 12) }
  return Object.values(incarnation).every(Number.isSafeInteger) ? incarnation : undefined
}

export function incarnationText({ incarnation, birth }: Incarnation): string {
  return `${JSON.stringify({ format: 1, incarnation, birth })}\n`
}

/** Undefined when it is none. */
export function parseIncarnation(text: string): Incarnation | undefined {
  try {
    const { incarnation, birth } = fileSchema.parse(JSON.parse(text))
    return { incarnation, birth }
  } catch {
    return undefined
  }
}
