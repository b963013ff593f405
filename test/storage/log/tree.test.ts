import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { batchOp, LogReader, recoverLog, tileOps, tileReader } from '../../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, leafData, leafHashes } from '../../../storage/log/record.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import { MemoryStore } from '../../../storage/store-memory.ts'

/** RFC 6962, section 2.1, word for word. */
function mth(leaves: readonly Uint8Array[]): Buffer {
  const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
  if (leaves.length === 0) return sha()
  if (leaves.length === 1) return Buffer.from(leaves[0]!)
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return sha(Uint8Array.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k)))
}

function path(index: number, leaves: readonly Uint8Array[]): Buffer[] {
  if (leaves.length === 1) return []
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  if (index < k) return [...path(index, leaves.slice(0, k)), mth(leaves.slice(k))]
  return [...path(index - k, leaves.slice(k)), mth(leaves.slice(0, k))]
}

function subproof(m: number, leaves: readonly Uint8Array[], complete: boolean): Buffer[] {
  if (m === leaves.length) return complete ? [] : [mth(leaves)]
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  if (m <= k) return [...subproof(m, leaves.slice(0, k), complete), mth(leaves.slice(k))]
  return [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))]
}

const leafAt = (i: number) => createHash('sha256').update(`leaf ${i}`).digest()
const buffers = (hashes: readonly Uint8Array[]) => hashes.map(hash => Buffer.from(hash))

function write(store: Store, ops: readonly StoreOp[]): Promise<void> {
  return new Promise((resolve, reject) =>
    store.write(ops, { sync: true }, error => (error ? reject(error) : resolve())),
  )
}

describe('the merkle log', () => {
  it('has the roots and proofs of RFC 6962 for every size, however the leaves came', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        fc.nat(),
        async (counts, a, b) => {
          const store = new MemoryStore()
          const log = new MerkleLog(tileReader(store, 1))
          const leaves: Buffer[] = []
          for (const count of counts) {
            const more = Array.from({ length: count }, (_, i) => leafAt(leaves.length + i))
            leaves.push(...more)
            const tiles = log.append(Buffer.concat(more))
            if (count % 2 === 0) continue
            await write(store, tileOps(1, tiles))
            log.tilesWritten(tiles)
          }
          assert.equal(log.size, leaves.length)
          assert.deepEqual(Buffer.from(log.root()), mth(leaves))
          const size = a % (leaves.length + 1)
          assert.deepEqual(Buffer.from(await log.rootAt(size)), mth(leaves.slice(0, size)))
          if (size === 0) return
          const index = b % size
          assert.deepEqual(buffers(await log.inclusionProof(index, size)), path(index, leaves.slice(0, size)))
          const old = 1 + index
          assert.deepEqual(
            buffers(await log.consistencyProof(old, size)),
            subproof(old, leaves.slice(0, size), true),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it('goes through every level of tiles', async function () {
    this.timeout(20_000)
    const store = new MemoryStore()
    const log = new MerkleLog(tileReader(store, 1))
    const leaves = Array.from({ length: 70_000 }, (_, i) => leafAt(i))
    const tiles = log.append(Buffer.concat(leaves))
    assert.equal(tiles.length, 273 + 1)
    await write(store, tileOps(1, tiles))
    log.tilesWritten(tiles)
    assert.deepEqual(Buffer.from(log.root()), mth(leaves))
    for (const [level, index, width] of [
      [0, 273, 112],
      [1, 1, 17],
      [2, 0, 1],
    ] as const) {
      assert.equal((await log.tile(level, index, width))?.length, width * 32)
      assert.equal(await log.tile(level, index, width + 1), undefined)
    }
    assert.deepEqual(Buffer.from((await log.tile(0, 3, 5))!), Buffer.concat(leaves.slice(768, 773)))
    assert.equal(await log.tile(0, 274, 1), undefined)
    assert.equal(await log.tile(3, 0, 1), undefined)
    const again = await MerkleLog.fromTiles(tileReader(store, 1), 273 * 256)
    again.append(Buffer.concat(leaves.slice(273 * 256)))
    assert.deepEqual(again.root(), log.root())
    assert.deepEqual(await again.inclusionProof(123, 66_000), await log.inclusionProof(123, 66_000))
  })

  it('refuses to prove what it does not have', async () => {
    const log = new MerkleLog(async () => undefined)
    log.append(Buffer.concat([leafAt(0), leafAt(1)]))
    await assert.rejects(log.inclusionProof(2, 2), RangeError)
    await assert.rejects(log.inclusionProof(0, 3), RangeError)
    await assert.rejects(log.consistencyProof(2, 1), RangeError)
    await assert.rejects(log.rootAt(3), RangeError)
    assert.throws(() => log.append(new Uint8Array(31)), RangeError)
  })

  it('says which tile is missing when the store lost one', async () => {
    const log = new MerkleLog(async () => undefined)
    const tiles = log.append(Buffer.concat(Array.from({ length: 300 }, (_, i) => leafAt(i))))
    log.tilesWritten(tiles)
    await assert.rejects(log.inclusionProof(0, 300), { code: 'missing-tile', level: 0, index: 0 })
  })
})

describe('a log in the store', () => {
  const recordAt = (i: number): LogRecord => ({
    kind: 3,
    rulesVersion: 1,
    salt: leafAt(i).subarray(0, 16),
    body: Buffer.from(`body ${i}`),
  })

  async function writeLog(store: Store, counts: readonly number[]): Promise<MerkleLog> {
    const log = new MerkleLog(tileReader(store, 7))
    for (const [i, count] of counts.entries()) {
      const records = Array.from({ length: count }, (_, k) => recordAt(log.size + k))
      const first = log.size
      const tiles = log.append(leafHashes(records))
      const stored = { index: i + 10, term: 2, batch: encodeBatch(records) }
      if (count > 0) await write(store, [batchOp(7, first, stored), ...tileOps(7, tiles)])
      log.tilesWritten(tiles)
    }
    return log
  }

  it('is the same log after it was opened again', async () => {
    const anyCounts = fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(anyCounts, fc.integer({ min: 1, max: 600 }), async (counts, more) => {
        const store = new MemoryStore()
        const log = await writeLog(store, counts)
        const recovered = await recoverLog(store, 7)
        assert.equal(recovered.log.size, log.size)
        assert.deepEqual(recovered.log.root(), log.root())
        assert.equal(recovered.lastIndex, counts.length === 0 ? 0 : counts.length + 9)
        assert.equal(recovered.lastTerm, counts.length === 0 ? 0 : 2)
        const hashes = leafHashes(Array.from({ length: more }, (_, i) => recordAt(log.size + i)))
        assert.deepEqual(recovered.log.append(hashes), log.append(hashes))
        assert.deepEqual(recovered.log.root(), log.root())
      }),
      { numRuns: 60 },
    )
  })

  it('reads records by leaf across batches', async () => {
    const store = new MemoryStore()
    await writeLog(store, [5, 1, 300, 2])
    const reader = new LogReader(store, 7)
    await fc.assert(
      fc.asyncProperty(fc.nat(320), fc.nat(320), async (from, to) => {
        const bodies: string[] = []
        for await (const { leaf, record } of reader.records(from, to)) {
          assert.equal(leaf, from + bodies.length)
          bodies.push(Buffer.from(record.body).toString())
        }
        const end = Math.min(to, 308)
        assert.deepEqual(
          bodies,
          Array.from({ length: Math.max(0, end - from) }, (_, i) => `body ${from + i}`),
        )
      }),
    )
    assert.equal((await reader.record(307))?.body.length, 8)
    assert.equal(await reader.record(308), undefined)
  })

  it('serves entry bundles of length-prefixed leaf data', async () => {
    const store = new MemoryStore()
    await writeLog(store, [5, 300])
    const reader = new LogReader(store, 7)
    const expected = (from: number, to: number) =>
      Buffer.concat(
        Array.from({ length: to - from }, (_, i) =>
          Buffer.concat([Uint8Array.of(0, 36), leafData(recordAt(from + i))]),
        ),
      )
    assert.deepEqual(Buffer.from((await reader.entryBundle(0, 256))!), expected(0, 256))
    assert.deepEqual(Buffer.from((await reader.entryBundle(1, 49))!), expected(256, 305))
    assert.equal(await reader.entryBundle(1, 50), undefined)
  })

  it('is called damaged, with the leaf, when a batch is broken or gone', async () => {
    const { logBatchKey } = await import('../../../storage/keys.ts')
    const store = new MemoryStore()
    await writeLog(store, [5, 5, 5])
    await write(store, [{ key: logBatchKey(7, 5), value: undefined }])
    await assert.rejects(recoverLog(store, 7), { code: 'damaged-log', leaf: 5 })
    await write(store, [{ key: logBatchKey(7, 5), value: new Uint8Array(30) }])
    await assert.rejects(recoverLog(store, 7), { code: 'damaged-log', leaf: 5 })
  })
})
