import type { ToldLog, ToldRecord } from '../audit.ts'

/** Where an export goes, record by record. */
export interface ExportWriter {
  begin(log: ToldLog): void
  record(told: ToldRecord): void
  /** All records were told; what was written is durable when this resolves. */
  end(): Promise<void>
  /** The log turned out to be wrong: nothing of it stays. */
  abandon(): void
}
