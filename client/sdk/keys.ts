import * as noble from '@noble/ed25519'
import { sha256 as nobleSha256, sha512 } from '@noble/hashes/sha2.js'

/** A key pair that signs: the player's own, or a session's. */
export interface Signer {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Promise<Uint8Array>
}

export type Verify = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>

export const sha256 = (bytes: Uint8Array): Uint8Array => nobleSha256(bytes)

noble.hashes.sha512 = sha512

/** What stands before a 32-byte seed in a PKCS #8 Ed25519 key (RFC 8410 section 7). */
const PKCS8_HEAD = new Uint8Array([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20])
/** Keys of nodes that a verifier keeps ready. */
const MAX_READY_KEYS = 256

export function randomSeed(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(32))
}

/** The signer of an Ed25519 seed of 32 bytes: by WebCrypto where that knows Ed25519, by @noble/ed25519 elsewhere. */
export async function signerOf(seed: Uint8Array): Promise<Signer> {
  const publicKey = noble.getPublicKey(seed)
  const key = await importPrivate(seed)
  if (key === undefined) return { publicKey, sign: async message => noble.sign(message, seed) }
  return {
    publicKey,
    sign: async message => new Uint8Array(await crypto.subtle.sign('Ed25519', key, message as BufferSource)),
  }
}

async function importPrivate(seed: Uint8Array): Promise<CryptoKey | undefined> {
  const pkcs8 = new Uint8Array(PKCS8_HEAD.length + seed.length)
  pkcs8.set(PKCS8_HEAD)
  pkcs8.set(seed, PKCS8_HEAD.length)
  try {
    return await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign'])
  } catch {
    return undefined // no WebCrypto here (an insecure page), or one without Ed25519
  }
}

/** An Ed25519 verifier that keeps imported keys ready. */
export function newVerifier(): Verify {
  const ready = new Map<string, Promise<CryptoKey | undefined>>()
  return async (publicKey, message, signature) => {
    const name = publicKey.join()
    let importing = ready.get(name)
    if (importing === undefined) {
      if (ready.size >= MAX_READY_KEYS) ready.clear()
      importing = importPublic(publicKey)
      ready.set(name, importing)
    }
    const key = await importing
    if (key !== undefined) {
      return crypto.subtle.verify('Ed25519', key, signature as BufferSource, message as BufferSource)
    }
    return verifyByNoble(publicKey, message, signature)
  }
}

function verifyByNoble(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return noble.verify(signature, message, publicKey, { zip215: false })
  } catch {
    return false // not a point of the curve
  }
}

async function importPublic(publicKey: Uint8Array): Promise<CryptoKey | undefined> {
  try {
    return await crypto.subtle.importKey('raw', publicKey as BufferSource, 'Ed25519', false, ['verify'])
  } catch {
    return undefined
  }
}
