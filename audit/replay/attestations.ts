import { sha256, verifyEd25519Aside } from '../crypto.ts'
import type { Findings } from '../findings.ts'
import type { GenesisMember } from '../genesis.ts'
import { concat, utf8 } from '../verify/bytes.ts'
import { type Attestation, readAttestation } from './bodies.ts'

interface Open {
  readonly attestation: Attestation
  /** In the batch's order; inputs that follow fill the gaps. */
  readonly hashes: Uint8Array[]
  /** Places in `hashes` that wait for their input, in order. */
  readonly waiting: number[]
  filled: number
}

/** Checks that a gateway signed for every input: an attestation, then at once the inputs that it speaks of. */
export class Attestations {
  /** "freehold/gateway-batch/1\n" ‖ u16 origin length ‖ origin: how every message begins. */
  readonly #messageHead: Uint8Array
  readonly #nodes: ReadonlyMap<number, GenesisMember>
  readonly #findings: Findings
  readonly #fileOf: (leaf: number) => string
  #open: Open | undefined
  #checks: Promise<void>[] = []

  constructor(
    origin: string,
    nodes: ReadonlyMap<number, GenesisMember>,
    findings: Findings,
    fileOf: (leaf: number) => string,
  ) {
    const name = utf8(origin)
    this.#messageHead = concat(
      utf8('freehold/gateway-batch/1\n'),
      Uint8Array.of(name.length >> 8, name.length & 255),
      name,
    )
    this.#nodes = nodes
    this.#findings = findings
    this.#fileOf = fileOf
  }

  attestation(leaf: number, body: Uint8Array): void {
    this.close(leaf)
    const attestation = readAttestation(body, leaf)
    if (attestation === undefined) {
      this.#findings.add('malformed-record', this.#fileOf(leaf), leaf, leaf, 'the attestation is malformed')
      return
    }
    const waiting: number[] = []
    const hashes = attestation.slots.map((slot, i) => {
      if (slot === undefined) waiting.push(i)
      return slot ?? new Uint8Array(32)
    })
    this.#open = { attestation, hashes, waiting, filled: 0 }
    if (waiting.length === 0) this.#check(this.#open, leaf)
  }

  input(leaf: number, body: Uint8Array): void {
    const open = this.#open
    if (open === undefined) {
      const what = 'no gateway attests this input'
      this.#findings.add('unattested-input', this.#fileOf(leaf), leaf, leaf, what)
      return
    }
    open.hashes[open.waiting[open.filled++]!] = sha256(body)
    if (open.filled === open.waiting.length) this.#check(open, leaf)
  }

  /** Another kind of record stands at `leaf`: what is attested must have been complete before it. */
  close(leaf: number): void {
    if (this.#open === undefined) return
    const { attestation, waiting, filled } = this.#open
    this.#open = undefined
    const what = `the attestation speaks of ${waiting.length} inputs, but only ${filled} follow it`
    this.#findings.add('bad-attestation', this.#fileOf(attestation.leaf), attestation.leaf, leaf - 1, what)
  }

  /** Forgets the open attestation: what follows it cannot be read. */
  abandon(): void {
    this.#open = undefined
  }

  /** Waits for the signatures that are being checked. */
  async settled(): Promise<void> {
    const checks = this.#checks
    this.#checks = []
    await Promise.all(checks)
  }

  #check({ attestation, hashes }: Open, lastLeaf: number): void {
    this.#open = undefined
    const { gateway, leaf, signature } = attestation
    const key = this.#nodes.get(gateway)?.identityKey
    const refuse = (what: string) =>
      this.#findings.add('bad-attestation', this.#fileOf(leaf), leaf, lastLeaf, what)
    if (key === undefined) return refuse(`no node ${gateway} that could attest inputs`)
    const message = batchMessage(this.#messageHead, gateway, hashes)
    const checked = verifyEd25519Aside(key, message, signature).then(good => {
      if (!good) refuse(`node ${gateway} did not sign for exactly these inputs`)
    })
    this.#checks.push(checked)
  }
}

/** The head ‖ gateway u32 ‖ count u16 ‖ SHA-256 of each body: what a gateway's node signs with its identity. */
function batchMessage(head: Uint8Array, gateway: number, hashes: readonly Uint8Array[]): Uint8Array {
  const numbers = Buffer.alloc(6)
  numbers.writeUInt32BE(gateway, 0)
  numbers.writeUInt16BE(hashes.length, 4)
  return concat(head, numbers, ...hashes)
}
