import { z } from 'zod'
import { writeFileDurably } from '../identity/durable-file.ts'
import { generateSeed, type SigningKey, signingKeyOf } from '../identity/signing-key.ts'

/** What one operator signs admin commands with, and a lost directory's new beginning. No node has them. */
export interface OperatorKeys {
  readonly name: string
  readonly operator: SigningKey
  readonly recovery: SigningKey
}

const seedText = z.base64().length(44)
const keyFileSchema = z.strictObject({
  format: z.literal(1),
  name: z.string().min(1).max(64),
  operator: seedText,
  recovery: seedText,
})

/** Makes the keys of a new operator and keeps them at `path`, readable by the owner alone. */
export function createOperatorKeys(path: string, name: string): OperatorKeys {
  const fresh = (): string => Buffer.from(generateSeed()).toString('base64')
  const file: z.infer<typeof keyFileSchema> = { format: 1, name, operator: fresh(), recovery: fresh() }
  writeFileDurably(path, `${JSON.stringify(file, undefined, 2)}\n`, 0o600)
  const keyOf = (seed: string): SigningKey => signingKeyOf(Buffer.from(seed, 'base64'))
  return { name, operator: keyOf(file.operator), recovery: keyOf(file.recovery) }
}
