import { hash } from 'node:crypto'
import { joinBytes } from '../../../storage/bytes.ts'
import { sha256 } from '../../../storage/sha256.ts'

/**
 * Keyed hashes stand for signatures: whoever signs has a secret, and the simulator, which knows all secrets, verifies.
 * Nobody in the simulator can forge one, and they cost a hundredth of the real ones.
 */
export class Keys {
  readonly #secrets = new Map<string, Uint8Array>()

  publicKey(node: number): Uint8Array {
    const secret = secretOf(node)
    const key = sha256(secret)
    this.#secrets.set(text(key), secret)
    return key
  }

  signer(node: number): (message: Uint8Array) => Uint8Array {
    const secret = secretOf(node)
    return message => mac(secret, message)
  }

  readonly verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
    const secret = this.#secrets.get(text(key))
    return secret !== undefined && Buffer.compare(mac(secret, message), signature) === 0
  }
}

function secretOf(node: number): Uint8Array {
  return sha256(Buffer.from(`secret of node ${node}`))
}

function mac(secret: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha512', joinBytes([secret, message]), 'buffer'))
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
