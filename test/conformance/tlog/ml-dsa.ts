import { createPrivateKey, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { portableChecks, type SignatureChecks } from '../../../audit/verify/signatures.ts'

/** The verifier's own Ed25519, and ML-DSA-44 handed in, since the packages that it may use have none. */
export const mlDsaChecks: SignatureChecks = {
  ed25519: portableChecks.ed25519,
  mlDsa44(publicKey, message, signature) {
    const pub = Buffer.from(publicKey).toString('base64url')
    const key = createPublicKey({ key: { kty: 'AKP', alg: 'ML-DSA-44', pub }, format: 'jwk' })
    return verify(null, message, key, signature)
  },
}

/** PKCS #8 with an ML-DSA-44 seed alone (RFC 9881, section 6). */
const pkcs8Beginning = Buffer.from('3034020100300b060960864801650304031104228020', 'hex')

export function mlDsaPublicKey(seed: Uint8Array): Uint8Array {
  const key: KeyObject = createPrivateKey({
    key: Buffer.concat([pkcs8Beginning, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const { pub } = createPublicKey(key).export({ format: 'jwk' }) as { pub: string }
  return Buffer.from(pub, 'base64url')
}
