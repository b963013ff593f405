import assert from 'node:assert/strict'
import fc from 'fast-check'
import { rootOfSubtree, rootUpTo, subtreeProof, subtreesOf } from '../../../storage/log/subtree.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { sha256 } from '../../../storage/sha256.ts'

describe('a piece of a log', () => {
  it('leads to the root of the whole, and to that of all leaves up to its end', async () => {
    const tiles = new Map<string, Uint8Array>()
    const log = new MerkleLog(async (level, index) => tiles.get(`${level}/${index}`))
    const hashes = Array.from({ length: 700 }, (_, leaf) => sha256(Buffer.from(`leaf ${leaf}`)))
    for (const hash of hashes)
      for (const { level, index, hashes } of log.append(hash)) tiles.set(`${level}/${index}`, hashes)
    const range = fc.tuple(fc.nat({ max: 699 }), fc.integer({ min: 1, max: 700 }))
    await fc.assert(
      fc.asyncProperty(range, fc.integer({ min: 1, max: 700 }), async ([from, to], size) => {
        for (const subtree of subtreesOf(Math.min(from, to), Math.min(to, size), 9)) {
          const end = subtree.first + 2 ** subtree.height
          const own = Buffer.concat(hashes.slice(subtree.first, end))
          const proof = await subtreeProof(log, subtree, size)
          assert.deepEqual(rootOfSubtree(subtree, own, size, proof), await log.rootAt(size))
          assert.deepEqual(rootUpTo(subtree, own, size, proof), await log.rootAt(end))
        }
      }),
      { numRuns: 60 },
    )
  })
})
