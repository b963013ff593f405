import { type Attestation, batchHead, decodeAttestation } from './attestation.ts'
import { HASH_BYTES } from './session.ts'

/** Of records; see docs/protocol.md. */
const ATTESTATION = 2
const INPUT = 3

/** An attestation with all inputs that it speaks of. It is good when the gateway's node has signed the message. */
export interface AttestedBatch {
  /** Of the attestation. */
  readonly firstLeaf: number
  /** Of the last input; the attestation's own when it speaks of none that was logged. */
  readonly lastLeaf: number
  /** The gateway's node number. */
  readonly gateway: number
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** What no honest leader logs, whoever signed what. */
export interface Unattested {
  readonly code: 'malformed-record' | 'unattested-input' | 'bad-attestation'
  readonly firstLeaf: number
  readonly lastLeaf: number
  readonly what: string
}

export interface AttestedInputsPorts {
  /** Writes the SHA-256 of the bytes into the target. */
  readonly putHash: (target: Uint8Array, at: number, bytes: Uint8Array) => void
  readonly batch: (batch: AttestedBatch) => void
  readonly wrong: (finding: Unattested) => void
}

interface Open {
  readonly leaf: number
  readonly attestation: Attestation
  readonly message: Uint8Array
  /** Where in the message the hashes stand that wait for their input, in order. */
  readonly waiting: readonly number[]
  filled: number
}

/**
 * Finds in a log's records, handed in one after another, what its gateways must have signed: an attestation, then at once
 * the inputs that it speaks of, and no input without one. The members of an authority hold their leader to it before they
 * vote, and auditors the members afterwards, both by this.
 */
export class AttestedInputs {
  readonly #origin: string
  readonly #ports: AttestedInputsPorts
  #open: Open | undefined

  constructor(origin: string, ports: AttestedInputsPorts) {
    this.#origin = origin
    this.#ports = ports
  }

  /** The leaf of an attestation that still waits for inputs. */
  get openLeaf(): number | undefined {
    return this.#open?.leaf
  }

  record(leaf: number, kind: number, body: Uint8Array): void {
    if (kind === INPUT) return this.#input(leaf, body)
    this.close(leaf)
    if (kind === ATTESTATION) this.#attestation(leaf, body)
  }

  /** What is attested must have been complete before `leaf`. */
  close(leaf: number): void {
    const open = this.#open
    this.#open = undefined
    if (open === undefined) return
    const what = `the attestation speaks of ${open.waiting.length} inputs, but only ${open.filled} follow it`
    this.#ports.wrong({ code: 'bad-attestation', firstLeaf: open.leaf, lastLeaf: leaf - 1, what })
  }

  /** Forgets the open attestation: what follows it can't be read, or is of no interest. */
  abandon(): void {
    this.#open = undefined
  }

  #attestation(leaf: number, body: Uint8Array): void {
    const attestation = decodeAttestation(body)
    if (attestation === undefined) {
      const what = 'the attestation is malformed'
      return this.#ports.wrong({ code: 'malformed-record', firstLeaf: leaf, lastLeaf: leaf, what })
    }
    const { gateway, slots } = attestation
    const head = batchHead(this.#origin, gateway, slots.length)
    const message = new Uint8Array(head.length + slots.length * HASH_BYTES)
    message.set(head)
    const waiting: number[] = []
    slots.forEach((slot, i) => {
      const at = head.length + i * HASH_BYTES
      if (slot === undefined) waiting.push(at)
      else message.set(slot, at)
    })
    this.#open = { leaf, attestation, message, waiting, filled: 0 }
    if (waiting.length === 0) this.#whole(this.#open, leaf)
  }

  #input(leaf: number, body: Uint8Array): void {
    const open = this.#open
    if (open === undefined) {
      const what = 'no gateway attests this input'
      return this.#ports.wrong({ code: 'unattested-input', firstLeaf: leaf, lastLeaf: leaf, what })
    }
    this.#ports.putHash(open.message, open.waiting[open.filled++]!, body)
    if (open.filled === open.waiting.length) this.#whole(open, leaf)
  }

  #whole({ leaf, attestation, message }: Open, lastLeaf: number): void {
    this.#open = undefined
    const { gateway, signature } = attestation
    this.#ports.batch({ firstLeaf: leaf, lastLeaf, gateway, message, signature })
  }
}
