import { statSync } from 'node:fs'
import { z } from 'zod'
import { isName } from '../../world/directory/codec/fields.ts'
import { badConfiguration, badUsage } from '../config/setup-error.ts'
import { writeFileDurably } from '../identity/durable-file.ts'
import { generateSeed, type SigningKey, signingKeyOf } from '../identity/signing-key.ts'
import { jsonIn, readSmallFile, refuseExisting } from './files.ts'

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

/** Makes the keys of a new operator and keeps them at `path`, readable by the owner alone. @throws SetupError `already-there` */
export function createOperatorKeys(path: string, name: string): OperatorKeys {
  if (!isName(name)) throw badUsage('usage', 'An operator has a name of 1 to 64 characters.')
  refuseExisting(path)
  const fresh = (): string => Buffer.from(generateSeed()).toString('base64')
  const file: z.infer<typeof keyFileSchema> = { format: 1, name, operator: fresh(), recovery: fresh() }
  writeFileDurably(path, `${JSON.stringify(file, undefined, 2)}\n`, 0o600)
  return keysOf(file)
}

/** Reads them back. @throws SetupError (78) that says what is wrong with the file */
export function readOperatorKeys(path: string): OperatorKeys {
  const text = readSmallFile(path)
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0)
    throw badConfiguration('bad-key-file', `Others can read the operator's keys: run chmod 600 ${path}`)
  const parsed = keyFileSchema.safeParse(jsonIn(text))
  if (parsed.success) return keysOf(parsed.data)
  throw badConfiguration(
    'bad-key-file',
    `${path} holds no operator's keys: freehold network key makes such a file.`,
  )
}

function keysOf({ name, operator, recovery }: z.infer<typeof keyFileSchema>): OperatorKeys {
  const keyOf = (seed: string): SigningKey => signingKeyOf(new Uint8Array(Buffer.from(seed, 'base64')))
  return { name, operator: keyOf(operator), recovery: keyOf(recovery) }
}
