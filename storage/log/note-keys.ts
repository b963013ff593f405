/** Signers and verifiers of notes on node:crypto, for the algorithms in `vkey.ts`. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { parseCheckpoint } from './checkpoint.ts'
import {
  cosignatureMessage,
  ed25519SignatureBytes,
  formatTimestamped,
  mlDsa44SignatureBytes,
  parseTimestamped,
  type Subtree,
  subtreeMessage,
  subtreeOfCheckpoint,
} from './cosignature.ts'
import type { NoteSigner, NoteVerifier } from './note.ts'
import { makeVkey, noteAlgorithm, type Vkey } from './vkey.ts'

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function publicKeyOf(vkey: Vkey): KeyObject | undefined {
  const jwk =
    vkey.algorithm === noteAlgorithm.mlDsa44
      ? { kty: 'AKP', alg: 'ML-DSA-44', pub: base64url(vkey.publicKey) }
      : { kty: 'OKP', crv: 'Ed25519', x: base64url(vkey.publicKey) }
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** Any 32 bytes can stand in a vkey; those that aren't a key verify nothing. */
export function noteVerifier(vkey: Vkey): NoteVerifier {
  const key = publicKeyOf(vkey)
  const check = (message: Uint8Array, signature: Uint8Array) =>
    key !== undefined && verify(null, message, key, signature)
  return {
    name: vkey.name,
    keyId: vkey.keyId,
    verify(text, signature) {
      if (vkey.algorithm === noteAlgorithm.ed25519) return check(Buffer.from(text), signature)
      const checkpoint = parseCheckpoint(text)
      if (!checkpoint) return false
      if (vkey.algorithm === noteAlgorithm.mlDsa44) {
        return verifySubtree(vkey, subtreeOfCheckpoint(checkpoint), signature)
      }
      const parsed = parseTimestamped(signature, ed25519SignatureBytes)
      return (
        parsed !== undefined && check(cosignatureMessage(parsed.timestampSeconds, text), parsed.signature)
      )
    },
  }
}

/** Checks an ML-DSA-44 cosignature (timestamp and signature) of a subtree of a log. */
export function verifySubtree(vkey: Vkey, subtree: Subtree, signature: Uint8Array): boolean {
  if (vkey.algorithm !== noteAlgorithm.mlDsa44) return false
  const parsed = parseTimestamped(signature, mlDsa44SignatureBytes)
  const message = parsed && subtreeMessage(vkey.name, parsed.timestampSeconds, subtree)
  const key = message && publicKeyOf(vkey)
  return key !== undefined && verify(null, message!, key, parsed!.signature)
}

/** Ed25519's private keys are 32 bytes of seed behind this fixed beginning, as PKCS #8 (RFC 8410, section 7). */
const pkcs8Beginning = Buffer.from('302e020100300506032b657004220420', 'hex')

export function ed25519FromSeed(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Beginning, seed]), format: 'der', type: 'pkcs8' })
}

export function ed25519PublicKey(privateKey: KeyObject): Uint8Array {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' })
  return Buffer.from(x!, 'base64url')
}

export function ed25519Vkey(name: string, privateKey: KeyObject): Vkey {
  return makeVkey(name, noteAlgorithm.ed25519, ed25519PublicKey(privateKey))
}

export function cosignatureVkey(name: string, privateKey: KeyObject): Vkey {
  return makeVkey(name, noteAlgorithm.cosignature, ed25519PublicKey(privateKey))
}

/** Signs notes as a log does. */
export function ed25519Signer(name: string, privateKey: KeyObject): NoteSigner {
  const { keyId } = ed25519Vkey(name, privateKey)
  return { name, keyId, sign: text => sign(null, Buffer.from(text), privateKey) }
}

/** Signs checkpoints as a cosigner that saw them at this time. */
export function cosigner(name: string, privateKey: KeyObject, timestampSeconds: number): NoteSigner {
  const { keyId } = cosignatureVkey(name, privateKey)
  return {
    name,
    keyId,
    sign(text) {
      const signature = sign(null, cosignatureMessage(timestampSeconds, text), privateKey)
      return formatTimestamped({ timestampSeconds, signature })
    },
  }
}
