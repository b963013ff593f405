import { decodeReceipts } from '../../client/protocol/receipts.ts'
import { decodeOutcome, logTagOf, type Outcome, SESSION_BYTES } from '../../world/codec.ts'
import {
  type DirectoryAction,
  directorySignatureMessage,
  encodeDirectoryInput,
} from '../../world/directory/codec/input.ts'
import type { InputResult } from '../gateway/router.ts'
import type { SigningKey } from '../identity/signing-key.ts'
import type { Cancel, Clock, Random } from '../ports.ts'

/** Something that a node wants to say to the directory, and what became of it. */
export interface Saying {
  readonly action: DirectoryAction
  /** It stands in the directory's log, with this outcome. */
  readonly said: (outcome: Outcome) => void
}

export interface DirectoryClientParts {
  readonly origin: string
  /** This node's: what the directory knows it by. */
  readonly identity: SigningKey
  /** The next thing to be said, asked for when there is room; undefined: nothing. */
  readonly next: () => Saying | undefined
  /** The node's own way to the directory's leader. Exactly one answer comes. */
  readonly submit: (body: Uint8Array, answered: (result: InputResult) => void) => void
  /** The newest session that the directory has of this node, as far as this node knows; its next one is above. */
  readonly known: () => Uint8Array | undefined
  readonly clock: Clock
  readonly random: Random
  readonly sha256: (bytes: Uint8Array) => Uint8Array
  readonly count: (name: string, labels: Record<string, string>) => void
}

const lookEveryMs = 100
const firstWaitMs = 500
const longestWaitMs = 60_000
const leapMs = 60_000
/** It is asked again with the same bytes: the session's seq sees to it that it is taken once. */
const again: ReadonlySet<InputResult['kind']> = new Set(['busy', 'unavailable'])

/**
 * This node's session at the directory: one input at a time, signed by its identity, and none while there is nothing to say.
 * Where nothing is taken it waits twice as long each time.
 */
export class DirectoryClient {
  readonly #parts: DirectoryClientParts
  readonly #logTag: Uint8Array
  #session: Uint8Array | undefined
  #number = 0
  #seq = 0
  #failures = 0
  #isWaiting = false
  #timer: Cancel | undefined
  #stopped = false

  constructor(parts: DirectoryClientParts) {
    this.#parts = parts
    this.#logTag = logTagOf(parts.origin, parts.sha256)
  }

  begin(): void {
    this.#look()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.()
  }

  /** There is something new to say: it need not wait for the next look. */
  wake(): void {
    if (this.#isWaiting || this.#failures > 0 || this.#stopped) return
    this.#timer?.()
    this.#look()
  }

  #after(delayMs: number, run: () => void): void {
    if (!this.#stopped) this.#timer = this.#parts.clock.after(delayMs, run)
  }

  #look(): void {
    const saying = this.#parts.next()
    if (saying === undefined) return this.#after(lookEveryMs, () => this.#look())
    this.#isWaiting = true
    if (this.#session !== undefined) return this.#say(saying)
    this.#newSession()
    this.#say({
      action: { kind: 'open' },
      said: () => {},
    })
  }

  /** Its number is above those that this node is known to have had, though its clock was ahead then. */
  #newSession(): void {
    const { clock, random, known } = this.#parts
    const last = known()
    const above =
      last === undefined ? 0 : Number(new DataView(last.buffer, last.byteOffset).getBigUint64(0)) + 1
    this.#number = Math.max(this.#number + 1, above, Math.floor(clock.wallMs()))
    this.#seq = 0
    const session = new Uint8Array(SESSION_BYTES)
    new DataView(session.buffer).setBigUint64(0, BigInt(this.#number))
    session.set(random.bytes(SESSION_BYTES - 8), 8)
    this.#session = session
  }

  #say({ action, said }: Saying): void {
    const { origin, identity } = this.#parts
    const input = {
      ...{
        identity: identity.publicKey,
        session: this.#session!,
        seq: ++this.#seq,
        log: this.#logTag,
        action,
      },
    }
    let body: Uint8Array
    try {
      const signature = identity.sign(directorySignatureMessage(origin, input))
      body = encodeDirectoryInput({ ...input, signature })
    } catch {
      // What can't be written is refused as what can't be read: it must not end the node.
      return this.#beginAnew('malformed')
    }
    this.#send(body, said)
  }

  #send(body: Uint8Array, said: Saying['said']): void {
    if (this.#stopped) return
    this.#parts.submit(body, result => {
      if (again.has(result.kind)) this.#after(this.#waitMs(result.kind), () => this.#send(body, said))
      else if (result.kind === 'committed') this.#committed(result.receipts, said)
      else this.#beginAnew(result.kind === 'refused' ? result.code : result.kind)
    })
  }

  #committed(receipts: Uint8Array, said: Saying['said']): void {
    this.#failures = 0
    this.#isWaiting = false
    const outcome = decodeOutcome(decodeReceipts(receipts)?.outcomes[0] ?? new Uint8Array(0))
    if (outcome !== undefined) said(outcome)
    this.#after(0, () => this.#look())
  }

  /** The session is of no use: another node runs under this key, a banned one, or the clock was put back. */
  #beginAnew(code: string): void {
    this.#session = undefined
    // Somebody's clock was further ahead when this key opened its last session.
    if (code === 'session-closed') this.#number += leapMs * 2 ** Math.min(this.#failures, 8)
    this.#isWaiting = false
    this.#after(this.#waitMs(code), () => this.#look())
  }

  #waitMs(code: string): number {
    this.#parts.count('directory_input_refused', { code })
    const waitMs = Math.min(firstWaitMs * 2 ** this.#failures, longestWaitMs)
    this.#failures = Math.min(this.#failures + 1, 16)
    // Nodes that were refused together do not come back together.
    return waitMs / 2 + this.#parts.random.below(Math.max(1, Math.floor(waitMs / 2)))
  }
}
