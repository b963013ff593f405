import { compareBytes } from '../../world/directory/codec/command.ts'
import type { Policy } from '../../world/directory/types.ts'
import { badUsage, SetupError } from '../config/setup-error.ts'
import type { FoundingOperator } from '../genesis/build.ts'
import type { DirectoryStatusView } from '../http/directory-view.ts'
import type { OperatorsCommand } from './command-json.ts'
import { base64, bytesOf } from './files.ts'
import type { NewNode } from './node-record.ts'
import { quorumOf } from './quorum.ts'

/** What is ordered, from how the directory has it now. All throw a SetupError for what the directory would refuse in any case. */

export function nodeCommand(
  kind: 'ban' | 'unban' | 'retire',
  number: number,
  { nodes, network }: DirectoryStatusView,
): OperatorsCommand {
  const node = nodes.find(node => node.number === number)
  if (node === undefined)
    throw new SetupError(
      'unknown-node',
      `${network} has no node ${number}: freehold network status lists them.`,
    )
  const { status } = node
  const hasEffect =
    kind === 'retire'
      ? status === 'active' || status === 'admitted'
      : (status === 'banned') === (kind === 'unban')
  if (hasEffect) return { kind, number }
  throw new SetupError('no-effect', `That would change nothing: node ${number} is ${status}.`)
}

export function admitCommand(
  { network, node }: NewNode,
  { network: here, nodes }: DirectoryStatusView,
  peerId: string,
): OperatorsCommand {
  if (network !== here)
    throw new SetupError('other-network', `That node wants to be one of ${network}, and this is ${here}.`)
  const known = nodes.find(each => each.peerId === peerId && each.status !== 'retired')
  if (known === undefined) return { kind: 'admit', node }
  throw new SetupError('known-node', `That is node ${known.number} already; it is ${known.status}.`)
}

/** @param removed names, or the beginnings of keys */
export function operatorsCommand(
  added: readonly FoundingOperator[],
  removed: readonly string[],
  { operators, network }: DirectoryStatusView,
): OperatorsCommand {
  const gone = new Set(removed.map(which => chosen(which, operators, network)))
  const stay = operators.filter(operator => !gone.has(operator))
  const all = [
    ...stay.map(({ name, key }) => ({ name, key: bytesOf(key) })),
    ...added.map(({ name, key }) => ({ name, key })),
  ]
  if (new Set(all.map(({ key }) => base64(key))).size < all.length)
    throw new SetupError('no-effect', 'Somebody would be an operator twice.')
  if (all.length === 0) throw badUsage('usage', 'Somebody has to be an operator: add one too.')
  if (gone.size === 0 && added.length === 0)
    throw badUsage('usage', 'Say who shall be an operator (--add), or no longer (--remove).')
  return { kind: 'set-operators', operators: all.sort((a, b) => compareBytes(a.key, b.key)) }
}

function chosen(
  which: string,
  operators: DirectoryStatusView['operators'],
  network: string,
): DirectoryStatusView['operators'][number] {
  const found = operators.filter(({ name, key }) => name === which || key.startsWith(which))
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    throw new SetupError('unknown-operator', `${network} has no operator ${which}: ${namesOf(operators)}.`)
  throw new SetupError(
    'unknown-operator',
    `${network} has ${found.length} operators ${which}: name one by its key, as freehold network status --json has it.`,
  )
}

export function namesOf(operators: DirectoryStatusView['operators']): string {
  const names = operators.map(({ name }) => name).join(', ')
  return operators.length === 1 ? `the only one is ${names}` : `they are ${names}`
}

export function recoveryCommand(
  cards: readonly FoundingOperator[],
  threshold: number = quorumOf(cards.length),
): OperatorsCommand {
  const keys = cards.map(({ recoveryKey }) => recoveryKey).sort(compareBytes)
  if (new Set(keys.map(base64)).size < keys.length)
    throw badUsage('usage', 'Two of these cards have one recovery key.')
  if (threshold < quorumOf(keys.length) || threshold > keys.length)
    throw badUsage(
      'usage',
      `--threshold is ${threshold}: of ${keys.length} it must be from ${quorumOf(keys.length)} to ${keys.length}.`,
    )
  return { kind: 'set-recovery', recovery: { keys, threshold } }
}

export function policyCommand(changes: Partial<Policy>, { policy }: DirectoryStatusView): OperatorsCommand {
  const names = Object.keys(changes) as (keyof Policy)[]
  if (names.length === 0) throw badUsage('usage', 'Say what of the policy shall change.')
  if (names.every(name => changes[name] === policy[name]))
    throw new SetupError('no-effect', 'That would change nothing: the policy is so already.')
  return { kind: 'set-policy', policy: { ...policy, ...changes } }
}
