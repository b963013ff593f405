import { z } from 'zod'
import {
  type AdminNonce,
  commandMessage,
  compareBytes,
  decodeCommand,
  encodeCommand,
} from '../../world/directory/codec/command.ts'
import type { DirectoryAction, OperatorSignature } from '../../world/directory/codec/input.ts'
import { MAX_OPERATORS } from '../../world/directory/limits.ts'
import { SetupError } from '../config/setup-error.ts'
import { type SigningKey, verifySignature } from '../identity/signing-key.ts'
import { commandJson, commandOf, commandSchema, type OperatorsCommand } from './command-json.ts'
import { base64, bytesOf, jsonIn, readableJson, readSmallFile } from './files.ts'

/** What operators want, and who of them has signed it. */
export interface CommandFile {
  /** Of the directory's log: which network it is for. */
  readonly origin: string
  readonly nonce: AdminNonce
  readonly command: OperatorsCommand
  /** By key, ascending. All of them are good. */
  readonly signatures: readonly OperatorSignature[]
}

const format = 'freehold.command/1'
/** The command and its signatures have to fit into one input of the directory. */
export const MAX_COMMAND_FILE_CHARS = 32 * 1024
const u32 = z.number().int().min(0).max(0xffff_ffff)

const schema = z.strictObject({
  command: commandSchema,
  /** In whole seconds since the network began. */
  expires: u32,
  format: z.literal(format),
  nonce: u32,
  origin: z.string().regex(/^[\x21-\x7e]{1,200}$/),
  signatures: z
    .array(z.strictObject({ key: z.base64().length(44), signature: z.base64().length(88) }))
    .max(MAX_OPERATORS),
})

export type CommandProblem = 'malformed' | 'changed'

export function encodeCommandFile({ origin, nonce, command, signatures }: CommandFile): string {
  return readableJson({
    ...{ format, origin, nonce: nonce.number, expires: nonce.expiresS, command: commandJson(command) },
    signatures: signatures.map(({ key, signature }) => ({ key: base64(key), signature: base64(signature) })),
  })
}

/** `changed`: a signature is of other words. `malformed`: not what `encodeCommandFile` writes, or what no rules would take. */
export function parseCommandFile(text: string): CommandFile | CommandProblem {
  if (text.length > MAX_COMMAND_FILE_CHARS) return 'malformed'
  const parsed = schema.safeParse(jsonIn(text))
  if (!parsed.success) return 'malformed'
  const { origin, nonce, expires, signatures } = parsed.data
  const command = commandOf(parsed.data.command)
  if (command === undefined || !isEncodable(command)) return 'malformed'
  const file: CommandFile = {
    ...{ origin, command, nonce: { number: nonce, expiresS: expires } },
    signatures: signatures.map(({ key, signature }) => ({
      key: bytesOf(key),
      signature: bytesOf(signature),
    })),
  }
  if (!areAscending(file.signatures) || encodeCommandFile(file) !== text) return 'malformed'
  const message = messageOf(file)
  const isGood = file.signatures.every(({ key, signature }) => verifySignature(key, message, signature))
  return isGood ? file : 'changed'
}

/** @throws SetupError `unreadable-file`, `bad-command`, `changed-command` */
export function readCommandFile(path: string): CommandFile {
  const file = parseCommandFile(readSmallFile(path))
  if (typeof file !== 'string') return file
  throw commandProblem(file, path)
}

/** In a sentence. @param what the command file, as somebody knows it */
export function commandProblem(problem: CommandProblem, what: string): SetupError {
  if (problem === 'malformed')
    return new SetupError('bad-command', `${what} is no command file as freehold network writes it.`)
  return new SetupError(
    'changed-command',
    `${what} was changed after somebody signed it: have it written and signed anew.`,
  )
}

/** The same with one more signature. @throws SetupError `signed-already` */
export function signedBy(file: CommandFile, key: SigningKey): CommandFile {
  if (file.signatures.some(signature => compareBytes(signature.key, key.publicKey) === 0))
    throw new SetupError('signed-already', 'This key has signed the command already: somebody else has to.')
  const signature = { key: key.publicKey, signature: key.sign(messageOf(file)) }
  const signatures = [...file.signatures, signature].sort((a, b) => compareBytes(a.key, b.key))
  return { ...file, signatures }
}

/** As a node brings it to the directory. */
export function actionOf({
  nonce,
  command,
  signatures,
}: CommandFile): Extract<DirectoryAction, { kind: 'command' }> {
  return { kind: 'command', nonce, command: encodeCommand(command), signatures }
}

function messageOf({ origin, nonce, command }: CommandFile): Uint8Array {
  return commandMessage(origin, nonce, encodeCommand(command))
}

/** Within the rules' own limits: what they would read is what was written. */
function isEncodable(command: OperatorsCommand): boolean {
  try {
    return decodeCommand(encodeCommand(command)) !== undefined
  } catch {
    return false
  }
}

function areAscending(signatures: readonly OperatorSignature[]): boolean {
  return signatures.every(({ key }, i) => i === 0 || compareBytes(signatures[i - 1]!.key, key) < 0)
}
