import {
  EMPTY_CONF_STATE,
  NO_LIMIT,
  type RaftConfig,
  type Snapshot,
} from '../../../../consensus/raft/index.ts'
import { type Case, isTrue } from '../datadriven.ts'
import type { Environment } from './environment.ts'
import { ScriptedNode } from './node.ts'

const MAX_INFLIGHT_MESSAGES = 2 ** 31 - 1

/** `add-nodes 3 voters=(1,2,3) learners=(4) index=2 content=foo …`: new nodes that start from one snapshot. */
export function addNodes(env: Environment, test: Case): string | undefined {
  const args = new Map(test.args.slice(1).map(arg => [arg.key, arg.values]))
  const flag = (key: string): boolean => isTrue(args.get(key)?.[0])
  const number = (key: string): number => Number(args.get(key)?.[0] ?? 0)
  const ids = (key: string): number[] => (args.get(key) ?? []).map(Number)

  const index = number('index')
  const data = new TextEncoder().encode(args.get('content')?.[0] ?? '')
  const isBootstrap = index > 0 || data.length > 0 || args.has('voters') || args.has('learners')
  if (isBootstrap && index <= 1) return 'index must be specified as > 1 due to bootstrap'
  const confState = { ...EMPTY_CONF_STATE, voters: ids('voters'), learners: ids('learners') }
  const snapshot: Snapshot = { index, term: isBootstrap ? 1 : 0, confState, data }

  const readOnly = args.get('read-only')?.[0] === 'lease-based' ? 'lease' : 'safe'
  const config: Omit<RaftConfig, 'id'> = {
    electionTicks: 3,
    heartbeatTicks: 1,
    random: () => 0,
    applied: index,
    maxSizePerMessage: NO_LIMIT,
    maxInflightMessages: args.has('inflight') ? number('inflight') : MAX_INFLIGHT_MESSAGES,
    asyncStorageWrites: flag('async-storage-writes'),
    preVote: flag('prevote'),
    checkQuorum: flag('checkquorum'),
    maxCommittedSizePerReady: number('max-committed-size-per-ready'),
    disableConfChangeValidation: flag('disable-conf-change-validation'),
    readOnly,
    stepDownOnRemoval: flag('step-down-on-removal'),
  }
  const count = Number(test.args[0]!.key)
  for (let i = 0; i < count; i++) {
    env.nodes.push(new ScriptedNode({ ...config, id: env.nodes.length + 1 }, snapshot))
  }
  return undefined
}
