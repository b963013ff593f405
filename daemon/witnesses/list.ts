import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { badConfiguration } from '../config/setup-error.ts'
import { writeFileDurably } from '../identity/durable-file.ts'
import { cosignerName } from './cosigner-key.ts'

/** A witness that this node asks to cosign the checkpoints of its logs (C2SP tlog-witness). */
export interface WitnessEntry {
  /** Its submission prefix: `/add-checkpoint` follows. */
  readonly url: string
  /** Its verifier key; cosignatures of no other key are taken. */
  readonly vkey: string
}

export const maxWitnesses = 16

const schema = z
  .array(z.strictObject({ url: z.url().max(500), vkey: z.string().max(2_000) }))
  .max(maxWitnesses)

/** None when the file is not there. @throws SetupError `bad-witnesses` (78) */
export function readWitnesses(path: string): readonly WitnessEntry[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw badConfiguration('bad-witnesses', `The list of witnesses ${path} cannot be read.`)
  }
  const parsed = schema.safeParse(jsonOf(text))
  if (!parsed.success || !parsed.data.every(entry => cosignerName(entry.vkey) !== undefined))
    throw badConfiguration(
      'bad-witnesses',
      `The list of witnesses ${path} is malformed: make it with freehold log witness.`,
    )
  return parsed.data
}

export function writeWitnesses(path: string, entries: readonly WitnessEntry[]): void {
  writeFileDurably(path, `${JSON.stringify(entries, undefined, 2)}\n`)
}

/** Changes whenever the list was written anew. */
export function stampOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
