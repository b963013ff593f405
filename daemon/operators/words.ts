import { MIN_VOTERS, REPLICA_TRUST } from '../../world/directory/placement/limits.ts'
import type { DirectoryStatusView, NodeStandingView } from '../http/directory-view.ts'
import { peerIdOfPublicKey } from '../network/peer-id.ts'
import type { OperatorsCommand } from './command-json.ts'
import { base64 } from './files.ts'
import { quorumOf } from './quorum.ts'

/** What the directory has now, where a node could be asked. */
export type Known = Pick<DirectoryStatusView, 'nodes' | 'operators' | 'recovery' | 'policy'>

/** What cannot be taken back by another command as if nothing had been, or can lock everybody out. */
export function isDangerous({ kind }: OperatorsCommand): boolean {
  return !['admit', 'unban', 'set-policy'].includes(kind)
}

/** In plain words, a sentence a line: what it will do. */
export function wordsFor(command: OperatorsCommand, known: Known | undefined): string[] {
  switch (command.kind) {
    case 'admit': {
      const { identity, operator, addresses } = command.node
      return [
        `Admits node ${peerIdOfPublicKey(identity)} of ${operator}, at ${addresses.join(' ')}.`,
        'It is vouched for by the operators: it can be trusted with everything from its first day.',
      ]
    }
    case 'retire':
      return [
        `Retires ${nodeName(command.number, known)}: it gets nothing new, what it holds goes to other nodes, and then it has left.`,
        ...lastOnes(command.number, known),
      ]
    case 'ban':
      return [
        `Bans ${nodeName(command.number, known)}: nothing that it says is taken any more, and other nodes drop it.`,
        'What it holds goes to others without its help. Where it goes for good in peace, retire it instead.',
      ]
    case 'unban':
      return [`Lifts the ban of ${nodeName(command.number, known)}: it may take part again.`]
    case 'set-operators':
      return wordsForOperators(command.operators, known)
    case 'set-recovery': {
      const { keys, threshold } = command.recovery
      const fresh = keys.filter(key => known?.recovery.keys.includes(base64(key)) === false).length
      return [
        `From then on ${threshold} of ${countOf(keys.length, 'recovery key')} can begin a lost directory anew${known ? ` (${fresh} of them new)` : ''}:`,
        ...keys.map(key => `  ${base64(key)}`),
      ]
    }
    case 'set-policy':
      return wordsForPolicy(command.policy, known)
  }
}

function nodeName(number: number, known: Known | undefined): string {
  const node = known?.nodes.find(node => node.number === number)
  if (known === undefined) return `node ${number}`
  if (node === undefined) return `node ${number}, which the directory does not know`
  return `node ${number} of ${node.operator} (${node.status}, ${node.peerId})`
}

/** Too few are there to take over. */
function lastOnes(number: number, known: Known | undefined): string[] {
  const canHold = ({ leaseMs, status, trust }: NodeStandingView): boolean =>
    leaseMs !== null && status === 'active' && trust >= REPLICA_TRUST
  const left = known?.nodes.filter(node => node.number !== number && canHold(node)).length ?? MIN_VOTERS
  if (left >= MIN_VOTERS) return []
  const who =
    left === 0 ? 'No other node is' : `Only ${countOf(left, 'other node')} ${left === 1 ? 'is' : 'are'}`
  return [`${who} there that can hold anything: it may have to stay until there are more.`]
}

type OperatorKey = Extract<OperatorsCommand, { kind: 'set-operators' }>['operators'][number]

function wordsForOperators(operators: readonly OperatorKey[], known: Known | undefined): string[] {
  const quorum = quorumOf(operators.length)
  const now = new Set(known?.operators.map(({ key }) => key))
  const keys = new Set(operators.map(({ key }) => base64(key)))
  const gone = known?.operators.filter(({ key }) => !keys.has(key)) ?? []
  return [
    `From then on ${countOf(operators.length, 'operator')} command, ${quorum} of them together:`,
    ...operators.map(({ name, key }) => {
      const isNew = known !== undefined && !now.has(base64(key))
      return `  ${base64(key)} ${name}${isNew ? ' (new)' : ''}`
    }),
    ...gone.map(({ name, key }) => `  ${key} ${name} is one no longer`),
  ]
}

function wordsForPolicy(
  policy: Extract<OperatorsCommand, { kind: 'set-policy' }>['policy'],
  known: Known | undefined,
): string[] {
  const names = Object.keys(policy) as (keyof typeof policy)[]
  if (known === undefined) return ['Sets the policy:', ...names.map(name => `  ${name} ${policy[name]}`)]
  const changed = names.filter(name => policy[name] !== known.policy[name])
  if (changed.length === 0) return ['Sets the policy to what it is.']
  return [
    'Changes the policy:',
    ...changed.map(name => `  ${name} from ${known.policy[name]} to ${policy[name]}`),
  ]
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
