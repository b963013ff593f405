import { Command } from 'commander'
import { EXIT, SetupError } from '../daemon/config/setup-error.ts'
import { dataDirFiles } from '../daemon/identity/data-dir.ts'
import { cosignerName } from '../daemon/witnesses/cosigner-key.ts'
import { maxWitnesses, readWitnesses, type WitnessEntry, writeWitnesses } from '../daemon/witnesses/list.ts'
import { print, type ReadOptions, table } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

type Options = ReadOptions & Record<string, unknown>

/** Whom this node asks to cosign its logs' checkpoints. A running node reads the list again by itself. */
export function logWitnessCommand(): Command {
  const command = new Command('witness').description('who is asked to cosign what this node publishes')
  command.addCommand(
    settled(new Command('add').description('ask a witness (C2SP tlog-witness) from now on'))
      .argument('<URL>', 'its submission prefix')
      .requiredOption('--vkey <KEY>', 'its verifier key, as its operator tells it')
      .action(add),
  )
  command.addCommand(
    settled(new Command('remove').description('ask it no more')).argument('<URL>').action(remove),
  )
  command.addCommand(settled(new Command('list').description('the witnesses that are asked')).action(list))
  return command
}

function settled(command: Command): Command {
  return addSettings(command.option('--json', 'print one line of JSON'), ['network', 'dataDir'])
}

function listOf(options: Options): { path: string; entries: readonly WitnessEntry[] } {
  const path = dataDirFiles(configOf(options).dataDir).witnesses
  return { path, entries: readWitnesses(path) }
}

function add(url: string, options: Options & { readonly vkey: string }): void {
  const { vkey } = options
  const name = cosignerName(vkey)
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new SetupError('bad-url', `${url} is no http:// or https:// address.`, EXIT.usage)
  if (name === undefined)
    throw new SetupError('bad-vkey', 'That is no verifier key of a cosigner: name+hash+key.', EXIT.usage)
  const { path, entries } = listOf(options)
  const others = entries.filter(entry => entry.url !== url)
  if (others.length >= maxWitnesses)
    throw new SetupError('too-many-witnesses', `At most ${maxWitnesses} witnesses are asked.`)
  writeWitnesses(path, [...others, { url, vkey }])
  print({ url, vkey }, options, () => `${name} at ${url} is asked from now on.`)
}

function remove(url: string, options: Options): void {
  const { path, entries } = listOf(options)
  const others = entries.filter(entry => entry.url !== url)
  if (others.length === entries.length) throw new SetupError('not-found', `${url} is not asked.`)
  writeWitnesses(path, others)
  print({ url }, options, () => `${url} is not asked any more.`)
}

function list(options: Options): void {
  const { entries } = listOf(options)
  print({ witnesses: entries }, options, () => {
    if (entries.length === 0) return 'No witness is asked.'
    return table(
      ['URL', 'NAME'],
      entries.map(entry => [entry.url, cosignerName(entry.vkey)!]),
    )
  })
}
