import {
  type ConfChange,
  EMPTY_BYTES,
  MessageType,
  newMessage,
  type ProposeResult,
  type Transition,
} from '../../../../consensus/raft/index.ts'
import { parseChanges } from '../confchange.ts'
import { type Case, isTrue } from '../datadriven.ts'
import { formatMembers, formatMessage, messageTypeName, roleName } from '../format.ts'
import { addNodes } from './add-nodes.ts'
import type { Environment, Recipient } from './environment.ts'
import type { ScriptedNode } from './node.ts'
import { setLogLevel, stabilize } from './stabilize.ts'

/** A command prints into the environment's output and may return a complaint, which is printed after it. */
export type Command = (env: Environment, test: Case) => string | undefined

export const COMMANDS: Readonly<Record<string, Command>> = {
  'add-nodes': addNodes,
  stabilize: (env, test) => {
    const level = optionOf(test, 'log-level')
    return stabilize(env, positions(test), level)
  },
  'log-level': (env, test) => setLogLevel(env, test.args[0]!.key),
  campaign: (env, test) => done(() => first(env, test).raw.campaign()),
  'process-ready': (env, test) => eachNode(env, test, 'handling Ready', node => env.processReady(node)),
  'process-append-thread': (env, test) =>
    eachNode(env, test, 'processing append thread', node => env.processAppendThread(node)),
  'process-apply-thread': (env, test) =>
    eachNode(env, test, 'processing apply thread', node => env.processApplyThread(node)),
  'deliver-msgs': deliver,
  compact: (env, test) => {
    const node = first(env, test)
    if (!node.log.compact(Number(test.args[1]!.key)))
      return 'requested index is unavailable due to compaction'
    env.printLog(node)
    return undefined
  },
  'raft-log': (env, test) => done(() => env.printLog(first(env, test))),
  'raft-state': printStates,
  status: (env, test) => done(() => env.output.write(formatMembers(first(env, test).raw.status().members))),
  'set-randomized-election-timeout': (env, test) =>
    done(() => {
      first(env, test).raw.raft.randomizedElectionTimeout = Number(optionOf(test, 'timeout'))
    }),
  'tick-election': (env, test) => tickTimes(first(env, test), 'electionTicks'),
  'tick-heartbeat': (env, test) => tickTimes(first(env, test), 'heartbeatTicks'),
  'transfer-leadership': (env, test) =>
    done(() => env.node(Number(optionOf(test, 'from'))).raw.transferLeader(Number(optionOf(test, 'to')))),
  'forget-leader': (env, test) => done(() => first(env, test).raw.forgetLeader()),
  'send-snapshot': sendSnapshot,
  propose: (env, test) => dropped(first(env, test).raw.propose(new TextEncoder().encode(test.args[1]!.key))),
  'propose-conf-change': proposeConfChange,
  'report-unreachable': (env, test) => {
    const [on, reported] = positions(test)
    return done(() => env.node(on!).raw.reportUnreachable(reported!))
  },
}

function deliver(env: Environment, test: Case): undefined {
  const recipients: Recipient[] = positions(test).map(id => ({ id, drop: false }))
  for (const value of valuesOf(test, 'drop')) recipients.push({ id: Number(value), drop: true })
  const wanted = optionOf(test, 'type')
  const type =
    wanted === undefined
      ? undefined
      : Object.values(MessageType).find(candidate => messageTypeName(candidate) === wanted)
  if (wanted !== undefined && type === undefined) throw new Error(`unknown message type ${wanted}`)
  if (env.deliver(type, recipients) === 0) env.output.write('no messages\n')
  return undefined
}

function printStates(env: Environment): undefined {
  for (const node of env.nodes) {
    const { id, role, term, lead, config } = node.raw.status()
    const isVoter = config.voters.includes(id) || config.votersOutgoing.includes(id)
    const voter = isVoter ? '(Voter)' : '(Non-Voter)'
    env.output.write(`${id}: ${roleName(role)} ${voter} Term:${term} Lead:${lead}\n`)
  }
  return undefined
}

function sendSnapshot(env: Environment, test: Case): undefined {
  const [from, to] = positions(test)
  const sender = env.node(from!)
  const message = newMessage(MessageType.Snap, to!)
  message.from = from!
  message.term = sender.raw.term
  message.snapshot = sender.log.snapshot()
  env.messages.push(message)
  env.output.write(formatMessage(message))
  return undefined
}

function proposeConfChange(env: Environment, test: Case): string | undefined {
  const version = isTrue(optionOf(test, 'v1')) ? 1 : 2
  const transition = (optionOf(test, 'transition') ?? 'auto') as Transition
  const changes = parseChanges(test.input)
  if (version === 1 && (changes.length > 1 || transition !== 'auto'))
    return 'v1 conf change can only have one operation and no transition'
  const change: ConfChange = { version, transition, changes, context: EMPTY_BYTES }
  return dropped(first(env, test).raw.proposeConfChange(change))
}

function tickTimes(node: ScriptedNode, ticks: 'electionTicks' | 'heartbeatTicks'): undefined {
  for (let i = 0; i < node.config[ticks]; i++) node.raw.tick()
  return undefined
}

function eachNode(
  env: Environment,
  test: Case,
  doing: string,
  work: (node: ScriptedNode) => string | undefined,
): string | undefined {
  const ids = positions(test)
  for (const id of ids) {
    const node = env.node(id)
    if (ids.length > 1) env.output.write(`> ${id} ${doing}\n`)
    const complaint = ids.length > 1 ? env.output.indent(() => work(node)) : work(node)
    if (complaint !== undefined) return complaint
  }
  return undefined
}

function done(action: () => unknown): undefined {
  action()
  return undefined
}

function dropped(result: ProposeResult): string | undefined {
  return result.ok ? undefined : 'raft proposal dropped'
}

function first(env: Environment, test: Case): ScriptedNode {
  return env.node(Number(test.args[0]!.key))
}

/** Arguments without a value are node ids. */
function positions(test: Case): number[] {
  return test.args.filter(arg => arg.values.length === 0).map(arg => Number(arg.key))
}

function valuesOf(test: Case, key: string): readonly string[] {
  return test.args.find(arg => arg.key === key)?.values ?? []
}

function optionOf(test: Case, key: string): string | undefined {
  return valuesOf(test, key)[0]
}
