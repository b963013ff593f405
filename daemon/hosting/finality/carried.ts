import { type LogRecord, recordKind } from '../../../storage/log/record.ts'

/** As much as may fall off at a time. */
const maxCarriedBytes = 32 * 1024 * 1024
/** The first seal above a base may have been made before all that fell off was proposed again. */
const sealsUntilForgotten = 2

interface Load {
  readonly baseHeight: number
  readonly records: readonly LogRecord[]
}

/**
 * Inputs that fell off replicas' logs. A view that is given up before it has decided anything has not proposed them again, or
 * not for good: whoever leads the one after it has to.
 */
export class Carried {
  readonly #loads = new Map<number, Load>()

  /** The replica goes to a base at this height, and this falls off: returns all that is to be proposed again, in order. */
  add(group: number, baseHeight: number, fallen: readonly LogRecord[]): readonly LogRecord[] {
    const records: LogRecord[] = []
    let sizeBytes = 0
    for (const record of [...(this.#loads.get(group)?.records ?? []), ...fallen]) {
      if (record.kind !== recordKind.input && record.kind !== recordKind.attestation) continue
      sizeBytes += record.body.length
      if (sizeBytes > maxCarriedBytes) break
      records.push(record)
    }
    this.#loads.set(group, { baseHeight, records })
    return records
  }

  decided(group: number, height: number): void {
    const load = this.#loads.get(group)
    if (load !== undefined && height >= load.baseHeight + sealsUntilForgotten) this.#loads.delete(group)
  }
}
