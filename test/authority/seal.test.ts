import assert from 'node:assert/strict'
import { decodeSeal, encodeSeal, type Seal } from '../../daemon/authority/bodies.ts'
import type { Replica } from '../../daemon/authority/replica.ts'
import type { LogRecord } from '../../storage/log/record.ts'
import { foundTown, newReplica, playTown, removeTown, type Town } from '../audit/support/log.ts'

describe('a seal', () => {
  let town: Town
  let played: LogRecord[]
  let seal: LogRecord
  let replica: Replica

  before(() => {
    town = foundTown()
    const records = playTown(town, 300)
    played = records.slice(0, -1)
    seal = records.at(-1)!
  })
  after(() => removeTown(town))
  beforeEach(() => {
    replica = newReplica(town)
    replica.applyRecords(played, [])
  })

  const changed = (change: Partial<Seal>): LogRecord => ({
    ...seal,
    body: encodeSeal({ ...decodeSeal(seal.body)!, ...change }),
  })
  const at = (tick: number): LogRecord => changed({ tick })

  it('has no effect with a tick that the world did not have between mark and seal: a leader can not date a state', () => {
    const last = replica.lastSeal
    const { tick } = replica.rules
    assert.ok(tick > 0 && last !== undefined)
    for (const wrong of [tick + 1, replica.pendingMark!.tick - 1]) replica.applyRecords([at(wrong)], [])
    assert.equal(replica.lastSeal, last)
    assert.equal(replica.voidRecords, 2)
    assert.ok(replica.pendingMark !== undefined)
    assert.notEqual(replica.applyRecords([at(tick)], []).sealed, undefined)
  })

  it('has no effect outside of its epoch, or when it names nobody', () => {
    const { epoch } = replica.regime
    for (const wrong of [{ epoch: epoch - 1 }, { epoch: epoch + 1 }, { nextMembers: [] }])
      assert.equal(replica.applyRecords([changed(wrong)], []).sealed, undefined)
    assert.equal(replica.voidRecords, 3)
    assert.equal(replica.applyRecords([seal], []).sealed?.endsEpoch, false)
  })

  it('that names other members ends the epoch: what follows is of the next one', () => {
    const { epoch, members } = replica.regime
    const nextMembers = [...members, 9]
    assert.equal(replica.applyRecords([changed({ nextMembers })], []).sealed?.endsEpoch, true)
    assert.deepEqual(replica.regime, { epoch: epoch + 1, members: nextMembers })
  })
})
