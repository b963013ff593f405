import assert from 'node:assert/strict'
import fc from 'fast-check'
import { appliedOp, decodeApplied } from '../../daemon/authority/applied.ts'
import { logTileKey } from '../../storage/keys.ts'
import { tileOps, tileReader } from '../../storage/log/log-store.ts'
import { fullTileBytes } from '../../storage/log/tree.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

const group = 7

describe('what a disk gives back with one bit changed', () => {
  it('is no tile of a log', async () => {
    const hashes = Uint8Array.from({ length: fullTileBytes }, (_, i) => i % 251)
    const [op] = tileOps(group, [{ level: 1, index: 3, hashes }])
    const value = op!.value!
    await fc.assert(
      fc.asyncProperty(fc.nat(value.length - 1), fc.nat(7), async (at, bit) => {
        const store = new MemoryStore()
        const read = (bytes: Uint8Array): Promise<Uint8Array | undefined> => {
          store.write([{ key: logTileKey(group, 1, 3), value: bytes }], { sync: false }, () => {})
          return tileReader(store, group)(1, 3)
        }
        assert.deepEqual(Buffer.from((await read(value))!), Buffer.from(hashes))
        const changed = Uint8Array.from(value)
        changed[at]! ^= 1 << bit
        await assert.rejects(read(changed), { code: 'damaged-log', group, leaf: 3 * 256 * 256 })
      }),
    )
  })

  it('is not how far a replica had come', () => {
    const point = { index: 900, term: 4, size: 1_371 }
    const value = appliedOp(group, point).value!
    assert.deepEqual(decodeApplied(value), point)
    for (let at = 0; at < 8 * value.length; at++) {
      const changed = Uint8Array.from(value)
      changed[at >> 3]! ^= 1 << (at & 7)
      assert.equal(decodeApplied(changed), undefined)
    }
  })
})
