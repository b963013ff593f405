import { Command, InvalidArgumentError } from 'commander'
import { readCard } from '../daemon/operators/card.ts'
import {
  admitCommand,
  nodeCommand,
  operatorsCommand,
  policyCommand,
  recoveryCommand,
} from '../daemon/operators/changes.ts'
import { nodeJson, readNewNode } from '../daemon/operators/node-record.ts'
import { initCommand } from './init.ts'
import {
  type GiveOptions,
  give,
  givenCommand,
  type SignOptions,
  signFile,
  submitFile,
} from './network-give.ts'
import { networkKeyCommand, networkRecordCommand } from './network-keys.ts'
import { networkStatusCommand } from './network-status.ts'
import { type ReadCommandOptions, readCommand } from './node-api.ts'
import { several, wholeNumber } from './numbers.ts'

const MAX_U32 = 0xffff_ffff

/** What the operators of a network can do, and see of it. */
export function networkCommand(): Command {
  const command = new Command('network').description(
    'what the operators of a network command, and what its directory has',
  )
  const commands = [
    ...[initCommand(), networkKeyCommand(), networkStatusCommand(), networkRecordCommand(), admit()],
    ...[onNode('retire', 'have a node leave for good: what it holds goes to others first')],
    ...[onNode('ban', 'take nothing of a node any more'), onNode('unban', 'lift the ban of a node')],
    ...[policy(), operators(), recovery(), sign(), submit()],
  ]
  for (const each of commands) command.addCommand(each)
  return command
}

function admit(): Command {
  return givenCommand('admit', 'take a new node in, vouched for by the operators')
    .argument('<FILE>', 'what freehold network record says of it')
    .action((path: string, options: GiveOptions) => {
      const newNode = readNewNode(path)
      return give(directory => admitCommand(newNode, directory, nodeJson(newNode.node).peerId), options)
    })
}

function onNode(kind: 'ban' | 'unban' | 'retire', description: string): Command {
  return givenCommand(kind, description)
    .argument('<NODE>', "the node's number", wholeNumber(1, MAX_U32))
    .action((number: number, options: GiveOptions) =>
      give(directory => nodeCommand(kind, number, directory), options),
    )
}

type PolicyOptions = GiveOptions & {
  readonly admission?: 'open' | 'operators'
  readonly replicas?: number
  readonly observers?: number
  readonly trustHours?: number
  readonly resources?: number
  readonly npcs?: number
  readonly capacity?: number
}

function policy(): Command {
  return givenCommand('policy', 'change how nodes are taken in, and how authorities are placed')
    .option(
      '--admission <WHO>',
      'who may bring nodes in: open (any node), or operators',
      oneOf(['open', 'operators']),
    )
    .option('--replicas <N>', 'members of an authority', wholeNumber(1, 9))
    .option('--observers <N>', 'learners beside them', wholeNumber(0, 9))
    .option('--trust-hours <N>', 'how long to know a node before it is trusted', wholeNumber(1, 10_000))
    .option('--resources <N>', 'places of resources in a new area', wholeNumber(0, 20_000))
    .option('--npcs <N>', 'NPCs in a new area', wholeNumber(0, 20_000))
    .option('--capacity <N>', 'characters in a new area', wholeNumber(1, 100_000))
    .action((options: PolicyOptions) => {
      const { admission, replicas, observers, trustHours, resources, npcs, capacity } = options
      const changes = {
        ...(admission !== undefined && { admission }),
        ...(replicas !== undefined && { replicas }),
        ...(observers !== undefined && { observers }),
        ...(trustHours !== undefined && { trustS: trustHours * 3600 }),
        ...(resources !== undefined && { resourceCount: resources }),
        ...(npcs !== undefined && { npcCount: npcs }),
        ...(capacity !== undefined && { capacity }),
      }
      return give(directory => policyCommand(changes, directory), options)
    })
}

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return text => {
    const found = values.find(value => value === text)
    if (found !== undefined) return found
    throw new InvalidArgumentError(`It must be ${values.join(' or ')}.`)
  }
}

function operators(): Command {
  return givenCommand('operators', 'change who commands')
    .option('--add <CARD>', "the new one's card; again for another", several, [])
    .option('--remove <NAME>', 'who is one no longer; again for another', several, [])
    .action(
      (options: GiveOptions & { readonly add: readonly string[]; readonly remove: readonly string[] }) => {
        const added = options.add.map(readCard)
        return give(directory => operatorsCommand(added, options.remove, directory), options)
      },
    )
}

function recovery(): Command {
  return givenCommand('recovery', 'replace the keys that can begin a lost directory anew')
    .argument('<CARD...>', 'cards of those whose recovery keys shall count from then on')
    .option('--threshold <N>', 'how many of them together (default: more than half)', wholeNumber(1, 64))
    .action((paths: readonly string[], options: GiveOptions & { readonly threshold?: number }) => {
      const cards = paths.map(readCard)
      return give(() => recoveryCommand(cards, options.threshold), options)
    })
}

function sign(): Command {
  const command = readCommand('sign', 'sign a command that another operator wrote')
    .argument('<FILE>', 'the command; it is written anew with the signature')
    .option('--key <FILE>', 'your keys; again for another one', several, [])
    .option('--yes', 'do not ask')
  return command.action((path: string, options: SignOptions) => signFile(path, options))
}

function submit(): Command {
  return readCommand('submit', 'bring a command to the directory that enough operators have signed')
    .argument('<FILE>', 'the command')
    .action((path: string, options: ReadCommandOptions) => submitFile(path, options))
}
