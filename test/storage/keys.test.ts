import assert from 'node:assert/strict'
import fc from 'fast-check'
import * as keys from '../../storage/keys.ts'
import type { StoreRange } from '../../storage/store.ts'

const u32 = fc.nat(0xffff_ffff)
const u64 = fc.maxSafeNat()
const anyInstance = fc.record({ group: u32, epoch: u32, view: u32 }, { noNullPrototype: true })
const isIn = (key: Uint8Array, { from, to }: StoreRange) =>
  Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0

describe('the keys of the store', () => {
  it('say again what they were made of', () => {
    fc.assert(
      fc.property(anyInstance, u64, u32, fc.nat(63), (instance, number, chunk, level) => {
        const { group } = instance
        const entry = keys.raftEntryKey(instance, number)
        assert.deepEqual(keys.parseRaftKey(entry), { instance, part: 'entry', index: number })
        const hard = keys.parseRaftKey(keys.raftHardStateKey(instance))
        assert.deepEqual(hard, { instance, part: 'hardState', index: 0 })
        const cut = keys.parseRaftKey(keys.raftSnapshotKey(instance))
        assert.deepEqual(cut, { instance, part: 'snapshot', index: 0 })
        assert.deepEqual(keys.parseLogBatchKey(keys.logBatchKey(group, number)), { group, firstLeaf: number })
        assert.deepEqual(keys.parseLogTileKey(keys.logTileKey(group, level, number)), {
          group,
          level,
          tile: number,
        })
        const manifest = keys.parseSnapshotKey(keys.snapshotManifestKey(group, number))
        assert.deepEqual(manifest, { group, leaf: number, chunk: undefined })
        const chunkKey = keys.parseSnapshotKey(keys.snapshotChunkKey(group, number, chunk))
        assert.deepEqual(chunkKey, { group, leaf: number, chunk })
      }),
    )
  })

  it('are ordered as their numbers are', () => {
    fc.assert(
      fc.property(anyInstance, u64, u64, (instance, a, b) => {
        const order = Math.sign(a - b)
        const { group } = instance
        const compare = (x: Uint8Array, y: Uint8Array) => Math.sign(Buffer.compare(x, y))
        assert.equal(compare(keys.raftEntryKey(instance, a), keys.raftEntryKey(instance, b)), order)
        assert.equal(compare(keys.logBatchKey(group, a), keys.logBatchKey(group, b)), order)
        assert.equal(compare(keys.logTileKey(group, 1, a), keys.logTileKey(group, 1, b)), order)
      }),
    )
  })

  it('of one thing are in its range, and those of another are not', () => {
    const near = anyInstance.chain(instance =>
      fc.tuple(
        fc.constant(instance),
        fc.constantFrom<(n: number) => keys.RaftInstance>(
          n => ({ ...instance, group: n }),
          n => ({ ...instance, epoch: n }),
          n => ({ ...instance, view: n }),
        ),
        u32,
      ),
    )
    fc.assert(
      fc.property(near, u64, ([instance, change, n], index) => {
        const other = change(n)
        const same = JSON.stringify(other) === JSON.stringify(instance)
        const all = (of: keys.RaftInstance) => [
          keys.raftEntryKey(of, index),
          keys.raftHardStateKey(of),
          keys.raftSnapshotKey(of),
        ]
        for (const key of all(instance)) {
          assert.ok(isIn(key, keys.raftInstanceRange(instance)))
          assert.ok(isIn(key, keys.raftRange(instance.group)))
          assert.ok(isIn(key, keys.raftRange()))
        }
        for (const key of all(other)) assert.equal(isIn(key, keys.raftInstanceRange(instance)), same)
        assert.ok(isIn(keys.raftEntryKey(instance, index), keys.raftEntryRange(instance)))
        assert.ok(!isIn(keys.raftHardStateKey(instance), keys.raftEntryRange(instance)))
        assert.ok(!isIn(keys.raftEntryKey(instance, index), keys.raftEntryRange(instance, index + 1)))
        assert.ok(!isIn(keys.raftEntryKey(instance, index), keys.raftEntryRange(instance, 0, index)))
      }),
    )
  })

  it('of a log, of snapshots and of an authority are apart from each other', () => {
    fc.assert(
      fc.property(u32, u64, u64, (group, a, b) => {
        const logKeys = [keys.logBatchKey(group, a), keys.logTileKey(group, 0, a)]
        for (const key of logKeys) assert.ok(isIn(key, keys.logRange(group)))
        assert.ok(!isIn(keys.logTileKey(group, 1, a), keys.logTileRange(group, 0)))
        assert.ok(!isIn(keys.logTileKey(group, 0, a), keys.logBatchRange(group)))
        const chunk = keys.snapshotChunkKey(group, a, 3)
        assert.ok(isIn(chunk, keys.snapshotRange(group)))
        assert.equal(isIn(chunk, keys.snapshotRange(group, b)), a === b)
        assert.ok(isIn(keys.authorityKey(group, 'seal'), keys.authorityRange(group)))
        const foreign = [keys.nodeKey('format'), keys.authorityKey(group, 'seal'), chunk]
        for (const key of foreign) assert.ok(!isIn(key, keys.logRange(group)))
      }),
    )
  })

  it('that are none are not taken for one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), bytes => {
        for (const letter of [0x52, 0x4c, 0x53]) {
          bytes[0] = letter
          keys.parseRaftKey(bytes)
          keys.parseLogBatchKey(bytes)
          keys.parseLogTileKey(bytes)
          keys.parseSnapshotKey(bytes)
        }
      }),
    )
    assert.equal(keys.parseRaftKey(keys.logBatchKey(1, 1)), undefined)
    assert.equal(keys.parseLogBatchKey(keys.logTileKey(1, 1, 1)), undefined)
    assert.equal(keys.parseSnapshotKey(keys.authorityKey(1, 'long enough name')), undefined)
  })
})
