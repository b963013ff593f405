import { hash } from 'node:crypto'
import type { SigningKey } from '../../../daemon/identity/signing-key.ts'
import { equalBytes } from '../../../storage/bytes.ts'

const SIGNATURE_BYTES = 64

/**
 * Keys for the simulator, where Ed25519 would take a fifth of the time: a signature is a SHA-512 over the public key and
 * the message. It fails on any other key, message or signature, as a real one does, and whoever knows the public key
 * could forge it; but nothing in a simulation makes signatures except by a `SigningKey`.
 * @param seed 32 bytes
 */
export function simKeyOf(seed: Uint8Array): SigningKey {
  const publicKey = new Uint8Array(hash('sha256', seed, 'buffer'))
  return { publicKey, seed, sign: message => signatureOf(publicKey, message) }
}

/** In the place of `verifySignature`. */
export function verifySimSignature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== 32 || signature.length !== SIGNATURE_BYTES) return false
  return equalBytes(signature, signatureOf(publicKey, message))
}

function signatureOf(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const signed = new Uint8Array(publicKey.length + message.length)
  signed.set(publicKey)
  signed.set(message, publicKey.length)
  return new Uint8Array(hash('sha512', signed, 'buffer'))
}
