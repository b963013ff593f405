import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'

// DER headers of an Ed25519 key (RFC 8410): the 32 bytes of the key follow.
const PRIVATE_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_HEADER = Buffer.from('302a300506032b6570032100', 'hex')

/** An Ed25519 key that signs. */
export interface SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 32 bytes, the secret itself (RFC 8032 calls it the private key). */
  readonly seed: Uint8Array
  /** 64 bytes (RFC 8032). */
  sign(message: Uint8Array): Uint8Array
}

export function generateSeed(): Uint8Array {
  const { privateKey } = generateKeyPairSync('ed25519')
  return new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PRIVATE_HEADER.length))
}

/** @param seed 32 bytes */
export function signingKeyOf(seed: Uint8Array): SigningKey {
  const der = Buffer.concat([PRIVATE_HEADER, seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(PUBLIC_HEADER.length)),
    seed,
    sign: message => new Uint8Array(sign(null, message, privateKey)),
  }
}

/** False for a wrong signature and for anything that is not a key or a signature. */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  try {
    return verify(null, message, publicKeyObject(publicKey), signature)
  } catch {
    return false // not a point of the curve
  }
}

/** The same on another thread of this process. */
export function verifySignatureAside(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  done: (good: boolean) => void,
): void {
  if (publicKey.length !== 32 || signature.length !== 64) return queueMicrotask(() => done(false))
  try {
    const key = publicKeyObject(publicKey)
    verify(null, message, key, signature, (error, good) => done(error === null && good))
  } catch {
    queueMicrotask(() => done(false)) // not a point of the curve
  }
}

/** Keys that were used lately: making one from its bytes costs a good part of a verification. The oldest goes first. */
const knownKeys = new Map<string, KeyObject>()
const maxKnownKeys = 4096

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('latin1')
  const known = knownKeys.get(name)
  if (known !== undefined) return known
  const der = Buffer.concat([PUBLIC_HEADER, publicKey])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  if (knownKeys.size >= maxKnownKeys) knownKeys.delete(knownKeys.keys().next().value!)
  knownKeys.set(name, key)
  return key
}
