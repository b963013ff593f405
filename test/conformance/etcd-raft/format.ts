import { decodeConfChange } from '../../../consensus/raft/confchange/codec.ts'
import type { SingleChange } from '../../../consensus/raft/confchange/conf-change.ts'
import type { Progress } from '../../../consensus/raft/tracker/progress.ts'
import {
  type ConfState,
  type Entry,
  EntryType,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  type Ready,
  type Role,
  type Snapshot,
} from '../../../consensus/raft/types.ts'

/** Our core's data as etcd's library prints its own. */

const ENTRY_TYPES = ['EntryNormal', 'EntryConfChange', 'EntryConfChangeV2']
const CHANGE_LETTERS = { 'add-voter': 'v', 'add-learner': 'l', remove: 'r', update: 'u' }
const ROLES: Record<Role, string> = {
  follower: 'StateFollower',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
  'pre-candidate': 'StatePreCandidate',
}
const PROGRESS_STATES = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' }
const TYPE_NAMES = Object.fromEntries(
  Object.entries(MessageType).map(([name, type]) => [type, `Msg${name}`]),
) as Record<number, string>

export function messageTypeName(type: MessageType): string {
  return TYPE_NAMES[type]!
}

export function roleName(role: Role): string {
  return ROLES[role]
}

export function formatReady(ready: Ready): string {
  let text = ''
  if (ready.softState !== undefined)
    text += `Lead:${ready.softState.lead} State:${roleName(ready.softState.role)}\n`
  if (ready.hardState !== undefined) {
    const { term, vote, commit } = ready.hardState
    text += `HardState Term:${term}${vote === 0 ? '' : ` Vote:${vote}`} Commit:${commit}\n`
  }
  if (ready.readStates.length > 0) {
    const states = ready.readStates.map(state => `{${state.index} [${[...state.context].join(' ')}]}`)
    text += `ReadStates [${states.join(' ')}]\n`
  }
  if (ready.entries.length > 0) text += `Entries:\n${formatEntries(ready.entries)}`
  if (ready.snapshot !== undefined) text += `Snapshot ${formatSnapshot(ready.snapshot)}\n`
  if (ready.committedEntries.length > 0) text += `CommittedEntries:\n${formatEntries(ready.committedEntries)}`
  if (ready.messages.length > 0)
    text += `Messages:\n${ready.messages.map(message => `${formatMessage(message)}\n`).join('')}`
  return text === '' ? '<empty Ready>' : `Ready MustSync=${ready.mustSync}:\n${text}`
}

export function formatMessage(message: Message, indent = ''): string {
  const { from, to, type, term, logTerm, index, commit, vote, entries, snapshot, responses } = message
  let text = `${indent}${formatTarget(from)}->${formatTarget(to)} ${messageTypeName(type)} Term:${term} Log:${logTerm}/${index}`
  if (message.reject) text += ` Rejected (Hint: ${message.rejectHint})`
  if (commit !== 0) text += ` Commit:${commit}`
  if (vote !== 0) text += ` Vote:${vote}`
  if (entries.length === 1) text += ` Entries:[${formatEntry(entries[0]!)}]`
  else if (entries.length > 1)
    text += ` Entries:[${entries.map(entry => `\n${indent}  ${formatEntry(entry)}`).join('')}\n${indent}]`
  if (snapshot !== undefined && snapshot.index > 0)
    text += `\n${indent}  Snapshot: ${formatSnapshot(snapshot)}`
  if (responses.length > 0) {
    const lines = responses.map(response => `\n${formatMessage(response, `${indent}  `)}`)
    text += ` Responses:[${lines.join('')}\n${indent}]`
  }
  return text
}

export function formatEntries(entries: readonly Entry[]): string {
  return entries.map(entry => `${formatEntry(entry)}\n`).join('')
}

export function formatConfig(config: ConfState): string {
  let text = `voters=${formatIds(config.voters)}`
  if (config.votersOutgoing.length > 0) text += `&&${formatIds(config.votersOutgoing)}`
  if (config.learners.length > 0) text += ` learners=${formatIds(config.learners)}`
  if (config.learnersNext.length > 0) text += ` learners_next=${formatIds(config.learnersNext)}`
  return config.autoLeave ? `${text} autoleave` : text
}

export function formatMembers(members: readonly Progress[]): string {
  return members.map(member => `${member.id}: ${formatProgress(member)}\n`).join('')
}

function formatProgress(member: Progress): string {
  let text = `${PROGRESS_STATES[member.state]} match=${member.match} next=${member.next}`
  if (member.isLearner) text += ' learner'
  if (member.paused) text += ' paused'
  if (member.pendingSnapshot > 0) text += ` pendingSnap=${member.pendingSnapshot}`
  if (!member.recentActive) text += ' inactive'
  if (member.inflights.count > 0) {
    text += ` inflight=${member.inflights.count}`
    if (member.inflights.full) text += '[full]'
  }
  return text
}

function formatEntry(entry: Entry): string {
  const content =
    entry.type === EntryType.Normal
      ? quote(entry.data)
      : formatChanges(decodeConfChange(entry)?.changes ?? [])
  return `${entry.term}/${entry.index} ${ENTRY_TYPES[entry.type]}${content === '' ? '' : ` ${content}`}`
}

function formatChanges(changes: readonly SingleChange[]): string {
  return changes.map(({ type, nodeId }) => `${CHANGE_LETTERS[type]}${nodeId}`).join(' ')
}

function formatSnapshot({ index, term, confState }: Snapshot): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState
  const list = (ids: readonly number[]): string => `[${ids.join(' ')}]`
  return (
    `Index:${index} Term:${term} ConfState:Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)}` +
    ` Learners:${list(learners)} LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`
  )
}

function formatTarget(id: number): string {
  if (id === 0) return 'None'
  if (id === LOCAL_APPEND_THREAD) return 'AppendThread'
  return id === LOCAL_APPLY_THREAD ? 'ApplyThread' : id.toString(16)
}

function formatIds(ids: readonly number[]): string {
  return `(${ids.map(id => id.toString(16)).join(' ')})`
}

/** Go's %q, as far as the scripts' data needs it. */
function quote(data: Uint8Array): string {
  let text = ''
  for (const byte of data) {
    const char = String.fromCharCode(byte)
    if (char === '"' || char === '\\') text += `\\${char}`
    else if (byte >= 0x20 && byte < 0x7f) text += char
    else text += `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return `"${text}"`
}
