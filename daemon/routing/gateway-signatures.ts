import { equalBytes } from '../../storage/bytes.ts'

export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

/** On another thread; told once, later. */
export type VerifyAside = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  done: (good: boolean) => void,
) => void

interface Waiting {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly done: (good: boolean) => void
}

/** Of what was found good here. It is asked for again as soon as it is committed. */
const maxKnownBytes = 4 * 1024 * 1024
/** The process has few threads for this, and its disk's writes need them too. */
const maxUnderWay = 8
const fullBytes = 16 * 1024 * 1024
/** What each takes beside its message, roughly. */
const overheadBytes = 300

/**
 * What this node knows of gateways' signatures over batches of inputs: one that it made, or verified as the leader that took
 * the batch, it does not verify again as a member that votes on it.
 */
export class GatewaySignatures {
  readonly #verify: Verify
  readonly #verifyAside: VerifyAside
  /** By signature, the oldest first. */
  readonly #known = new Map<string, { readonly publicKey: Uint8Array; readonly message: Uint8Array }>()
  #knownBytes = 0
  #waiting: Waiting[] = []
  #first = 0
  #waitingBytes = 0
  #underWay = 0

  constructor(verify: Verify, verifyAside: VerifyAside) {
    this.#verify = verify
    this.#verifyAside = verifyAside
  }

  /** So much waits for the other threads that nobody should bring more. */
  get isFull(): boolean {
    return this.#waitingBytes >= fullBytes
  }

  /** A batch that others may see in a log soon was signed by this very node. */
  made(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): void {
    const name = nameOf(signature)
    this.#forget(name)
    this.#known.set(name, { publicKey, message })
    this.#knownBytes += message.length + overheadBytes
    for (const oldest of this.#known.keys()) {
      if (this.#knownBytes <= maxKnownBytes) return
      this.#forget(oldest)
    }
  }

  /** At once, on this thread. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (!this.#verify(publicKey, message, signature)) return false
    this.made(publicKey, message, signature)
    return true
  }

  /** On another thread, in turn; `done` is called at once where it is known. */
  verifyAside(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
    done: (good: boolean) => void,
  ): void {
    const name = nameOf(signature)
    const known = this.#known.get(name)
    if (known !== undefined && equalBytes(known.publicKey, publicKey) && equalBytes(known.message, message)) {
      this.#forget(name)
      return done(true)
    }
    // A copy: what it stands in is larger, and would stay in memory with it.
    this.#waiting.push({ publicKey, message, signature: signature.slice(), done })
    this.#waitingBytes += message.length + overheadBytes
    this.#next()
  }

  #next(): void {
    while (this.#underWay < maxUnderWay && this.#first < this.#waiting.length) {
      const { publicKey, message, signature, done } = this.#waiting[this.#first++]!
      if (this.#first > this.#waiting.length / 2) {
        this.#waiting = this.#waiting.slice(this.#first)
        this.#first = 0
      }
      this.#underWay++
      this.#verifyAside(publicKey, message, signature, good => {
        this.#underWay--
        this.#waitingBytes -= message.length + overheadBytes
        done(good)
        this.#next()
      })
    }
  }

  #forget(name: string): void {
    const known = this.#known.get(name)
    if (known === undefined) return
    this.#known.delete(name)
    this.#knownBytes -= known.message.length + overheadBytes
  }
}

function nameOf(signature: Uint8Array): string {
  return Buffer.from(signature.buffer, signature.byteOffset, signature.length).toString('latin1')
}
