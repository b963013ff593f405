import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  entryOp,
  hardStateOp,
  RaftDiskError,
  type RecoveredGroup,
  recoverGroup,
  removeEntryOp,
  snapshotOp,
} from '../../../consensus/groups/raft-disk.ts'
import type { Entry, Snapshot } from '../../../consensus/raft/types.ts'
import type { StoreOp } from '../../../storage/store.ts'
import { MemoryStore } from '../../../storage/store-memory.ts'

const INSTANCE = { group: 7, epoch: 2, view: 1 }

async function recovered(ops: readonly StoreOp[]): Promise<RecoveredGroup | undefined> {
  const store = new MemoryStore()
  await new Promise<void>(resolve => store.write(ops, { sync: true }, () => resolve()))
  return recoverGroup(store, INSTANCE)
}

function someLog(): { entries: Entry[]; snapshot: Snapshot; ops: StoreOp[] } {
  const snapshot: Snapshot = {
    index: 4,
    term: 2,
    confState: { voters: [1, 2, 3], learners: [9], votersOutgoing: [], learnersNext: [], autoLeave: false },
    data: Uint8Array.of(1, 2, 3),
  }
  const entries = [5, 6, 7].map(index => ({ term: 3, index, type: 0 as const, data: new Uint8Array(index) }))
  const ops = [
    snapshotOp(INSTANCE, snapshot),
    hardStateOp(INSTANCE, { term: 3, vote: 2, commit: 6 }),
    ...entries.map(entry => entryOp(INSTANCE, entry)),
  ]
  return { entries, snapshot, ops }
}

async function isDamaged(ops: readonly StoreOp[], what: RegExp): Promise<void> {
  await assert.rejects(recovered(ops), (error: RaftDiskError) => {
    assert.ok(error instanceof RaftDiskError)
    assert.equal(error.code, 'corrupt')
    assert.match(error.message, what)
    return true
  })
}

describe('Raft records on disk', () => {
  it('give back hard state, snapshot and log, and nothing of other instances', async () => {
    const { entries, snapshot, ops } = someLog()
    const other = { ...INSTANCE, view: 2 }
    const found = await recovered([...ops, hardStateOp(other, { term: 9, vote: 9, commit: 9 })])
    assert.deepEqual(found?.hardState, { term: 3, vote: 2, commit: 6 })
    assert.deepEqual(
      found?.entries.map(entry => ({ ...entry, data: entry.data.length })),
      entries.map(entry => ({ ...entry, data: entry.data.length })),
    )
    assert.deepEqual({ ...found?.snapshot, data: 0 }, { ...snapshot, data: 0 })
    assert.deepEqual([...found!.snapshot!.data], [1, 2, 3])
  })

  it('say nothing of an instance that was never written', async () => {
    assert.equal(await recovered([]), undefined)
  })

  it('may still hold entries that the snapshot covers, which are no part of the log', async () => {
    const { ops } = someLog()
    const covered = [2, 3, 4].map(index =>
      entryOp(INSTANCE, { term: 1, index, type: 0, data: new Uint8Array(1) }),
    )
    const found = await recovered([...ops, ...covered])
    assert.equal(found?.oldestCovered, 2)
    assert.deepEqual(
      found?.entries.map(entry => entry.index),
      [5, 6, 7],
    )
    assert.equal((await recovered(ops))?.oldestCovered, 0)
  })

  it('show every flipped bit as damage', async () => {
    const { ops } = someLog()
    await fc.assert(
      fc.asyncProperty(fc.nat(ops.length - 1), fc.nat(), fc.nat(7), async (which, at, bit) => {
        const damaged = ops.map(op => ({ key: op.key, value: new Uint8Array(op.value!) }))
        const { value } = damaged[which]!
        value[at % value.length]! ^= 1 << bit
        await isDamaged(damaged, /checksum/)
      }),
    )
  })

  it('show an entry in the place of another one as damage', async () => {
    const { ops } = someLog()
    const [, , five, six] = ops
    await isDamaged([...ops, { key: six!.key, value: five!.value }], /checksum/)
  })

  it('show a gap, a lost tail below the commit index, and a missing hard state as damage', async () => {
    const { ops } = someLog()
    await isDamaged([...ops, removeEntryOp(INSTANCE, 6)], /entry 6 is missing/)
    await isDamaged(
      [...ops, removeEntryOp(INSTANCE, 6), removeEntryOp(INSTANCE, 7)],
      /entry 6, once committed, is missing/,
    )
    await isDamaged([...ops, { key: ops[1]!.key, value: undefined }], /hard state is missing/)
  })
})
