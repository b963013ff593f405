import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Verify } from '../../client/index.ts'

/** What stands before a raw Ed25519 key in its SPKI form (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')
const MAX_KNOWN = 2_048

/**
 * Ed25519 for hundreds of clients in one process: inputs of one batch share a signature, which is checked once and
 * remembered with the exact key and message that it was for.
 */
export function newSharedVerify(): Verify {
  const keys = new Map<string, KeyObject>()
  const known = new Map<string, boolean>()
  return (publicKey, message, signature) => {
    const name = `${latin1(publicKey)}${latin1(signature)}${latin1(message)}`
    const before = known.get(name)
    if (before !== undefined) return before
    const good = verify(null, message, keyOf(keys, publicKey), signature)
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!)
    known.set(name, good)
    return good
  }
}

function keyOf(keys: Map<string, KeyObject>, publicKey: Uint8Array): KeyObject {
  const name = latin1(publicKey)
  let key = keys.get(name)
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' })
    keys.set(name, key)
  }
  return key
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
