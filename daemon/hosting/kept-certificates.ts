import { decodeCertificate } from '../../consensus/finality/certificate.ts'
import { checked, withChecksum } from '../../storage/checksum.ts'
import { logCertificateKey, logCertificatesRange } from '../../storage/keys.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import type { DecidedPoint } from './decided.ts'

/** By the seals' own times; some 700 bytes each. */
const keepEveryMs = 60_000

/**
 * The members' decisions, one a minute and for good: whoever replays the log up to one of them can prove what the state was
 * there (docs/auditing.md). The newest of all is elsewhere.
 */
export class KeptCertificates {
  readonly #store: Store
  readonly #group: number
  readonly #write: (ops: readonly StoreOp[]) => void
  #keptAtMs: number | undefined

  constructor(store: Store, group: number, write: (ops: readonly StoreOp[]) => void) {
    this.#store = store
    this.#group = group
    this.#write = write
  }

  /** It is shown from now on. */
  shown({ size, certificate }: DecidedPoint): void {
    const timeMs = decodeCertificate(certificate)?.seal.timeMs
    if (timeMs === undefined) return
    // A leader's clock may go back.
    if (this.#keptAtMs !== undefined && Math.abs(timeMs - this.#keptAtMs) < keepEveryMs) return
    this.#keptAtMs = timeMs
    this.#write([{ key: logCertificateKey(this.#group, size), value: withChecksum(certificate) }])
  }

  /** The first that was kept and covers this leaf. */
  async covering(leaf: number): Promise<Uint8Array | undefined> {
    for await (const { value } of this.#store.range({
      ...logCertificatesRange(this.#group, leaf),
      limit: 1,
    }))
      return checked(value)
    return undefined
  }
}
