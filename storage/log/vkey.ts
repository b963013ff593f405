/** Verifier keys of C2SP signed-note: `<name>+<key id, 8 hex digits>+<base64 of algorithm byte ‖ public key>`. */
import { hash } from 'node:crypto'
import { readU32 } from '../bytes.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'

/** Signature types of C2SP signed-note that we know, by their identifier byte. */
export const noteAlgorithm = {
  /** Ed25519 over the note's text. */
  ed25519: 1,
  /** Timestamped Ed25519 cosignature of a checkpoint, `cosignature/v1`. */
  cosignature: 4,
  /** Timestamped ML-DSA-44 cosignature of a (sub)tree, `subtree/v1`. */
  mlDsa44: 6,
} as const

export interface Vkey {
  readonly name: string
  /** First four bytes of SHA-256(name ‖ "\n" ‖ algorithm ‖ public key), as a number. */
  readonly keyId: number
  readonly algorithm: number
  readonly publicKey: Uint8Array
}

const publicKeyBytes: Readonly<Record<number, number>> = {
  [noteAlgorithm.ed25519]: 32,
  [noteAlgorithm.cosignature]: 32,
  [noteAlgorithm.mlDsa44]: 1312,
}

/** What Unicode calls a space, and the plus that separates the parts of a vkey. */
const notInNames = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]/

export function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !notInNames.test(name)
}

export function makeVkey(name: string, algorithm: number, publicKey: Uint8Array): Vkey {
  if (!isKeyName(name))
    throw new RangeError(`'${name}' can't name a key: it is empty, or has a space or a plus in it.`)
  if (publicKey.length !== publicKeyBytes[algorithm]) {
    throw new RangeError(`A key of algorithm ${algorithm} doesn't have ${publicKey.length} bytes.`)
  }
  return { name, keyId: keyIdOf(name, algorithm, publicKey), algorithm, publicKey }
}

function keyIdOf(name: string, algorithm: number, publicKey: Uint8Array): number {
  const material = Buffer.concat([Buffer.from(`${name}\n`), Uint8Array.of(algorithm), publicKey])
  return readU32(hash('sha256', material, 'buffer'), 0)
}

export function formatVkey(vkey: Vkey): string {
  const material = Buffer.concat([Uint8Array.of(vkey.algorithm), vkey.publicKey])
  return `${vkey.name}+${keyIdHex(vkey.keyId)}+${encodeBase64(material)}`
}

export function keyIdHex(keyId: number): string {
  return keyId.toString(16).padStart(8, '0')
}

/** Undefined unless it is a key of an algorithm we know, in its one form, and its id is the id of that key. */
export function parseVkey(text: string): Vkey | undefined {
  const [, name, idHex, base64] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/s.exec(text) ?? []
  if (name === undefined || base64 === undefined || !isKeyName(name)) return undefined
  const material = decodeBase64(base64)
  if (!material || material.length === 0) return undefined
  const algorithm = material[0]!
  const publicKey = material.subarray(1)
  if (publicKey.length !== publicKeyBytes[algorithm]) return undefined
  const keyId = keyIdOf(name, algorithm, publicKey)
  return keyIdHex(keyId) === idHex ? { name, keyId, algorithm, publicKey } : undefined
}
