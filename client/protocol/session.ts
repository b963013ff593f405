/**
 * The bytes that open a session. Each text begins with its own domain line, so that no signature made for one
 * purpose can stand for another; integers are big-endian.
 */

/** 1 knew one input a message, and one receipt. */
export const PROTOCOL_VERSION_MIN = 2
export const PROTOCOL_VERSION_MAX = 2

export const KEY_BYTES = 32
export const SIGNATURE_BYTES = 64
export const NONCE_BYTES = 32
export const HASH_BYTES = 32
/** A session's id is its number u64 ‖ its tag 8. */
export const SESSION_ID_BYTES = 16
export const SESSION_TAG_BYTES = 8
const LOG_TAG_BYTES = 8
/** Every input body begins with: player key 32 ‖ session id 16 ‖ seq u32 ‖ log tag 8. */
export const INPUT_HEAD_BYTES = KEY_BYTES + SESSION_ID_BYTES + 4 + LOG_TAG_BYTES
/** The longest time a grant may run, by the gateway's clock. */
export const MAX_GRANT_MS = 24 * 60 * 60 * 1000

const text = new TextEncoder()
const GRANT_DOMAIN = text.encode('freehold/grant/1\n')
const CHALLENGE_DOMAIN = text.encode('freehold/challenge/1\n')

export interface Grant {
  readonly genesisHash: Uint8Array
  /** The session's Ed25519 public key, 32 bytes. */
  readonly sessionKey: Uint8Array
  /** The gateway's libp2p peer id in text form: a grant is good at this gateway only. */
  readonly gatewayId: string
  /** From the gateway's challenge, 32 bytes: a grant is good for one opening only. */
  readonly nonce: Uint8Array
  /** Milliseconds since 1970 by the gateway's clock. */
  readonly expiresAtMs: number
}

/** What the player's key signs: that this session key may act for the player at this gateway until the grant expires. */
export function grantMessage(grant: Grant): Uint8Array {
  return concat([
    GRANT_DOMAIN,
    grant.genesisHash,
    grant.sessionKey,
    sizedText(grant.gatewayId),
    grant.nonce,
    u64(grant.expiresAtMs),
  ])
}

/** What the session's key signs: that its holder is on the line now, for this player. */
export function challengeMessage(challenge: {
  readonly genesisHash: Uint8Array
  readonly gatewayId: string
  readonly nonce: Uint8Array
  readonly playerKey: Uint8Array
}): Uint8Array {
  return concat([
    CHALLENGE_DOMAIN,
    challenge.genesisHash,
    sizedText(challenge.gatewayId),
    challenge.nonce,
    challenge.playerKey,
  ])
}

/** The session's tag: the beginning of the hash of its public key. */
export function sessionTagOf(sessionKey: Uint8Array, sha256: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  return sha256(sessionKey).slice(0, SESSION_TAG_BYTES)
}

/**
 * The session's id. `number` has to be higher than those of all the player's sessions that were open in the area before,
 * and is at best the time of opening in milliseconds since 1970.
 */
export function sessionIdOf(
  sessionKey: Uint8Array,
  number: number,
  sha256: (bytes: Uint8Array) => Uint8Array,
): Uint8Array {
  return concat([u64(number), sessionTagOf(sessionKey, sha256)])
}

/** The seq in the head of an input body of at least `INPUT_HEAD_BYTES`. */
export function seqOfBody(body: Uint8Array): number {
  const at = KEY_BYTES + SESSION_ID_BYTES
  return ((body[at]! << 24) | (body[at + 1]! << 16) | (body[at + 2]! << 8) | body[at + 3]!) >>> 0
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Whether `part` stands in `bytes` at `at`. */
export function standsAt(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false
  return true
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

/** u16 length ‖ UTF-8. */
export function sizedText(value: string): Uint8Array {
  const bytes = text.encode(value)
  return concat([new Uint8Array([bytes.length >> 8, bytes.length & 0xff]), bytes])
}
