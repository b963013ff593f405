import { type AttestedBatch, AttestedInputs } from '../../client/protocol/attested-inputs.ts'
import { putSha256, verifyEd25519Aside } from '../crypto.ts'
import type { Findings } from '../findings.ts'
import type { GenesisMember } from '../genesis.ts'

/** Checks that a gateway signed for every input: an attestation, then at once the inputs that it speaks of. */
export class Attestations {
  readonly inputs: AttestedInputs
  readonly #nodes: ReadonlyMap<number, GenesisMember>
  readonly #findings: Findings
  readonly #fileOf: (leaf: number) => string
  #checks: Promise<void>[] = []

  constructor(
    origin: string,
    nodes: ReadonlyMap<number, GenesisMember>,
    findings: Findings,
    fileOf: (leaf: number) => string,
  ) {
    this.#nodes = nodes
    this.#findings = findings
    this.#fileOf = fileOf
    this.inputs = new AttestedInputs(origin, {
      putHash: putSha256,
      batch: batch => this.#check(batch),
      wrong: ({ code, firstLeaf, lastLeaf, what }) =>
        findings.add(code, fileOf(firstLeaf), firstLeaf, lastLeaf, what),
    })
  }

  /** Waits for the signatures that are being checked. */
  async settled(): Promise<void> {
    const checks = this.#checks
    this.#checks = []
    await Promise.all(checks)
  }

  #check({ firstLeaf, lastLeaf, gateway, message, signature }: AttestedBatch): void {
    const key = this.#nodes.get(gateway)?.identityKey
    const refuse = (what: string) =>
      this.#findings.add('bad-attestation', this.#fileOf(firstLeaf), firstLeaf, lastLeaf, what)
    if (key === undefined) return refuse(`no node ${gateway} that could attest inputs`)
    const checked = verifyEd25519Aside(key, message, signature).then(good => {
      if (!good) refuse(`node ${gateway} did not sign for exactly these inputs`)
    })
    this.#checks.push(checked)
  }
}
