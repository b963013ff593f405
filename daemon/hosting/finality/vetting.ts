import { type AttestedBatch, AttestedInputs } from '../../../client/protocol/attested-inputs.ts'
import { LogReader } from '../../../storage/log/log-store.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import { putSha256 } from '../../../storage/sha256.ts'
import type { Store } from '../../../storage/store.ts'
import type { Replica } from '../../authority/replica.ts'
import type { Fault } from '../../authority/types.ts'
import type { GatewaySignatures } from '../../routing/gateway-signatures.ts'
import { type VettedEntry, VettedLog } from './vetted-log.ts'

export interface VettingOptions {
  readonly store: Store
  readonly signatures: GatewaySignatures
  readonly rulesVersion: number
  /** A node's identity key; undefined for a number that no node of the genesis file has. */
  readonly gatewayKeyOf: (node: number) => Uint8Array | undefined
  /** What was to be voted on, and was not checked, is checked by now. */
  readonly checked: (group: number) => void
  /** Told of the lowest that was found, and once more when a decision has passed that and another one is left. */
  readonly forged: (group: number, forged: Fault) => void
}

/** What a replica was when it was read back from the disk. */
export type VettedBeginning = Pick<Replica, 'faults'> & { readonly log: Pick<Replica['log'], 'size'> }

/**
 * Holds the leaders of this node's replicas to what the rules don't see, before this node votes: a member votes only for what
 * it has checked as an auditor will (docs/finality.md).
 */
export class Vetting {
  readonly #options: VettingOptions
  readonly #logs = new Map<number, VettedLog>()

  constructor(options: VettingOptions) {
    this.#options = options
  }

  /** A replica takes part, with what the disk has; the first leaves are decided. */
  opened(group: number, origin: string, decidedSize: number, begin: VettedBeginning): void {
    const { store, signatures, gatewayKeyOf, rulesVersion, checked, forged } = this.#options
    this.#logs.get(group)?.end()
    const parts = {
      ...{ origin, rulesVersion, signatures, keyOf: gatewayKeyOf, reader: new LogReader(store, group) },
      checked: () => checked(group),
      forged: (what: Fault) => forged(group, what),
    }
    const log = new VettedLog(parts, decidedSize, begin.log.size)
    this.#logs.set(group, log)
    log.refuseAll(begin.faults)
  }

  ended(group: number): void {
    this.#logs.get(group)?.end()
    this.#logs.delete(group)
  }

  applied(group: number, entry: VettedEntry): void {
    this.#logs.get(group)?.applied(entry)
  }

  decided(group: number, size: number): void {
    this.#logs.get(group)?.decided(size)
  }

  /** Whether all records of the log up to this size were checked here, or are decided. If not, `checked` tells later. */
  covers(group: number, size: number): boolean {
    const log = this.#logs.get(group)
    if (log === undefined || log.size >= size) return log !== undefined
    log.waitFor(size)
    return false
  }

  tick(): void {
    for (const log of this.#logs.values()) log.goOn()
  }

  /** Of records that fell off a log, those that may be proposed again: what a gateway has signed, with its attestation. */
  async attested(origin: string, records: readonly LogRecord[]): Promise<LogRecord[]> {
    const { signatures, gatewayKeyOf } = this.#options
    const checks: Promise<readonly LogRecord[]>[] = []
    const check = ({ firstLeaf, lastLeaf, gateway, message, signature }: AttestedBatch): void => {
      const key = gatewayKeyOf(gateway)
      if (key === undefined) return
      const batch = records.slice(firstLeaf, lastLeaf + 1)
      checks.push(
        new Promise(resolve =>
          signatures.verifyAside(key, message, signature, good => resolve(good ? batch : [])),
        ),
      )
    }
    const inputs = new AttestedInputs(origin, { putHash: putSha256, batch: check, wrong: () => {} })
    records.forEach(({ kind, body }, i) => {
      inputs.record(i, kind, body)
    })
    return (await Promise.all(checks)).flat()
  }
}
