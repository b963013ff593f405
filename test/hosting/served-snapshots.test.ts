import assert from 'node:assert/strict'
import { ServedSnapshots } from '../../daemon/hosting/served-snapshots.ts'
import { SnapshotKeeper } from '../../daemon/hosting/snapshots.ts'
import { snapshotRange } from '../../storage/keys.ts'
import { decodeManifest } from '../../storage/snapshot/manifest.ts'
import type { StoreEntry, StoreRange } from '../../storage/store.ts'
import { MemoryStore } from '../../storage/store-memory.ts'
import { foundTown, newReplica, playTown, removeTown, type Town } from '../audit/support/log.ts'

class CountingStore extends MemoryStore {
  reads = 0

  override get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.reads++
    return super.get(key)
  }

  override range(range: StoreRange): AsyncIterable<StoreEntry> {
    this.reads++
    return super.range(range)
  }
}

describe('the states that a node keeps, as anybody may ask for them', () => {
  let town: Town
  let store: CountingStore
  let keeper: SnapshotKeeper
  let served: ServedSnapshots
  const whole = { from: 0, gapFrom: 0, gapTo: 0 }

  before(() => {
    town = foundTown()
  })
  after(() => removeTown(town))

  beforeEach(() => {
    const { group } = town.identity
    store = new CountingStore()
    const replica = newReplica(town)
    keeper = new SnapshotKeeper({
      ...{ group, kept: [], bytesSince: 0, recordsBetween: 100 },
      write: ops => store.write(ops, { sync: false }, () => {}),
      compact: () => {},
    })
    for (const [index, record] of playTown(town, 400).entries()) {
      replica.applyRecords([record], [])
      if (replica.pendingMark?.size === index + 1) keeper.take(replica, { index: index + 1 })
    }
    served = new ServedSnapshots(store, group, () => keeper.kept)
  })

  it('are listed without a look at the disk', () => {
    const sizes = keeper.kept.map(({ size }) => size)
    assert.equal(sizes.length, 2)
    assert.deepEqual(served.kept(whole, 1_000), { bodiesFrom: 0, snapshots: sizes })
    assert.deepEqual(served.kept(whole, sizes[1]!).snapshots, sizes.slice(0, 1))
    assert.equal(store.reads, 0)
  })

  it('cost one read for each piece, and none for what there is not', async () => {
    const [{ size, chunkCount }] = keeper.kept as [(typeof keeper.kept)[number]]
    const manifest = decodeManifest((await served.piece(size, 'manifest'))!)!
    assert.equal(manifest.chunks.length, chunkCount)
    assert.equal(store.reads, 1)
    assert.ok(await served.piece(size, chunkCount - 1))
    assert.equal(store.reads, 2)
    for (const piece of ['manifest', 0] as const) assert.equal(await served.piece(size - 1, piece), undefined)
    assert.equal(await served.piece(size, chunkCount), undefined)
    assert.equal(store.reads, 2)
  })

  it('are no failure when they go while somebody asks', async () => {
    for await (const { key } of store.range(snapshotRange(town.identity.group)))
      store.write([{ key, value: undefined }], { sync: false }, () => {})
    const { size } = keeper.kept[0]!
    assert.equal(await served.piece(size, 'manifest'), undefined)
    assert.equal(await served.piece(size, 0), undefined)
  })
})
