import { randomInt } from 'node:crypto'
import type { Command } from 'commander'
import { SetupError } from '../daemon/config/setup-error.ts'
import type { CommandResultView, DirectoryStatusView } from '../daemon/http/directory-view.ts'
import { writeFileDurably } from '../daemon/identity/durable-file.ts'
import { namesOf } from '../daemon/operators/changes.ts'
import {
  type CommandFile,
  encodeCommandFile,
  readCommandFile,
  signedBy,
} from '../daemon/operators/command-file.ts'
import type { OperatorsCommand } from '../daemon/operators/command-json.ts'
import { base64, refuseExisting } from '../daemon/operators/files.ts'
import { type OperatorKeys, readOperatorKeys } from '../daemon/operators/keys.ts'
import { quorumOf } from '../daemon/operators/quorum.ts'
import { isDangerous, wordsFor } from '../daemon/operators/words.ts'
import { confirm } from './confirm.ts'
import { type NodeApi, nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { several, wholeNumber } from './numbers.ts'
import { print, say, wrapped } from './output.ts'

/** How a command of operators comes about: written, signed by more than half of them, brought to the directory. */

export type SignOptions = ReadCommandOptions & { readonly key: readonly string[]; readonly yes?: boolean }
export type GiveOptions = SignOptions & { readonly out?: string; readonly hours: number }

const MAX_HOURS = 7 * 24

/** A command of operators, with the options that all of them have. */
export function givenCommand(name: string, description: string): Command {
  return readCommand(name, description)
    .option('--key <FILE>', "an operator's keys; again for another one's", several, [])
    .option('--out <FILE>', 'write the command there, for others to sign, and submit nothing')
    .option('--hours <N>', 'how long it can be submitted', wholeNumber(1, MAX_HOURS), 24)
    .option('--yes', 'do not ask')
}

/** Writes the command that `make` makes of how things are, has it signed, and submits it once enough have signed. */
export async function give(
  make: (directory: DirectoryStatusView) => OperatorsCommand,
  options: GiveOptions,
): Promise<void> {
  const api = nodeApi(options)
  const directory = await directoryOf(api)
  const command = make(directory)
  const keys = options.key.map(path => keysFor(path, directory))
  const { origin, seconds } = directory
  const nonce = { number: randomInt(2 ** 32), expiresS: seconds + options.hours * 3600 }
  const blank: CommandFile = { origin, nonce, command, signatures: [] }
  if (options.out === undefined) requireEnough(keys.length, directory)
  else refuseExisting(options.out)
  await explain(blank, directory, options.yes === true || keys.length === 0)
  const file = keys.reduce((file, { operator }) => signedBy(file, operator), blank)
  if (options.out === undefined) return await submit(file, api, options)
  keep(options.out, file, directory, options)
}

export async function signFile(path: string, options: SignOptions): Promise<void> {
  const file = readCommandFile(path)
  const directory = await directoryIfReachable(options)
  if (directory !== undefined && directory.origin !== file.origin)
    throw new SetupError(
      'other-network',
      `${path} is for ${file.origin}, and this node is of ${directory.origin}: name another one with --data-dir or --url.`,
    )
  if (options.key.length === 0) throw new SetupError('no-key', 'Name the file of your keys: --key FILE.')
  const keys = options.key.map(key => (directory ? keysFor(key, directory) : readOperatorKeys(key)))
  // Refused before anybody is asked.
  const signed = keys.reduce((file, { operator }) => signedBy(file, operator), file)
  await explain(file, directory, options.yes === true)
  keep(path, signed, directory, options)
}

export async function submitFile(path: string, options: ReadCommandOptions): Promise<void> {
  const file = readCommandFile(path)
  const api = nodeApi(options)
  const directory = await directoryOf(api)
  requireEnough(signersOf(file, directory), directory)
  await submit(file, api, options)
}

export function directoryOf(api: NodeApi): Promise<DirectoryStatusView> {
  return api.json<DirectoryStatusView>('directory')
}

/** A command can be signed where no node is; then nobody can say whom its numbers stand for. */
async function directoryIfReachable(options: SignOptions): Promise<DirectoryStatusView | undefined> {
  try {
    return await directoryOf(nodeApi(options))
  } catch (error) {
    if (!(error instanceof SetupError) || options.url !== undefined) throw error
    say('No node was asked: who has which number, and who is an operator, is not known.')
    return undefined
  }
}

function keysFor(path: string, { operators, network }: DirectoryStatusView): OperatorKeys {
  const keys = readOperatorKeys(path)
  const key = base64(keys.operator.publicKey)
  if (operators.some(operator => operator.key === key)) return keys
  throw new SetupError(
    'not-an-operator',
    `${path} has the keys of ${keys.name}, which are no operator's of ${network}: ${namesOf(operators)}.`,
  )
}

function signersOf({ signatures }: CommandFile, { operators }: DirectoryStatusView): number {
  return signatures.filter(({ key }) => operators.some(operator => operator.key === base64(key))).length
}

function requireEnough(signers: number, { operators, network }: DirectoryStatusView): void {
  const quorum = quorumOf(operators.length)
  if (signers >= quorum) return
  throw new SetupError(
    'no-quorum',
    `${quorum} of the ${operators.length} operators of ${network} have to sign, and ${signers} ${signers === 1 ? 'does' : 'do'}: ` +
      'name their keys (--key), or write the command for the others to sign (--out FILE).',
  )
}

async function explain(
  { command, nonce, origin }: CommandFile,
  directory: DirectoryStatusView | undefined,
  isAgreed: boolean,
): Promise<void> {
  say(`To ${origin}:`)
  for (const sentence of wordsFor(command, directory)) for (const line of wrapped(sentence)) say(line)
  if (directory !== undefined) {
    const until = new Date(directory.createdAtMs + nonce.expiresS * 1000).toISOString()
    say(`It can be submitted until ${until.slice(0, 16).replace('T', ' ')} UTC.`)
  }
  if (!isAgreed && isDangerous(command)) await confirm('Sign this?')
}

function keep(
  path: string,
  file: CommandFile,
  directory: DirectoryStatusView | undefined,
  options: SignOptions,
): void {
  writeFileDurably(path, encodeCommandFile(file))
  const signed = directory === undefined ? file.signatures.length : signersOf(file, directory)
  const needed = directory === undefined ? null : quorumOf(directory.operators.length)
  print({ file: path, signed, needed }, options, () => {
    const next = `freehold network ${needed !== null && signed >= needed ? 'submit' : 'sign'} ${path}`
    return `${path} is signed by ${signed}${needed === null ? '' : ` of the ${needed} that it needs`}.\nNext: ${next}`
  })
}

async function submit(file: CommandFile, api: NodeApi, options: ReadCommandOptions): Promise<void> {
  const result = await api.post<CommandResultView>('directory/commands', encodeCommandFile(file))
  const { code, message, leaf, value, isFinal } = result
  if (code !== 'ok') throw new SetupError(code, `The directory refused it (${code}): ${message}`)
  print(result, options, () => {
    const number = file.command.kind === 'admit' && value !== null ? ` It is node ${value}.` : ''
    const standing = isFinal ? 'final' : 'committed, and not final yet'
    return `Done.${number} It stands at leaf ${leaf} of ${file.origin}, ${standing}.`
  })
}
