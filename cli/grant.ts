import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { badUsage, SetupError } from '../daemon/config/setup-error.ts'
import { encodeGrant, type Grant, grantMessage } from '../daemon/disclosure/grant.ts'
import {
  type GrantEntry,
  maxGrants,
  maxRecipientChars,
  readGrants,
  withWithdrawn,
  writeGrants,
} from '../daemon/disclosure/grants.ts'
import { isOpen } from '../daemon/disclosure/policy.ts'
import { type Genesis, originOf, readGenesis } from '../daemon/genesis/genesis.ts'
import type { GenesisAuthority } from '../daemon/genesis/schema.ts'
import { dataDirFiles } from '../daemon/identity/data-dir.ts'
import { readNodeKeys } from '../daemon/identity/node-keys.ts'
import { readGrantFile } from './grant-file.ts'
import { wholeNumber } from './numbers.ts'
import { duration, print, type ReadOptions, say, table } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

type Options = ReadOptions & Record<string, unknown>

const dayMs = 24 * 3600 * 1000
const defaultDays = 30

/** Who may read what an org shows to its members only. A running node reads the list again by itself. */
export function grantCommand(): Command {
  const command = new Command('grant').description('who may read what an org shows to its members only')
  command.addCommand(
    settled(new Command('add').description('let somebody read it: prints a grant, which is a secret'))
      .argument('<AUTHORITY>', 'as org/guild')
      .option('--for <NAME>', 'whom it is for, so that you know later')
      .option('--days <N>', 'how long it is good', wholeNumber(1, 3650), defaultDays)
      .action(add),
  )
  command.addCommand(
    settled(new Command('remove').description('take it no more, at this node'))
      .argument('<GRANT>', 'as the list has it, or the file with the grant')
      .action(remove),
  )
  command.addCommand(
    settled(new Command('list').description('the grants that were given or removed here')).action(list),
  )
  return command
}

function settled(command: Command): Command {
  return addSettings(command.option('--json', 'print one line of JSON'), ['network', 'dataDir', 'genesis'])
}

/** What has expired needs not be remembered. */
function listOf(options: Options): { path: string; entries: readonly GrantEntry[] } {
  const path = dataDirFiles(configOf(options).dataDir).grants
  return { path, entries: readGrants(path).filter(({ expiresAtMs }) => expiresAtMs > Date.now()) }
}

function add(name: string, options: Options & { readonly for?: string; readonly days: number }): void {
  const config = configOf(options)
  const genesis = readGenesis(config.genesis)
  const authority = authorityIn(genesis, name)
  const keys = readNodeKeys(dataDirFiles(config.dataDir).nodeKeys)
  const self = genesis.file.nodes.find(node => node.peerId === keys.peerId)
  if (self === undefined)
    throw new SetupError('not-a-node', `The keys in ${config.dataDir} are of no node of ${config.genesis}.`)
  if (!authority.members.includes(self.number))
    say(`Node ${self.number} did not found ${name}: its grants are good while it is a member.`)
  const recipient = options.for ?? ''
  if (recipient.length > maxRecipientChars)
    throw badUsage('usage', `--for has at most ${maxRecipientChars} characters.`)
  const { path, entries } = listOf(options)
  if (entries.length >= maxGrants)
    throw new SetupError('too-many-grants', `At most ${maxGrants} grants are remembered.`)
  const origin = originOf(genesis.file.network, authority)
  const expiresAtMs = Date.now() + options.days * dayMs
  const unsigned = { member: self.number, expiresAtMs, serial: new Uint8Array(randomBytes(16)) }
  const signature = keys.log.sign(grantMessage({ genesisHash: genesis.hash, origin }, unsigned))
  const entry = entryOf({ ...unsigned, signature }, { origin, recipient, withdrawn: false })
  writeGrants(path, [...entries, entry])
  const grant = Buffer.from(encodeGrant({ ...unsigned, signature })).toString('base64')
  if (!options.json)
    say(`Whoever has it can read ${name} for ${options.days} days. freehold grant remove ${idOf(entry)}`)
  print({ ...entry, grant }, options, () => grant)
}

function authorityIn(genesis: Genesis, name: string): GenesisAuthority {
  const { network, authorities } = genesis.file
  const found = authorities.find(it => it.name === name || originOf(network, it) === name)
  if (found === undefined) throw badUsage('unknown-authority', `The genesis file knows no authority ${name}.`)
  if (isOpen(found.kind)) throw badUsage('open', `${name} is shown to everybody: it needs no grant.`)
  return found
}

function remove(which: string, options: Options): void {
  const { path, entries } = listOf(options)
  const { list, forgotten } = withWithdrawn(entries, chosen(which, entries))
  const entry = list.at(-1)!
  writeGrants(path, list)
  if (forgotten !== undefined)
    say(`The list is full: ${idOf(forgotten)} is on it no more, and good until it expires.`)
  if (!options.json)
    say('Other members take it until it expires: have them remove it too, with the file of the grant.')
  print(entry, options, () => `${idOf(entry)} is taken no more at this node.`)
}

/** One that was given elsewhere comes with its file: nothing else says until when it is to be remembered. */
function chosen(which: string, entries: readonly GrantEntry[]): GrantEntry {
  const found = /^[0-9a-f]{4,32}$/.test(which) ? entries.filter(({ serial }) => serial.startsWith(which)) : []
  if (found.length === 1) return found[0]!
  if (found.length > 1)
    throw new SetupError('not-found', `${found.length} grants begin with ${which}: say more of it.`)
  if (!existsSync(which))
    throw new SetupError('not-found', `There is no grant ${which} here, and no such file.`)
  const { grant } = readGrantFile(which)
  const known = entries.find(({ serial }) => serial === hexOf(grant.serial))
  return known ?? entryOf(grant, { origin: '', recipient: '', withdrawn: true })
}

function list(options: Options): void {
  const { entries } = listOf(options)
  print({ grants: entries }, options, () => {
    if (entries.length === 0) return 'No grants were given here, or all have expired.'
    return table(['GRANT', 'STATE', 'FOR ANOTHER', 'NODE', 'LOG', 'WHOM'], entries.map(rowOf))
  })
}

function rowOf(entry: GrantEntry): (string | number)[] {
  const { withdrawn, expiresAtMs, member, origin, recipient } = entry
  const left = duration(expiresAtMs - Date.now())
  return [idOf(entry), withdrawn ? 'removed' : 'good', left, member, origin || '-', recipient || '-']
}

function entryOf(
  { serial, member, expiresAtMs }: Grant,
  rest: Pick<GrantEntry, 'origin' | 'recipient' | 'withdrawn'>,
): GrantEntry {
  return { serial: hexOf(serial), member, expiresAtMs, ...rest }
}

function idOf({ serial }: GrantEntry): string {
  return serial.slice(0, 12)
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
