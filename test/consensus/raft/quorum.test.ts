import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type ChangeBase,
  enterJoint,
  leaveJoint,
  simpleChange,
} from '../../../consensus/raft/confchange/changer.ts'
import { restoreConfig } from '../../../consensus/raft/confchange/restore.ts'
import { jointCommittedIndex, jointVoteResult } from '../../../consensus/raft/quorum/joint.ts'
import { majorityCommittedIndex, majorityVoteResult } from '../../../consensus/raft/quorum/majority.ts'
import { Inflights } from '../../../consensus/raft/tracker/inflights.ts'
import { EMPTY_CONF_STATE } from '../../../consensus/raft/types.ts'

const votersArbitrary = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 })
const ackedArbitrary = fc.array(fc.integer({ min: -1, max: 20 }), { minLength: 10, maxLength: 10 })

const changesArbitrary = fc.array(
  fc.record({
    type: fc.constantFrom('add-voter', 'remove', 'update', 'add-learner'),
    nodeId: fc.integer({ min: 0, max: 5 }),
  }),
  { maxLength: 4 },
)

describe('raft: quorums and members', () => {
  it('the committed index is the highest that more than half have reached', () => {
    fc.assert(
      fc.property(votersArbitrary, ackedArbitrary, (voters, acked) => {
        const index = majorityCommittedIndex(voters, { ackedIndex: id => acked[id]! })
        const atLeast = (wanted: number): number =>
          voters.filter(id => Math.max(0, acked[id]!) >= wanted).length
        assert.ok(atLeast(index) * 2 > voters.length)
        assert.ok(atLeast(index + 1) * 2 <= voters.length)
      }),
    )
  })

  it('a joint quorum is both quorums, in either order', () => {
    fc.assert(
      fc.property(votersArbitrary, votersArbitrary, ackedArbitrary, (a, b, acked) => {
        const indexer = { ackedIndex: (id: number): number => acked[id]! }
        const both = Math.min(majorityCommittedIndex(a, indexer), majorityCommittedIndex(b, indexer))
        assert.equal(jointCommittedIndex(a, b, indexer), both)
        assert.equal(jointCommittedIndex(b, a, indexer), both)
        const votes = new Map(acked.flatMap((value, id) => (value < 5 ? [] : [[id, value > 10] as const])))
        const results = [majorityVoteResult(a, votes), majorityVoteResult(b, votes)]
        const expected = results.includes('lost') ? 'lost' : results.includes('pending') ? 'pending' : 'won'
        assert.equal(jointVoteResult(a, b, votes), expected)
        assert.equal(jointVoteResult(b, a, votes), expected)
      }),
    )
  })

  it('whatever the changes, members are consistent, quorums overlap, and the result can be stored and restored', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('simple', 'enter', 'leave'), changesArbitrary, fc.boolean()), {
          maxLength: 12,
        }),
        rounds => {
          const limits = { lastIndex: 10, maxInflightMessages: 1, maxInflightBytes: 100 }
          let base: ChangeBase = { config: EMPTY_CONF_STATE, members: [], ...limits }
          for (const [kind, changes, autoLeave] of rounds) {
            const result =
              kind === 'simple'
                ? simpleChange(base, changes)
                : kind === 'enter'
                  ? enterJoint(base, autoLeave, changes)
                  : leaveJoint(base)
            if (!result.ok) continue
            const { config, members } = result
            const all = new Set([...config.voters, ...config.votersOutgoing, ...config.learners])
            assert.deepEqual(
              members.map(member => member.id),
              [...all].sort((x, y) => x - y),
            )
            for (const id of config.learners)
              assert.ok(!config.voters.includes(id) && !config.votersOutgoing.includes(id))
            for (const id of config.learnersNext) assert.ok(config.votersOutgoing.includes(id))
            const came = config.voters.filter(id => !base.config.voters.includes(id)).length
            const went = base.config.voters.filter(id => !config.voters.includes(id)).length
            if (kind === 'simple') assert.ok(came + went <= 1)
            assert.deepEqual(restoreConfig(config, 10, 1, 100)?.config, config)
            base = { config, members, ...limits }
          }
        },
      ),
    )
  })

  it('inflights behave as a plain list would', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.tuple(fc.boolean(), fc.nat(20)), { maxLength: 60 }),
        (maxMessages, maxBytes, steps) => {
          const inflights = new Inflights(maxMessages, maxBytes)
          let model: { index: number; size: number }[] = []
          let index = 0
          for (const [adds, amount] of steps) {
            if (adds && !inflights.full) {
              index += 1 + (amount % 3)
              inflights.add(index, amount)
              model.push({ index, size: amount })
            } else if (!adds) {
              const to = index - (amount % 8)
              inflights.freeTo(to)
              model = model.filter(item => item.index > to)
            }
            const bytes = model.reduce((sum, item) => sum + item.size, 0)
            assert.equal(inflights.count, model.length)
            assert.equal(inflights.bytes, bytes)
            assert.equal(inflights.full, model.length >= maxMessages || bytes >= maxBytes)
          }
        },
      ),
    )
  })
})
