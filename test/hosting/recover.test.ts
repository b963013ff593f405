import assert from 'node:assert/strict'
import { EMPTY_BYTES, EntryType, type Snapshot } from '../../consensus/raft/types.ts'
import { appliedInRaft } from '../../daemon/hosting/recover.ts'
import { SnapshotError } from '../../daemon/hosting/snapshots.ts'
import { DamagedLogError } from '../../storage/log/log-store.ts'

const entries = (from: number, terms: readonly number[]) =>
  terms.map((term, i) => ({ index: from + i, term, type: EntryType.Normal, data: EMPTY_BYTES }))
const hardState = (commit: number) => ({ term: 9, vote: 0, commit })
const snapshotAt = (index: number): Snapshot => ({
  index,
  term: 1,
  confState: { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  data: EMPTY_BYTES,
})
const at = (index: number, term: number) => ({ index, term, size: 0 })

describe("how far a replica's state vouches for its Raft log", () => {
  it('is where it stands, when the log holds the very entry that was applied last', () => {
    const recovered = { hardState: hardState(1), snapshot: undefined, entries: entries(1, [1, 1, 2]) }
    assert.equal(appliedInRaft(recovered, at(3, 2)), 3)
    const cut = { hardState: hardState(5), snapshot: snapshotAt(5), entries: entries(6, [2, 2]) }
    assert.equal(appliedInRaft(cut, at(7, 2)), 7)
    assert.equal(appliedInRaft(cut, at(5, 1)), 5)
  })

  it('is only what the log itself knows as committed, when a catch-up went past entries that never were', () => {
    // Entries 2 and 3 of term 2 were never committed; the others went on with term 3.
    const recovered = { hardState: hardState(1), snapshot: undefined, entries: entries(1, [1, 2, 2]) }
    assert.equal(appliedInRaft(recovered, at(3, 3)), 1)
    assert.equal(appliedInRaft(recovered, at(2, 3)), 1)
  })

  it('is not past the end of the log', () => {
    const recovered = { hardState: hardState(2), snapshot: undefined, entries: entries(1, [1, 1]) }
    assert.equal(appliedInRaft(recovered, at(40, 3)), 2)
    assert.equal(appliedInRaft(undefined, at(40, 3)), 0)
  })
})

describe('what a damaged disk is answered with', () => {
  it('says what can be done: a backup is not restored into the directory that is damaged', () => {
    const advice = /: run freehold start --wipe-store, which .* from the other nodes\.$/
    assert.match(new DamagedLogError(1, 7, 'a batch was changed').message, advice)
    assert.match(new SnapshotError(1, 'its manifest is unreadable').message, advice)
  })
})
