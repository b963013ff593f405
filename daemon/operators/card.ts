import { z } from 'zod'
import { SetupError } from '../config/setup-error.ts'
import type { FoundingOperator } from '../genesis/build.ts'
import { base64, bytesOf, jsonIn, readableJson, readSmallFile } from './files.ts'
import type { OperatorKeys } from './keys.ts'

const format = 'freehold.operator/1'
const publicKey = z.base64().length(44)
const schema = z.strictObject({
  format: z.literal(format),
  key: publicKey,
  name: z.string().min(1).max(64),
  recoveryKey: publicKey,
})

/** An operator's public keys, for the others: what stands of them in a genesis file, or in a command. */
export function encodeCard({ name, operator, recovery }: OperatorKeys): string {
  return readableJson({
    ...{ format, name, key: base64(operator.publicKey), recoveryKey: base64(recovery.publicKey) },
  })
}

/** Undefined for what is none. */
export function parseCard(text: string): FoundingOperator | undefined {
  const parsed = schema.safeParse(jsonIn(text))
  if (!parsed.success || readableJson(parsed.data) !== text) return undefined
  const { name, key, recoveryKey } = parsed.data
  return { name, key: bytesOf(key), recoveryKey: bytesOf(recoveryKey) }
}

/** @throws SetupError `unreadable-file`, `bad-card` */
export function readCard(path: string): FoundingOperator {
  const card = parseCard(readSmallFile(path))
  if (card !== undefined) return card
  throw new SetupError('bad-card', `${path} is no operator's card: freehold network key prints one.`)
}
