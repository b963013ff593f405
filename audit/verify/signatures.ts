/** The signature checks that notes need: slow ones that run anywhere, or faster ones that the caller hands in. */
import { hashes, verify } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'

hashes.sha512 = sha512

export type VerifySignature = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

export interface SignatureChecks {
  readonly ed25519: VerifySignature
  /** Undefined where nothing checks ML-DSA-44: such lines then count as unknown keys' lines. */
  readonly mlDsa44: VerifySignature | undefined
}

/** Ed25519 by RFC 8032, in plain JavaScript. */
export const portableChecks: SignatureChecks = {
  ed25519(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false
    return verify(signature, message, publicKey, { zip215: false })
  },
  mlDsa44: undefined,
}
