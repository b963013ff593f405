import { PbfReader, PbfWriter } from 'pbf'
import { readConfChange, writeConfChange } from '../raft.pb.js'
import { EMPTY_BYTES, type Entry, EntryType, MAX_NODE_ID } from '../types.ts'
import type { ChangeType, ConfChange, SingleChange, Transition } from './conf-change.ts'

const TYPES: readonly ChangeType[] = ['add-voter', 'remove', 'update', 'add-learner']
const TRANSITIONS: readonly Transition[] = ['auto', 'implicit', 'explicit']
const MAX_CHANGES = 64
const MAX_CONF_CHANGE_BYTES = 16 * 1024

/** The entry to propose; term and index are given by the leader. */
export function encodeConfChange(change: ConfChange): Entry {
  const pbf = new PbfWriter()
  const { transition, changes, context } = change
  writeConfChange(
    {
      transition: TRANSITIONS.indexOf(transition),
      changes: changes.map(({ type, nodeId }) => ({ type: TYPES.indexOf(type), nodeId })),
      context: context.length === 0 ? undefined : context,
    },
    pbf,
  )
  const type = change.version === 1 ? EntryType.ConfChange : EntryType.ConfChangeV2
  return { term: 0, index: 0, type, data: pbf.finish() }
}

/** The change in an entry, undefined when it holds none, nonsense, or one that is not in its one form. */
export function decodeConfChange(entry: Entry): ConfChange | undefined {
  if (entry.type === EntryType.Normal || entry.data.length > MAX_CONF_CHANGE_BYTES) return undefined
  const version = entry.type === EntryType.ConfChange ? 1 : 2
  try {
    const pbf = new PbfReader(entry.data)
    const wire = readConfChange(pbf)
    const transition = TRANSITIONS[wire.transition]
    if (pbf.pos !== entry.data.length || transition === undefined) return undefined
    const changes = wire.changes.map(({ type, nodeId }) => ({ type: TYPES[type], nodeId }))
    if (changes.length > MAX_CHANGES || !changes.every(isChange)) return undefined
    if (version === 1 && (changes.length !== 1 || transition !== 'auto')) return undefined
    const change: ConfChange = { version, transition, changes, context: wire.context ?? EMPTY_BYTES }
    return Buffer.compare(encodeConfChange(change).data, entry.data) === 0 ? change : undefined
  } catch {
    return undefined
  }
}

function isChange(change: { type: ChangeType | undefined; nodeId: number }): change is SingleChange {
  return change.type !== undefined && Number.isSafeInteger(change.nodeId) && change.nodeId <= MAX_NODE_ID
}
