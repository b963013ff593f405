import assert from 'node:assert/strict'
import fc from 'fast-check'
import { PbfReader } from 'pbf'
import { readFrame } from '../../../consensus/groups/frame.pb.js'
import { decodeFrame, encodeFrames, encodeLiveness, type Outgoing } from '../../../consensus/groups/frame.ts'
import { type Message, MessageType, newMessage } from '../../../consensus/raft/types.ts'
import { decodeMessage } from '../../../consensus/raft/wire.ts'

const MAX = 4 << 20
const instances = [1, 2, 70_000].map(group => ({ group, epoch: group % 3, view: group % 2 }))
const bigInt = fc.maxSafeNat()

const message: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom(MessageType.App, MessageType.AppResp, MessageType.Heartbeat, MessageType.Vote),
    term: bigInt,
    logTerm: bigInt,
    index: fc.nat(2 ** 40),
    commit: bigInt,
    reject: fc.boolean(),
    rejectHint: bigInt,
    payloads: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
    context: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
  })
  .map(({ payloads, ...fields }) => {
    const entries = payloads.map((data, i) => ({
      term: fields.term,
      index: fields.index + 1 + i,
      type: 0 as const,
      data,
    }))
    return { ...newMessage(fields.type, 2), from: 1, ...fields, entries }
  })

const outgoing: fc.Arbitrary<Outgoing> = fc.record({
  instance: fc.constantFrom(...instances),
  message,
  snapshotFailed: fc.constant(0),
})

function decodeAll(frames: readonly Uint8Array[], max = MAX): { group: number; message: Message }[] {
  return frames.flatMap(frame => {
    const decoded = decodeFrame(frame, max)
    assert.ok(typeof decoded !== 'string', `refused: ${String(decoded)}`)
    return decoded.groups.flatMap(({ group, messages }) => messages.map(each => ({ group, message: each })))
  })
}

function plain(item: { group: number; message: Message }): unknown {
  const { message: each, group } = item
  const entries = each.entries.map(entry => ({ ...entry, data: Buffer.from(entry.data).toString('hex') }))
  const context = each.context === undefined ? undefined : Buffer.from(each.context).toString('hex')
  return { group, ...each, entries, context }
}

describe('frames of many groups', () => {
  it('carry messages unchanged and in order, in frames that keep the limit', () => {
    fc.assert(
      fc.property(
        fc.array(outgoing, { maxLength: 30 }),
        fc.integer({ min: 2500, max: 20_000 }),
        (all, max) => {
          const frames = encodeFrames(all, max)
          for (const frame of frames) assert.ok(frame.length <= max)
          const expected = all.map(each => plain({ group: each.instance.group, message: each.message! }))
          assert.deepEqual(decodeAll(frames, max).map(plain), expected)
        },
      ),
    )
  })

  it('are what frame.proto says, as its generated reader shows', () => {
    fc.assert(
      fc.property(fc.array(outgoing, { minLength: 1, maxLength: 20 }), all => {
        const [frame] = encodeFrames(all, MAX)
        const read = readFrame(new PbfReader(frame!)).groups.flatMap(group =>
          group.messages.map(bytes => ({ group: group.group, message: decodeMessage(bytes) as Message })),
        )
        assert.deepEqual(read.map(plain), decodeAll([frame!]).map(plain))
      }),
    )
  })

  it('share one header for all messages of an instance that follow each other', () => {
    const beat = (): Outgoing => ({
      instance: instances[0]!,
      message: newMessage(MessageType.Heartbeat, 2),
      snapshotFailed: 0,
    })
    const [frame] = encodeFrames([beat(), beat(), beat()], MAX)
    assert.equal(readFrame(new PbfReader(frame!)).groups.length, 1)
  })

  it('carry notes beside messages: of a snapshot that failed, of sleep, of waking, of support, of a removal, of a commit', () => {
    const sleep = { sleepTerm: 2 ** 50, sleepIndex: 9 }
    const committed = { committedIndex: 2 ** 52, committedTerm: 2 ** 51 }
    const notes = {
      snapshotFailed: 77,
      ...sleep,
      wake: true,
      support: 2 ** 31,
      removedAt: 2 ** 40,
      ...committed,
    }
    const [frame] = encodeFrames([{ instance: instances[1]!, message: undefined, ...notes }], MAX)
    const decoded = decodeFrame(frame!, MAX)
    const none = { rejoinAsk: 0, rejoinAnswer: undefined }
    assert.deepEqual(decoded, {
      groups: [{ ...instances[1]!, messages: [], ...notes, ...none }],
      liveness: undefined,
    })
  })

  it('carry the question of a replica whose disk was lost, and the answer', () => {
    const rejoinAnswer = {
      nonce: 2 ** 31,
      term: 2 ** 50,
      lastIndex: 2 ** 50,
      applied: 7,
      voters: [1, 2, 300],
      votersOutgoing: [4],
      wiped: true,
    }
    const sent = { instance: instances[1]!, message: undefined, rejoinAsk: 2 ** 31 + 1, rejoinAnswer }
    const decoded = decodeFrame(encodeFrames([sent], MAX)[0]!, MAX)
    assert.ok(typeof decoded !== 'string')
    const [{ rejoinAsk, rejoinAnswer: read }] = decoded.groups as [(typeof decoded.groups)[0]]
    assert.deepEqual({ rejoinAsk, rejoinAnswer: read }, { rejoinAsk: 2 ** 31 + 1, rejoinAnswer })
    const endless = { ...sent, rejoinAnswer: { ...rejoinAnswer, voters: Array(2000).fill(1) } }
    assert.equal(decodeFrame(encodeFrames([endless], MAX)[0]!, MAX), 'too-large')
  })

  it('carry what a node says of itself, in a frame of its own', () => {
    const liveness = {
      incarnation: 7,
      sentUs: 2 ** 45,
      supportMs: 160,
      forIncarnation: 2 ** 31,
      echoUs: 5,
      heldUs: 40_000,
      grantedMs: 155,
      epoch: 2 ** 31 + 3,
      supports: [1, 300],
    }
    assert.deepEqual(decodeFrame(encodeLiveness(liveness), MAX), { groups: [], liveness })
    assert.equal(
      decodeFrame(encodeLiveness({ ...liveness, supports: Array(5000).fill(1) }), MAX),
      'too-large',
    )
  })

  it('are refused, never thrown on, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const result = decodeFrame(bytes, MAX)
        assert.ok(typeof result === 'string' || Array.isArray(result.groups))
      }),
      { numRuns: 2000 },
    )
  })

  it('are refused or read as messages, never thrown on, when bytes of a good one change or are missing', () => {
    fc.assert(
      fc.property(
        fc.array(outgoing, { minLength: 1, maxLength: 5 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        fc.nat(),
        (all, changes, cut) => {
          const frame = encodeFrames(all, MAX)[0]!.slice()
          for (const [at, value] of changes) frame[at % frame.length] = value
          const result = decodeFrame(frame.subarray(0, frame.length - (cut % 3)), MAX)
          assert.ok(typeof result === 'string' || Array.isArray(result.groups))
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('are refused when they are too long, or hold more than a frame may', () => {
    assert.equal(decodeFrame(new Uint8Array(101), 100), 'too-large')
    // 200,000 groups with nothing in them.
    const frame = new Uint8Array(Buffer.alloc(800_000, Uint8Array.of(0x0a, 2, 0x08, 1)))
    assert.equal(decodeFrame(frame, MAX), 'too-many-messages')
  })
})
