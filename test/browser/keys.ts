import { createPublicKey, verify } from 'node:crypto'

/** Ed25519 by node's own crypto; false for whatever is no key. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const x = Buffer.from(publicKey).toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    return verify(undefined, message, key, signature)
  } catch {
    return false
  }
}
