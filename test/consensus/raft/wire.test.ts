import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type ConfChange,
  decodeConfChange,
  decodeMessage,
  encodeConfChange,
  encodeMessage,
  type Message,
  MessageType,
  messageSize,
  newMessage,
} from '../../../consensus/raft/index.ts'

const numberArbitrary = fc.oneof(fc.nat(300), fc.maxSafeNat())
const idArbitrary = fc.integer({ min: 1, max: 2 ** 32 - 1 })
const idsArbitrary = fc.uniqueArray(idArbitrary, { maxLength: 5 })
const bytesArbitrary = fc.uint8Array({ maxLength: 200 })

const messageArbitrary: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom(
    MessageType.App,
    MessageType.AppResp,
    MessageType.Vote,
    MessageType.Snap,
    MessageType.Prop,
  ),
  to: idArbitrary,
  from: idArbitrary,
  term: numberArbitrary,
  logTerm: numberArbitrary,
  index: numberArbitrary,
  commit: numberArbitrary,
  vote: fc.constant(0),
  reject: fc.boolean(),
  rejectHint: numberArbitrary,
  entries: fc.array(
    fc.record({
      term: numberArbitrary,
      index: numberArbitrary,
      type: fc.constantFrom(0, 1, 2),
      data: bytesArbitrary,
    }),
    { maxLength: 5 },
  ),
  snapshot: fc.option(
    fc.record({
      index: numberArbitrary,
      term: numberArbitrary,
      confState: fc.record({
        voters: idsArbitrary,
        learners: idsArbitrary,
        votersOutgoing: idsArbitrary,
        learnersNext: idsArbitrary,
        autoLeave: fc.boolean(),
      }),
      data: bytesArbitrary,
    }),
    { nil: undefined },
  ),
  context: fc.option(bytesArbitrary, { nil: undefined }),
  responses: fc.constant([]),
  isLocal: fc.constant(false),
})

/** fast-check also makes objects without a prototype, which deepEqual tells apart. */
function plain(value: unknown): unknown {
  return structuredClone(value)
}

function isRefused(bytes: Uint8Array): boolean {
  return 'ok' in decodeMessage(bytes)
}

describe('raft: messages as bytes', () => {
  it('come back as they were, in as many bytes as announced', () => {
    fc.assert(
      fc.property(messageArbitrary, message => {
        const bytes = encodeMessage(message)
        assert.equal(bytes.length, messageSize(message))
        assert.deepEqual(plain(decodeMessage(bytes)), plain(message))
      }),
    )
  })

  it('payloads are views of the bytes', () => {
    const message = newMessage(MessageType.App, 1)
    message.entries = [{ term: 1, index: 1, type: 0, data: new Uint8Array(50).fill(7) }]
    const bytes = encodeMessage(message)
    const decoded = decodeMessage(bytes) as Message
    assert.equal(decoded.entries[0]!.data.buffer, bytes.buffer)
  })

  it('cut off, or with something behind them, they are refused', () => {
    fc.assert(
      fc.property(messageArbitrary, fc.nat(), (message, at) => {
        const bytes = encodeMessage(message)
        const cut = bytes.subarray(0, at % bytes.length)
        const decoded = decodeMessage(cut)
        // A prefix may be a shorter message, but never one that would be written otherwise.
        if (!('ok' in decoded)) assert.deepEqual(encodeMessage(decoded), Uint8Array.from(cut))
        assert.ok(isRefused(new Uint8Array([...bytes, 0])))
        assert.ok(isRefused(new Uint8Array([...bytes, 0x78, 1])), 'an unknown field')
      }),
    )
  })

  it('other bytes never throw, and what is taken is as long as it needs to be', () => {
    let taken = 0
    fc.assert(
      fc.property(
        messageArbitrary,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        (message, edits) => {
          const bytes = Uint8Array.from(encodeMessage(message))
          for (const [at, byte] of edits) bytes[at % bytes.length] = byte
          const decoded = decodeMessage(bytes)
          if ('ok' in decoded) return
          taken++
          const again = encodeMessage(decoded)
          assert.equal(again.length, bytes.length)
          assert.deepEqual(decodeMessage(again), decoded)
        },
      ),
      { numRuns: 2000 },
    )
    assert.ok(taken > 50)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => void decodeMessage(bytes)),
      { numRuns: 2000 },
    )
  })

  it('said in another order, or with a flag that is neither 0 nor 1, they are refused though they are as long', () => {
    const message = newMessage(MessageType.AppResp, 2)
    Object.assign(message, { from: 1, term: 5, reject: true })
    const bytes = encodeMessage(message)
    const flag = bytes.lastIndexOf(1)
    assert.ok(!isRefused(bytes))
    assert.ok(isRefused(Uint8Array.from(bytes, (byte, at) => (at === flag ? 2 : byte))))
    assert.ok(isRefused(Uint8Array.from([...bytes.subarray(2), ...bytes.subarray(0, 2)])))
  })

  it('local messages have no place on the wire', () => {
    const local = [
      MessageType.Hup,
      MessageType.StorageAppendResp,
      MessageType.StorageApplyResp,
      MessageType.ForgetLeader,
    ]
    for (const type of local) assert.ok(isRefused(encodeMessage(newMessage(type, 1))))
  })

  it('too many entries, and too many bytes, are refused before they are read', () => {
    const entries = new Uint8Array(2 * 20_000)
    for (let i = 0; i < entries.length; i += 2) entries[i] = (12 << 3) | 2
    assert.deepEqual(decodeMessage(entries), { ok: false, code: 'undecodable' })
    assert.deepEqual(decodeMessage(new Uint8Array(11), 10), { ok: false, code: 'too-large' })
  })

  it('configuration changes come back as they were, and nonsense is none', () => {
    const changeArbitrary: fc.Arbitrary<ConfChange> = fc.record({
      version: fc.constant(2 as const),
      transition: fc.constantFrom('auto', 'implicit', 'explicit'),
      changes: fc.array(
        fc.record({
          type: fc.constantFrom('add-voter', 'remove', 'update', 'add-learner'),
          nodeId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        }),
        { maxLength: 5 },
      ),
      context: bytesArbitrary,
    })
    fc.assert(
      fc.property(changeArbitrary, change => {
        assert.deepEqual(plain(decodeConfChange(encodeConfChange(change))), plain(change))
      }),
    )
    fc.assert(
      fc.property(fc.constantFrom(1, 2), bytesArbitrary, (type, data) => {
        void decodeConfChange({ term: 1, index: 1, type, data })
      }),
    )
    const two = encodeConfChange({ version: 2, transition: 'auto', changes: [], context: new Uint8Array(0) })
    assert.equal(decodeConfChange({ ...two, type: 1 }), undefined, 'version 1 has exactly one change')
  })
})
