/** Hashes and signatures by `node:crypto`: the same as `audit/verify` does in plain JavaScript, but fast enough for whole logs. */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'

const digest = Buffer.alloc(32)

/** The hash comes as text: as a buffer it would have memory outside the heap, which costs four times what hashing does. */
export function sha256(bytes: Uint8Array): Uint8Array {
  digest.write(hash('sha256', bytes, 'binary'), 0, 32, 'latin1')
  return new Uint8Array(digest)
}

/** Writes the SHA-256 of `bytes` into `target`. */
export function putSha256(target: Uint8Array, at: number, bytes: Uint8Array): void {
  digest.write(hash('sha256', bytes, 'binary'), 0, 32, 'latin1')
  target.set(digest, at)
}

const leafInput = Buffer.alloc(1 + 36)

/** RFC 6962 leaf hash of 36 bytes of leaf data. */
export function fastLeafHash(data: Uint8Array): Uint8Array {
  leafInput.set(data, 1)
  return sha256(leafInput)
}

const nodeInput = Buffer.alloc(1 + 32 + 32, 1)

/** RFC 6962 hash of an inner node. */
export function fastNodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1)
  nodeInput.set(right, 33)
  return sha256(nodeInput)
}

/** What stands before a raw Ed25519 key in its SPKI form (RFC 8410). */
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex')
const maxKeys = 10_000
const keys = new Map<string, KeyObject | undefined>()

function keyOf(publicKey: Uint8Array): KeyObject | undefined {
  const name = Buffer.from(publicKey).toString('latin1')
  if (keys.has(name)) return keys.get(name)
  if (keys.size >= maxKeys) keys.clear()
  const key = importKey(publicKey)
  keys.set(name, key)
  return key
}

function importKey(publicKey: Uint8Array): KeyObject | undefined {
  if (publicKey.length !== 32) return undefined
  try {
    return createPublicKey({ key: Buffer.concat([spkiHead, publicKey]), format: 'der', type: 'spki' })
  } catch {
    return undefined // not a point of the curve
  }
}

/** Ed25519. False for anything that is not a key or a signature. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = signature.length === 64 ? keyOf(publicKey) : undefined
  return key !== undefined && verify(null, message, key, signature)
}

/** The same on another thread. */
export function verifyEd25519Aside(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const key = signature.length === 64 ? keyOf(publicKey) : undefined
  if (key === undefined) return Promise.resolve(false)
  return new Promise(resolve => {
    verify(null, message, key, signature, (error, good) => resolve(error === null && good))
  })
}
