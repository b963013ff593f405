import { hash } from 'node:crypto'

const sha256Bytes = 32

/**
 * The hash comes as text and is written where it belongs: a buffer of the crypto module's own has memory outside the heap,
 * and making and freeing that costs three times what the hash itself does.
 */
const digest = Buffer.alloc(sha256Bytes)

/** SHA-256, 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  digest.write(hash('sha256', bytes, 'binary'), 0, sha256Bytes, 'latin1')
  return new Uint8Array(digest)
}

/** Writes the SHA-256 of `bytes` into `target`. */
export function putSha256(target: Uint8Array, at: number, bytes: Uint8Array): void {
  digest.write(hash('sha256', bytes, 'binary'), 0, sha256Bytes, 'latin1')
  target.set(digest, at)
}
