import { userInfo } from 'node:os'
import { Command } from 'commander'
import { badUsage } from '../daemon/config/setup-error.ts'
import { dataDirFiles } from '../daemon/identity/data-dir.ts'
import { readNodeKeys } from '../daemon/identity/node-keys.ts'
import { encodeCard } from '../daemon/operators/card.ts'
import { createOperatorKeys, readOperatorKeys } from '../daemon/operators/keys.ts'
import { encodeNewNode, newNodeOf } from '../daemon/operators/node-record.ts'
import { several } from './numbers.ts'
import { say } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

/** What passes between people by hand: operators' cards, and what a node says of itself before it is one. */

export function networkKeyCommand(): Command {
  return new Command('key')
    .description("print an operator's card, for the others; --name makes new keys")
    .argument('<FILE>', "the operator's keys, for that one alone")
    .option('--name <NAME>', 'make new keys in that file, of an operator called so')
    .action((path: string, { name }: { readonly name?: string }) => {
      const keys = name === undefined ? readOperatorKeys(path) : createOperatorKeys(path, name)
      if (name !== undefined)
        say(`${path} has the keys of ${name}: keep it where no node is, and a copy elsewhere.`)
      process.stdout.write(encodeCard(keys))
    })
}

interface RecordOptions extends Record<string, unknown> {
  readonly address: readonly string[]
  readonly operator: string
}

export function networkRecordCommand(): Command {
  const command = new Command('record')
    .description('print what operators need to admit the node of a data directory')
    .option(
      '--address <ADDRESS>',
      'where others reach it, as /ip4/192.0.2.1/tcp/7777; again for another (default: where it listens)',
      several,
      [],
    )
    .option('--operator <NAME>', 'who runs it', userInfo().username)
  return addSettings(command, ['network', 'dataDir']).action((options: RecordOptions) => {
    const { dataDir, listen, announce } = configOf(options)
    const addresses = options.address.length > 0 ? options.address : (announce ?? listen)
    const unknown = addresses.find(address => /^\/(ip4\/0\.0\.0\.0|ip6\/::)\/|\/tcp\/0(\/|$)/.test(address))
    if (unknown !== undefined)
      throw badUsage('usage', `Nobody can reach ${unknown}: say where it is reached with --address.`)
    const keys = readNodeKeys(dataDirFiles(dataDir).nodeKeys)
    process.stdout.write(encodeNewNode(newNodeOf(keys, options.operator, addresses)))
  })
}
