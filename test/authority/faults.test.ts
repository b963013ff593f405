import assert from 'node:assert/strict'
import { Ahead } from '../../daemon/authority/ahead.ts'
import { decodeSeal, encodeMark, encodeSeal } from '../../daemon/authority/bodies.ts'
import type { Replica } from '../../daemon/authority/replica.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { encodeTick } from '../../world/codec.ts'
import { foundTown, newReplica, playTown, removeTown, type Town } from '../audit/support/log.ts'

const MINUTE_MS = 60 * 1000

describe('what no honest leader logs', () => {
  let town: Town
  let played: LogRecord[]
  let seal: LogRecord
  let replica: Replica

  before(() => {
    town = foundTown()
    played = playTown(town, 300)
    seal = played.at(-1)!
  })
  after(() => removeTown(town))
  beforeEach(() => {
    replica = newReplica(town)
    replica.applyRecords(played, [])
  })

  const record = (kind: number, body: Uint8Array): LogRecord => ({ ...seal, kind, body })
  const codeOf = (...records: LogRecord[]) => replica.applyRecords(records, []).faults[0]?.code

  it('is not found where nothing is wrong, nor in marks and seals that come once more', () => {
    assert.equal(replica.faults.first, undefined)
    const { height } = decodeSeal(seal.body)!
    const [again, next] = [encodeMark({ height }), encodeMark({ height: height + 1 })]
    assert.equal(codeOf(seal, record(recordKind.mark, again)), undefined)
    replica.applyRecords([record(recordKind.mark, next)], [])
    const { size, stateRoot } = replica.pendingMark!
    const late = { ...decodeSeal(seal.body)!, height: height + 1, asOfSize: size, stateRoot }
    const body = encodeSeal({ ...late, previous: replica.previousHash, tick: replica.rules.tick })
    assert.equal(codeOf(record(recordKind.mark, next), record(recordKind.seal, body)), undefined)
    assert.equal(replica.voidRecords, 3)
    assert.equal(replica.faults.first, undefined)
  })

  it('is found in records that have no effect, at their leaf', () => {
    const { height } = decodeSeal(seal.body)!
    const wrongSeal = encodeSeal({ ...decodeSeal(seal.body)!, height: height + 1 })
    for (const [kind, body, code] of [
      [recordKind.charter, played[0]!.body, 'wrong-charter'],
      [recordKind.intent, new Uint8Array(9), 'unexpected-record'],
      [recordKind.handover, new Uint8Array(9), 'unproven-handover'],
      [recordKind.input, new Uint8Array(9), 'malformed-record'],
      [recordKind.tick, encodeTick({ tick: replica.rules.tick, timeMs: 1 }), 'wrong-tick'],
      [recordKind.mark, encodeMark({ height: height + 2 }), 'wrong-mark'],
      [recordKind.mark, new Uint8Array(7), 'wrong-mark'],
      [recordKind.seal, wrongSeal, 'wrong-seal'],
      [recordKind.seal, new Uint8Array(7), 'malformed-record'],
    ] as const) {
      const { faults, firstLeaf } = replica.applyRecords([record(kind, body)], [])
      assert.deepEqual(
        faults.map(fault => [fault.leaf, fault.code]),
        [[firstLeaf, code]],
      )
      const next = encodeTick({ tick: replica.rules.tick + 1, timeMs: 1 })
      assert.equal(codeOf(record(recordKind.tick, next)), undefined)
    }
  })

  it('is found as often as it is in an entry, so that none hides another', () => {
    const { firstLeaf, faults } = replica.applyRecords(
      [
        record(recordKind.intent, new Uint8Array(9)),
        record(recordKind.tick, encodeTick({ tick: replica.rules.tick + 1, timeMs: 1 })),
        record(recordKind.mark, new Uint8Array(7)),
      ],
      [],
    )
    assert.deepEqual(
      faults.map(({ leaf, code }) => [leaf - firstLeaf, code]),
      [
        [0, 'unexpected-record'],
        [2, 'wrong-mark'],
      ],
    )
    assert.equal(replica.faults.first!.leaf, firstLeaf)
  })

  it('is found in an entry that is no batch, and in a log that does not begin with its charter', () => {
    const entry = { index: 1, term: 1, data: new Uint8Array(9) }
    assert.equal(replica.apply(entry, []).faults[0]?.code, 'malformed-entry')
    const anew = newReplica(town)
    assert.equal(anew.applyRecords(played.slice(1, 2), []).faults[0]?.code, 'unexpected-record')
  })

  it("is time that is far ahead of a member's own clock, but not what two honest clocks may be apart", () => {
    const { tickMs, createdAtMs } = town.identity
    const wallMs = createdAtMs + replica.rules.tick * tickMs
    const ahead = new Ahead(town.identity, replica, wallMs)
    const ticked = (tick: number, timeMs: number) =>
      ahead.faults(replica.applyRecords([record(recordKind.tick, encodeTick({ tick, timeMs }))], []))[0]?.code
    const inMinutes = replica.rules.tick + (10 * MINUTE_MS) / tickMs
    assert.equal(ticked(inMinutes, wallMs + 10 * MINUTE_MS), undefined)
    assert.equal(ticked(inMinutes + 1, wallMs + 16 * MINUTE_MS), 'ahead-of-time')
    assert.equal(ticked(inMinutes + (10 * MINUTE_MS) / tickMs, wallMs), 'ahead-of-time')
    const { tick } = replica.rules
    const entry = replica.applyRecords(
      [tick + 1, tick + 1 + (10 * MINUTE_MS) / tickMs, tick + 2 + (10 * MINUTE_MS) / tickMs].map((to, i) =>
        record(recordKind.tick, encodeTick({ tick: to, timeMs: i < 2 ? wallMs : wallMs + 16 * MINUTE_MS })),
      ),
      [],
    )
    assert.deepEqual(
      ahead.faults(entry).map(({ leaf }) => leaf - entry.firstLeaf),
      [1, 2],
      'each at its own leaf',
    )
    // Where the members have decided so, time goes on from there.
    assert.equal(ticked(replica.rules.tick + 1, wallMs), undefined)
  })
})
