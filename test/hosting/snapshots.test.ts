import assert from 'node:assert/strict'
import type { Replica } from '../../daemon/authority/replica.ts'
import { keptSnapshots, loadSnapshot, SnapshotKeeper } from '../../daemon/hosting/snapshots.ts'
import { readU64 } from '../../storage/bytes.ts'
import { StateTree } from '../../storage/state/state-tree.ts'
import type { StoreOp } from '../../storage/store.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

const GROUP = 2

/** As much of a replica, just after a mark, as a snapshot is made of. */
function marked(size: number): Replica {
  const tree = new StateTree()
  tree.set(new Uint8Array(32).fill(size % 251), Uint8Array.of(1))
  const pendingMark = { height: 1, size, stateRoot: tree.root() }
  const regime = { epoch: 1, members: [1] }
  const nothing = { lastSeal: undefined, replacedMarks: [], actions: 0 }
  return { tree, log: { size }, pendingMark, regime, ...nothing } as unknown as Replica
}

describe("a replica's snapshots, and Raft's log behind them", () => {
  let store: MemoryStore
  let cuts: { index: number; size: number }[]
  let keeper: SnapshotKeeper

  beforeEach(() => {
    store = new MemoryStore()
    cuts = []
    keeper = new SnapshotKeeper({
      ...{ group: GROUP, kept: [], bytesSince: 0, recordsBetween: 100 },
      write: (ops: readonly StoreOp[]) => store.write(ops, { sync: false }, () => {}),
      compact: (index, meta) => cuts.push({ index, size: readU64(meta, 0) }),
    })
  })

  it('are taken after so many records, and the log is cut at the one before, which stays', async () => {
    keeper.take(marked(99), { index: 9 })
    assert.deepEqual(await keptSnapshots(store, GROUP), [])
    for (const [size, index] of [
      [110, 10],
      [205, 20],
      [210, 21],
      [320, 30],
    ] as const)
      keeper.take(marked(size), { index })
    assert.deepEqual(
      (await keptSnapshots(store, GROUP)).map(({ size }) => size),
      [210, 320],
    )
    assert.deepEqual(cuts, [
      { index: 10, size: 110 },
      { index: 21, size: 210 },
    ])
    assert.equal(keeper.oldestSize, 210)
    assert.equal((await loadSnapshot(store, GROUP, 320)).size, 320)
  })

  it('are due too after many bytes, or many entries without a record', () => {
    assert.equal(keeper.due(5, 5), false)
    assert.equal(keeper.due(5, 100), true)
    assert.equal(keeper.due(5, 5, 16 * 1024 * 1024), true)
    keeper.applied(16 * 1024 * 1024)
    assert.equal(keeper.due(5, 5), true)
    keeper.take(marked(5), { index: 5 })
    assert.equal(keeper.due(6, 6), false)
  })
})
