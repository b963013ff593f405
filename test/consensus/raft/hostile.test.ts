import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type Entry,
  LOCAL_APPEND_THREAD,
  MAX_NODE_ID,
  MAX_TERM_JUMP,
  type Message,
  MessageType,
  newMessage,
  type RefusalCode,
} from '../../../consensus/raft/index.ts'
import { Cluster } from './cluster.ts'

/** Any number a peer could write, and often one that is nearly right. */
const numberArbitrary = fc.oneof(
  { weight: 12, arbitrary: fc.nat(12) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      -1,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 53,
      Number.MAX_SAFE_INTEGER,
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(undefined, null, '7', 7n) },
)

const bytesArbitrary = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(undefined, null, 'bytes', [1, 2]) },
)

const entryArbitrary = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      term: numberArbitrary,
      index: numberArbitrary,
      type: fc.constantFrom(0, 1, 2, 3),
      data: bytesArbitrary,
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(undefined, null, 5) },
)

const idsArbitrary = fc.oneof(
  { weight: 5, arbitrary: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(numberArbitrary, { maxLength: 4 }) },
)

const confStateArbitrary = fc.record({
  voters: idsArbitrary,
  learners: idsArbitrary,
  votersOutgoing: fc.oneof(fc.constant([]), idsArbitrary),
  learnersNext: fc.oneof(fc.constant([]), idsArbitrary),
  autoLeave: fc.constantFrom(true, false, undefined),
})

const snapshotArbitrary = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  {
    weight: 3,
    arbitrary: fc.record({
      index: numberArbitrary,
      term: numberArbitrary,
      confState: confStateArbitrary,
      data: bytesArbitrary,
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(null, 5, {}) },
)

const messageArbitrary = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      type: fc.oneof({ weight: 20, arbitrary: fc.nat(23) }, { weight: 1, arbitrary: numberArbitrary }),
      to: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: numberArbitrary }),
      from: fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom(2, 3, 4) },
        {
          weight: 1,
          arbitrary: fc.oneof(numberArbitrary, fc.constantFrom(1, MAX_NODE_ID + 1, LOCAL_APPEND_THREAD)),
        },
      ),
      term: numberArbitrary,
      logTerm: numberArbitrary,
      index: numberArbitrary,
      commit: numberArbitrary,
      vote: numberArbitrary,
      reject: fc.oneof(fc.boolean(), fc.constant(undefined)),
      rejectHint: numberArbitrary,
      entries: fc.oneof(fc.array(entryArbitrary, { maxLength: 3 }), fc.constant(undefined)),
      snapshot: snapshotArbitrary,
      context: fc.oneof(bytesArbitrary, fc.constant(undefined)),
      responses: fc.constant([]),
      isLocal: fc.constant(false),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(undefined, null, 1, 'message', {}) },
) as fc.Arbitrary<unknown> as fc.Arbitrary<Message>

type Act = { readonly message: Message } | { readonly act: 'ticks' | 'propose' | 'settle' | 'campaign' }

const actArbitrary: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ message: messageArbitrary }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom('ticks', 'propose', 'settle', 'campaign') }) },
)

function elected(): Cluster {
  const cluster = new Cluster([1, 2, 3], { checkQuorum: true })
  cluster.core(1).campaign()
  cluster.settle()
  return cluster
}

function codeOf(
  cluster: Cluster,
  id: number,
  fields: Partial<Message> & { type: MessageType },
): RefusalCode | 'ok' {
  const message = { ...newMessage(fields.type, id), from: 3, term: 1, ...fields }
  const result = cluster.core(id).step(message)
  return result.ok ? 'ok' : result.code
}

function entry(term: number, index: number): Entry {
  return { term, index, type: 0, data: new Uint8Array(1) }
}

describe('raft: what peers may send', () => {
  it('nothing makes it throw, and the log stays in order', () => {
    const codes = new Map<string, number>()
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.array(actArbitrary, { minLength: 5, maxLength: 60, size: 'max' }),
        (asyncStorageWrites, starts, acts) => {
          const cluster = new Cluster([1, 2, 3], { asyncStorageWrites, maxUncommittedSize: 100 })
          const member = cluster.member(1)
          cluster.core(1).campaign()
          if (starts) cluster.settle()
          for (const item of acts) {
            if ('message' in item) {
              const result = member.core!.step(item.message)
              const code = result.ok ? 'ok' : result.code
              codes.set(code, (codes.get(code) ?? 0) + 1)
            } else if (item.act === 'ticks') for (let i = 0; i < 15; i++) member.core!.tick()
            else if (item.act === 'propose') cluster.propose(member, 1)
            else if (item.act === 'campaign') member.core!.campaign()
            else drain(cluster)
            const { applied, commit, lastIndex } = member.core!.status()
            assert.ok(applied <= commit && commit <= lastIndex)
          }
          drain(cluster)
        },
      ),
      { numRuns: 1500 },
    )
    for (const code of ['ok', 'malformed', 'local-message', 'not-member', 'bad-entries', 'bad-snapshot'])
      assert.ok((codes.get(code) ?? 0) > 20, `${code}: ${codes.get(code)}`)
  })

  it('refuses what an honest member cannot have sent, and says why', () => {
    const cluster = elected()
    const { lastIndex } = cluster.core(1).status()
    const { Heartbeat, App, AppResp, Vote, VoteResp, Snap, HeartbeatResp, Hup, Prop, StorageApplyResp } =
      MessageType
    assert.equal(codeOf(cluster, 2, { type: Heartbeat, from: 1, commit: lastIndex + 1 }), 'commit-past-log')
    assert.equal(codeOf(cluster, 1, { type: AppResp, index: lastIndex + 1 }), 'ack-past-log')
    assert.equal(codeOf(cluster, 1, { type: Vote, term: MAX_TERM_JUMP + 2 }), 'term-jump')
    assert.equal(codeOf(cluster, 1, { type: VoteResp, from: 9 }), 'not-member')
    assert.equal(codeOf(cluster, 1, { type: AppResp, from: 9 }), 'not-member')
    assert.equal(codeOf(cluster, 1, { type: Hup }), 'local-message')
    assert.equal(codeOf(cluster, 1, { type: StorageApplyResp }), 'local-message')
    assert.equal(codeOf(cluster, 1, { type: Vote, from: LOCAL_APPEND_THREAD }), 'malformed')
    assert.equal(codeOf(cluster, 1, { type: StorageApplyResp, from: LOCAL_APPEND_THREAD }), 'local-message')
    assert.equal(codeOf(cluster, 1, { type: AppResp, from: 1, index: lastIndex }), 'local-message')
    assert.equal(codeOf(cluster, 1, { type: Prop, term: 0 }), 'empty-proposal')
    assert.equal(codeOf(cluster, 2, { type: Snap, from: 1 }), 'bad-snapshot')
    assert.equal(codeOf(cluster, 2, { type: App, from: 1, term: 0 }), 'malformed')
    assert.equal(codeOf(cluster, 1, { type: HeartbeatResp, context: new Uint8Array(3) }), 'bad-context')
    const gap = [entry(1, lastIndex + 1), entry(1, lastIndex + 3)]
    assert.equal(
      codeOf(cluster, 2, { type: App, from: 1, index: lastIndex, logTerm: 1, entries: gap }),
      'bad-entries',
    )
    const falling = [entry(3, lastIndex + 1), entry(2, lastIndex + 2)]
    const slice = { type: App, from: 1, term: 4, index: lastIndex, logTerm: 1 }
    assert.equal(codeOf(cluster, 2, { ...slice, entries: falling }), 'bad-entries')
    assert.equal(codeOf(cluster, 2, { ...slice, entries: [entry(5, lastIndex + 1)] }), 'bad-entries')
    const nonsense = [{ term: 0, index: 0, type: 2, data: new Uint8Array([255]) }] as const
    assert.equal(codeOf(cluster, 1, { type: Prop, term: 0, entries: nonsense }), 'bad-conf-change')
  })

  it('a refused message changes nothing', () => {
    const cluster = elected()
    const before = JSON.stringify(cluster.core(2).status())
    codeOf(cluster, 2, { type: MessageType.Heartbeat, from: 3, term: 9, commit: 99 })
    codeOf(cluster, 2, {
      type: MessageType.App,
      from: 3,
      term: 9,
      index: 3,
      logTerm: 1,
      entries: [entry(1, 9)],
    })
    codeOf(cluster, 2, { type: MessageType.Vote, term: 2 ** 50 })
    assert.equal(JSON.stringify(cluster.core(2).status()), before)
    assert.equal(cluster.core(2).hasReady(), false)
  })
})

/** Member 1 works; what it sends is lost. Messages to it are only those that the test made. */
function drain(cluster: Cluster): void {
  const member = cluster.member(1)
  while (member.core!.hasReady()) {
    const ready = member.core!.ready()
    if (!member.core!.raft.settings.asyncStorageWrites) {
      if (ready.hardState !== undefined) member.log.setHardState(ready.hardState)
      if (ready.snapshot !== undefined) member.log.applySnapshot(ready.snapshot)
      member.log.append(ready.entries)
      member.core!.advance(ready)
      continue
    }
    for (const message of ready.messages) {
      if (message.snapshot !== undefined && message.type === MessageType.StorageAppend)
        member.log.applySnapshot(message.snapshot)
      if (message.type === MessageType.StorageAppend) member.log.append(message.entries)
      for (const response of message.responses) if (response.to === 1) member.core!.step(response)
    }
  }
}
