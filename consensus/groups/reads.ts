import { names } from '../raft/tracker/config.ts'
import { EntryType, type Message, MessageType, NONE, newMessage, type ReadState } from '../raft/types.ts'
import { holdsLease } from './cover.ts'
import type { HostedGroup } from './hosted-group.ts'
import { count, type HostParts } from './parts.ts'
import type { ReadAsked, ReadDone, ReadSupport } from './types.ts'

/** Batches of one group that wait for a quorum, or for the leader; while so many do, the next one fills. */
const MAX_BATCHES_UNDER_WAY = 4
/** Requests of one follower that may wait at the leader: each stands for all its reads of one cycle. */
const MAX_REQUESTS_OF_PEER = 16
/** An answer that takes longer than this makes the group's timers run, so that a leader that ignores it is found out. */
const WAITS_TICKS = 10
/** A read has failed after so many election timeouts of its group. */
const ELECTIONS_TO_TIMEOUT = 4

/** life u32 ‖ number u48; the answer to a follower has one byte more, which says what it rests on. */
const REQUEST_BYTES = 10
const SUPPORT_AT = REQUEST_BYTES
const SUPPORTS: readonly ReadSupport[] = ['quorum', 'lease']

/** A read of this node (`request` undefined), or all those of a follower that came in one message. */
interface Asked {
  readonly context: number
  readonly peer: number
  readonly request: Uint8Array | undefined
  readonly askedTick: number
  /** As this node knew them when it was asked. */
  readonly term: number
  readonly leader: number
}

interface GroupReads {
  waiting: Asked[]
  /** By the number that their request carries. */
  readonly underWay: Map<number, readonly Asked[]>
  /** The leader is looked after already, because of those that wait now. */
  hurried: boolean
}

/** The reads of all groups of one node. */
export interface ReadBook {
  /** Answers to an earlier life of this node, which still may come, are not taken for answers to this one. */
  readonly life: number
  lastNumber: number
  /** Reads of this node that are not answered. */
  pending: number
  ticks: number
  readonly groups: Map<HostedGroup, GroupReads>
}

export function newReadBook(random: (below: number) => number): ReadBook {
  return { life: random(2 ** 32), lastNumber: 0, pending: 0, ticks: 0, groups: new Map() }
}

/** Takes a read; what comes of it is an effect with the same context. */
export function askRead(parts: HostParts, hosted: HostedGroup, context: number): ReadAsked {
  const { reads, settings, dirty } = parts
  const { node } = hosted
  if (!names(node.raft.tracker.config, settings.self)) return { ok: false, code: 'not-member' }
  if (node.lead === NONE) return { ok: false, code: 'no-leader' }
  if (reads.pending >= settings.limits.maxReads) return { ok: false, code: 'busy' }
  reads.pending++
  readsOf(reads, hosted).waiting.push(asked(parts, hosted, { context, peer: NONE, request: undefined }))
  dirty.add(hosted)
  return { ok: true }
}

/** A follower asks for an index. What can't be served is dropped: it asks again, or another node. */
export function askedByPeer(parts: HostParts, peer: number, hosted: HostedGroup, message: Message): void {
  const [entry] = message.entries
  if (entry?.data.length !== REQUEST_BYTES || message.entries.length > 1)
    return count(parts, 'read-malformed')
  if (hosted.node.role !== 'leader') return count(parts, 'read-not-leader')
  const { waiting } = readsOf(parts.reads, hosted)
  if (waiting.filter(read => read.peer === peer).length >= MAX_REQUESTS_OF_PEER)
    return count(parts, 'read-busy')
  waiting.push(asked(parts, hosted, { context: 0, peer, request: entry.data }))
}

function asked(
  { reads }: HostParts,
  { node }: HostedGroup,
  read: Pick<Asked, 'context' | 'peer' | 'request'>,
): Asked {
  return { ...read, askedTick: reads.ticks, term: node.term, leader: node.lead }
}

/**
 * What waits goes on: by lease at once, else as one batch under one round of heartbeats, or, on a follower, as one request
 * to the leader. A leader that has committed nothing in its term does not know yet what is committed: its reads wait.
 */
export function submitReads(parts: HostParts, hosted: HostedGroup): void {
  const group = parts.reads.groups.get(hosted)
  if (group === undefined || group.waiting.length === 0) return
  const { node } = hosted
  if (node.role === 'leader') submitAsLeader(parts, hosted, group)
  else if (node.lead !== NONE) submitBatch(parts, hosted, group)
}

function submitAsLeader(parts: HostParts, hosted: HostedGroup, group: GroupReads): void {
  const { settings, clocks, nowMs } = parts
  const { raft } = hosted.node
  if (!raft.committedInTerm) return
  if (settings.leaseReads && holdsLease(hosted, clocks.liveness, settings.self, nowMs())) {
    answer(parts, hosted, group.waiting.splice(0), raft.log.committed, 'lease')
    return
  }
  // Its heartbeats go on until a quorum has answered.
  clocks.wake(hosted)
  submitBatch(parts, hosted, group)
}

function submitBatch(parts: HostParts, hosted: HostedGroup, group: GroupReads): void {
  if (group.underWay.size >= MAX_BATCHES_UNDER_WAY) return
  const { reads } = parts
  const number = ++reads.lastNumber
  group.underWay.set(number, group.waiting.splice(0))
  if (hosted.node.readIndex(requestBytes(reads.life, number)).ok) return
  const refused = group.underWay.get(number)!
  group.underWay.delete(number)
  fail(parts, hosted, refused, 'lost')
}

/** The core says that a batch may be served. */
export function readConfirmed(parts: HostParts, hosted: HostedGroup, { context, index }: ReadState): void {
  const group = parts.reads.groups.get(hosted)
  const number = numberOf(parts.reads.life, context)
  const batch = group?.underWay.get(number)
  if (group === undefined || batch === undefined) return count(parts, 'read-unasked')
  group.underWay.delete(number)
  answer(parts, hosted, batch, index, SUPPORTS[context[SUPPORT_AT] ?? 0] ?? 'quorum')
  submitReads(parts, hosted)
}

/** Every TICK_MS: reads that wait too long make the group's timers run, then fail. */
export function tickReads(parts: HostParts): void {
  const { reads, groups } = parts
  reads.ticks++
  for (const [hosted, group] of reads.groups) {
    if (groups.get(hosted.instance.group) !== hosted) loseReads(parts, hosted)
    else if (group.waiting.length + group.underWay.size === 0) reads.groups.delete(hosted)
    else tickGroup(parts, hosted, group)
  }
}

function tickGroup(parts: HostParts, hosted: HostedGroup, group: GroupReads): void {
  const nowTick = parts.reads.ticks
  const timeoutTicks = ELECTIONS_TO_TIMEOUT * hosted.node.raft.electionTicks
  const [oldest] = [...group.underWay.values(), group.waiting].flatMap(batch => batch[0] ?? [])
  const waitedTicks = nowTick - (oldest?.askedTick ?? nowTick)
  if (waitedTicks >= timeoutTicks) {
    dropReads(parts, hosted, read => nowTick - read.askedTick >= timeoutTicks, 'timeout')
    // Those that waited for room have it now.
    parts.dirty.add(hosted)
    return
  }
  const waits = waitedTicks >= WAITS_TICKS
  if (waits && !group.hurried) parts.clocks.expectProgress(hosted)
  group.hurried = waits
}

/** What was asked under another leader or term may never be answered, and whoever asked is told. */
export function loseOldReads(parts: HostParts, hosted: HostedGroup): void {
  const { term, lead } = hosted.node
  dropReads(parts, hosted, read => read.term !== term || read.leader !== lead, 'lost')
}

function loseReads(parts: HostParts, hosted: HostedGroup): void {
  dropReads(parts, hosted, () => true, 'lost')
  parts.reads.groups.delete(hosted)
}

/** What it was asked for, or asked for, went with the channel. */
export function loseReadsOf(parts: HostParts, peer: number): void {
  for (const hosted of parts.reads.groups.keys()) {
    if (hosted.node.lead === peer) loseReads(parts, hosted)
    else dropReads(parts, hosted, read => read.peer === peer, 'lost')
  }
}

function dropReads(
  parts: HostParts,
  hosted: HostedGroup,
  which: (read: Asked) => boolean,
  code: 'lost' | 'timeout',
): void {
  const group = parts.reads.groups.get(hosted)
  if (group === undefined) return
  for (const [number, batch] of group.underWay) {
    const left = batch.filter(read => !which(read))
    if (left.length > 0) group.underWay.set(number, left)
    else group.underWay.delete(number)
    fail(parts, hosted, batch.filter(which), code)
  }
  const dropped = group.waiting.filter(which)
  group.waiting = group.waiting.filter(read => !which(read))
  fail(parts, hosted, dropped, code)
}

function fail(
  parts: HostParts,
  { instance }: HostedGroup,
  batch: readonly Asked[],
  code: 'lost' | 'timeout',
): void {
  for (const { context, request } of batch) {
    if (request === undefined) done(parts, { group: instance.group, context, ok: false, code })
  }
}

function answer(
  parts: HostParts,
  hosted: HostedGroup,
  batch: readonly Asked[],
  index: number,
  by: ReadSupport,
): void {
  const { group } = hosted.instance
  for (const { context, peer, request } of batch) {
    if (request === undefined) done(parts, { group, context, ok: true, index, by })
    else answerPeer(parts, hosted, { peer, request, index, by })
  }
}

function done(parts: HostParts, read: ReadDone): void {
  parts.reads.pending--
  count(parts, `read-${read.ok ? read.by : read.code}`)
  parts.effects.read(read)
}

function answerPeer(
  parts: HostParts,
  hosted: HostedGroup,
  { peer, request, index, by }: { peer: number; request: Uint8Array; index: number; by: ReadSupport },
): void {
  if (!parts.peersUp.has(peer)) return
  const data = new Uint8Array(REQUEST_BYTES + 1)
  data.set(request)
  data[SUPPORT_AT] = SUPPORTS.indexOf(by)
  const response = newMessage(MessageType.ReadIndexResp, peer)
  response.from = parts.settings.self
  response.term = hosted.node.term
  response.index = index
  response.entries = [{ term: 0, index: 0, type: EntryType.Normal, data }]
  parts.outbox.add(hosted.instance, response)
}

function readsOf(reads: ReadBook, hosted: HostedGroup): GroupReads {
  let group = reads.groups.get(hosted)
  if (group === undefined) {
    group = { waiting: [], underWay: new Map(), hurried: false }
    reads.groups.set(hosted, group)
  }
  return group
}

function requestBytes(life: number, number: number): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, life)
  view.setUint16(4, Math.floor(number / 2 ** 32))
  view.setUint32(6, number % 2 ** 32)
  return bytes
}

/** 0: of another life, or none of ours. */
function numberOf(life: number, bytes: Uint8Array): number {
  if (bytes.length < REQUEST_BYTES) return 0
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.getUint32(0) === life ? view.getUint16(4) * 2 ** 32 + view.getUint32(6) : 0
}
