import {
  type ChangeBase,
  type ChangeRefusal,
  enterJoint,
  leaveJoint,
  simpleChange,
} from '../../../consensus/raft/confchange/changer.ts'
import type { ChangeType, SingleChange } from '../../../consensus/raft/confchange/conf-change.ts'
import { EMPTY_CONF_STATE, NO_LIMIT } from '../../../consensus/raft/types.ts'
import type { Case } from './datadriven.ts'
import { formatConfig, formatMembers } from './format.ts'

const LETTERS: Record<string, ChangeType> = { v: 'add-voter', l: 'add-learner', r: 'remove', u: 'update' }

const SENTENCES: Record<ChangeRefusal, string> = {
  'already-joint': 'config is already joint',
  'not-joint': "can't leave a non-joint config",
  joint: "can't apply simple config change in joint config",
  'no-voters': "can't make a zero-voter config joint",
  'removed-all-voters': 'removed all voters',
  'more-than-one-voter': 'more than one voter changed without entering joint config',
}

/** A file's cases build on each other: each starts from the members that the one before left. */
export function newConfChangeRunner(): (test: Case) => string {
  let base: ChangeBase = {
    config: EMPTY_CONF_STATE,
    members: [],
    lastIndex: 0,
    maxInflightMessages: 10,
    maxInflightBytes: NO_LIMIT,
  }
  return test => {
    const before = base
    base = { ...before, lastIndex: before.lastIndex + 1 }
    const changes = parseChanges(test.input)
    if (test.command === 'leave-joint' && changes.length > 0) return 'this command takes no input'
    const autoLeave = test.args.find(arg => arg.key === 'autoleave')?.values[0] === 'true'
    const result =
      test.command === 'simple'
        ? simpleChange(before, changes)
        : test.command === 'enter-joint'
          ? enterJoint(before, autoLeave, changes)
          : leaveJoint(before)
    if (!result.ok) return `${SENTENCES[result.code]}\n`
    base = { ...base, config: result.config, members: result.members }
    return `${formatConfig(result.config)}\n${formatMembers(result.members)}`
  }
}

/** `v1 l2 r3 u4`: make 1 a voter, 2 a learner, remove 3, update 4. */
export function parseChanges(text: string): SingleChange[] {
  const tokens = text.split(/\s+/).filter(token => token !== '')
  return tokens.map(token => {
    const type = LETTERS[token[0]!]
    if (type === undefined) throw new Error(`unknown change ${token}`)
    return { type, nodeId: Number(token.slice(1)) }
  })
}
