import assert from 'node:assert/strict'
import fc from 'fast-check'
import { logBatchRange, logLeavesRange, parseLogBatchKey } from '../../../storage/keys.ts'
import { bodiesHereOp, leafBundleOp } from '../../../storage/log/bodies-here.ts'
import { DamagedLogError } from '../../../storage/log/damaged.ts'
import { cutBodiesOps, dropBodiesOps } from '../../../storage/log/drop-bodies.ts'
import { batchOp, LogReader, type StoredLeaf } from '../../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, leafData } from '../../../storage/log/record.ts'
import type { StoreOp } from '../../../storage/store.ts'
import { MemoryStore } from '../../../storage/store-memory.ts'

const GROUP = 3

function recordOf(leaf: number): LogRecord {
  const salt = new Uint8Array(16)
  new DataView(salt.buffer).setUint32(0, leaf)
  return { kind: 3, rulesVersion: 1, salt, body: new Uint8Array(leaf % 90) }
}

function write(store: MemoryStore, ops: readonly StoreOp[]): Promise<void> {
  return new Promise(resolve => store.write(ops, { sync: true }, () => resolve()))
}

/** A log of batches of these many records. */
async function logOf(sizes: readonly number[]): Promise<{ store: MemoryStore; size: number }> {
  const store = new MemoryStore()
  let size = 0
  for (const [i, count] of sizes.entries()) {
    const records = Array.from({ length: count }, (_, j) => recordOf(size + j))
    await write(store, [batchOp(GROUP, size, { index: i + 1, term: 1, batch: encodeBatch(records) })])
    size += count
  }
  return { store, size }
}

async function all(leaves: AsyncIterable<StoredLeaf>): Promise<StoredLeaf[]> {
  const read: StoredLeaf[] = []
  for await (const leaf of leaves) read.push(leaf)
  return read
}

function expected(from: number, to: number, isHere: (leaf: number) => boolean) {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => ({
    leaf: from + i,
    data: [...leafData(recordOf(from + i))],
    bodyBytes: isHere(from + i) ? (from + i) % 90 : undefined,
  }))
}

const plain = (leaves: readonly StoredLeaf[]) =>
  leaves.map(({ leaf, data, bodyBytes }) => ({ leaf, data: [...data], bodyBytes }))

const anySizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 })

describe('a log whose old bodies are dropped', () => {
  it('gives every leaf as before, in steps of any length, and says which bodies are gone', async () => {
    await fc.assert(
      fc.asyncProperty(
        anySizes,
        fc.array(fc.nat(6), { maxLength: 4 }),
        fc.nat(),
        fc.nat(),
        async (sizes, steps, a, b) => {
          const { store, size } = await logOf(sizes)
          let floor = 0
          for (const step of steps) {
            const to = Math.min(floor + 256 * step, Math.floor(size / 256) * 256)
            await write(store, await dropBodiesOps(store, GROUP, to))
            floor = to
          }
          const reader = new LogReader(store, GROUP)
          const [from, to] = [Math.min(a % size, b % size), Math.max(a % size, b % size) + 1]
          assert.deepEqual(
            plain(await all(reader.leaves(from, to))),
            expected(from, to, leaf => leaf >= floor),
          )
          assert.deepEqual(plain(await all(reader.leaves(size, size + 9))), [])
          assert.equal((await reader.bodiesHere()).from, floor)
          assert.equal(await reader.record(floor - 1), undefined)
          for await (const { key } of store.range(logBatchRange(GROUP, 0, floor)))
            assert.ok(
              parseLogBatchKey(key)!.firstLeaf + 400 > floor,
              'only a batch that reaches past the end stays',
            )
        },
      ),
      { numRuns: 40 },
    )
  })

  it('bridges a gap that a catch-up left, and loses it when all below is dropped', async () => {
    const { store, size } = await logOf([300, 300, 300, 300, 300])
    // The batches of the leaves 300 to 900 never came here; their leaves did, in whole bundles but for the last.
    const bundles = [1, 2, 3].map(bundle => {
      const end = Math.min(900, 256 * bundle + 256)
      const leaves = Array.from({ length: end - 256 * bundle }, (_, i) =>
        leafData(recordOf(256 * bundle + i)),
      )
      return leafBundleOp(GROUP, bundle, Buffer.concat(leaves))
    })
    const gone: StoreOp[] = []
    for await (const { key } of store.range(logBatchRange(GROUP, 300, 900)))
      gone.push({ key, value: undefined })
    await write(store, [...bundles, ...gone, bodiesHereOp(GROUP, { from: 0, gapFrom: 300, gapTo: 900 })])
    const reader = new LogReader(store, GROUP)
    const here = (leaf: number) => leaf < 300 || leaf >= 900
    assert.deepEqual(plain(await all(reader.leaves(0, size))), expected(0, size, here))
    assert.equal((await reader.entryBundle(3, 256))?.length, 256 * 38)
    assert.equal(await reader.record(899), undefined)
    assert.deepEqual(await reader.record(900), recordOf(900))
    await write(store, await dropBodiesOps(store, GROUP, 512))
    assert.deepEqual(await reader.bodiesHere(), { from: 512, gapFrom: 512, gapTo: 900 })
    await write(store, await dropBodiesOps(store, GROUP, 1024))
    assert.deepEqual(await reader.bodiesHere(), { from: 1024, gapFrom: 0, gapTo: 0 })
    assert.deepEqual(
      plain(await all(reader.leaves(0, size))),
      expected(0, size, leaf => leaf >= 1024),
    )
  })

  it('knows nothing more of leaves that it went back behind', async () => {
    const { store } = await logOf([300, 300, 300])
    await write(store, await dropBodiesOps(store, GROUP, 768))
    await write(store, await cutBodiesOps(store, GROUP, 0))
    const reader = new LogReader(store, GROUP)
    assert.deepEqual(await reader.bodiesHere(), { from: 0, gapFrom: 0, gapTo: 0 })
    for await (const _ of store.range(logLeavesRange(GROUP, 0))) assert.fail('leaves are left')
  })

  it('can be read while bodies are dropped', async () => {
    const { store, size } = await logOf(Array.from({ length: 40 }, () => 64))
    const read: StoredLeaf[] = []
    for await (const leaf of new LogReader(store, GROUP).leaves(0, size)) {
      read.push(leaf)
      if (leaf.leaf === 100) await write(store, await dropBodiesOps(store, GROUP, 1536))
    }
    assert.deepEqual(
      read.map(({ data }) => [...data]),
      expected(0, size, () => true).map(({ data }) => data),
    )
  })

  it('is damaged, and says so, when leaves of dropped records are changed', async () => {
    const { store } = await logOf([300, 300])
    await write(store, await dropBodiesOps(store, GROUP, 256))
    const { value } = leafBundleOp(GROUP, 0, new Uint8Array(36))
    const changed = value!.slice()
    changed[9]! ^= 1
    await write(store, [{ key: leafBundleOp(GROUP, 0, new Uint8Array(36)).key, value: changed }])
    await assert.rejects(all(new LogReader(store, GROUP).leaves(0, 10)), DamagedLogError)
  })
})
