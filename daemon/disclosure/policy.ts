import type { GenesisAuthority } from '../genesis/schema.ts'
import { decodeGrant, type GrantedLog, grantMessage } from './grant.ts'

/**
 * Leaves, tiles and checkpoints are everybody's. Of the rest, bodies, states, feeds and what is counted from them, an area
 * and the directory show everything at once, an org only to its members and to whoever holds a grant (design section 6).
 */
export function isOpen(kind: GenesisAuthority['kind']): boolean {
  return kind !== 'org'
}

export interface GrantCheck {
  readonly log: GrantedLog
  /** Nodes that may grant. */
  readonly members: readonly number[]
  /** A member's log key. */
  readonly keyOf: (member: number) => Uint8Array
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  readonly nowMs: number
  /** This node takes it no more. */
  readonly isWithdrawn: (serial: Uint8Array) => boolean
}

/** @param text the grant in base64, as `Authorization: Bearer` carries it */
export function holdsGrant(text: string | undefined, check: GrantCheck): boolean {
  const grant = text === undefined ? undefined : decodeGrant(Buffer.from(text, 'base64'))
  if (grant === undefined || grant.expiresAtMs <= check.nowMs || !check.members.includes(grant.member))
    return false
  if (check.isWithdrawn(grant.serial)) return false
  return check.verify(check.keyOf(grant.member), grantMessage(check.log, grant), grant.signature)
}
