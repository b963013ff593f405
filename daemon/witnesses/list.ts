import { z } from 'zod'
import { type ListFile, readList, writeList } from '../identity/list-file.ts'
import { cosignerName } from './cosigner-key.ts'

/** A witness that this node asks to cosign the checkpoints of its logs (C2SP tlog-witness). */
export interface WitnessEntry {
  /** Its submission prefix: `/add-checkpoint` follows. */
  readonly url: string
  /** Its verifier key; cosignatures of no other key are taken. */
  readonly vkey: string
}

export const maxWitnesses = 16

const list: ListFile<WitnessEntry> = {
  ...{ code: 'bad-witnesses', name: 'list of witnesses', command: 'freehold log witness' },
  schema: z
    .array(
      z.strictObject({
        url: z.url().max(500),
        vkey: z
          .string()
          .max(2_000)
          .refine(text => cosignerName(text) !== undefined),
      }),
    )
    .max(maxWitnesses),
}

/** None when the file is not there. @throws SetupError `bad-witnesses` (78) */
export function readWitnesses(path: string): readonly WitnessEntry[] {
  return readList(path, list)
}

export function writeWitnesses(path: string, entries: readonly WitnessEntry[]): void {
  writeList(path, entries)
}
