import assert from 'node:assert/strict'
import fc from 'fast-check'
import { pathOfLeaf, rootOfLeaves } from '../../../audit/verify/leaves.ts'
import { verifyInclusion } from '../../../audit/verify/merkle.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { sha256 } from '../../../storage/sha256.ts'

const tiles = new Map<string, Uint8Array>()
const log = new MerkleLog(async (level, index) => tiles.get(`${level}/${index}`))
const hashOf = (leaf: number): Uint8Array => sha256(Buffer.from(`leaf ${leaf}`))

/** Some leaves of a log of some size, with what proves them together. */
const proven = fc.integer({ min: 1, max: 1000 }).chain(size =>
  fc.record({
    size: fc.constant(size),
    leaves: fc
      .uniqueArray(fc.nat({ max: size - 1 }), { minLength: 1, maxLength: 40 })
      .map(leaves => leaves.sort((a, b) => a - b)),
  }),
)

describe('leaves that are proven together', () => {
  before(() => {
    for (let leaf = 0; leaf < 1000; leaf++)
      for (const { level, index, hashes } of log.append(hashOf(leaf))) tiles.set(`${level}/${index}`, hashes)
  })

  it("lead to the log's root, each with its own path", async () => {
    await fc.assert(
      fc.asyncProperty(proven, async ({ size, leaves }) => {
        const shown = { size, leaves, ...(await log.leavesProof(leaves, size)) }
        const root = await log.rootAt(size)
        assert.deepEqual(Buffer.from(rootOfLeaves(shown)!), Buffer.from(root))
        leaves.forEach((leaf, i) => {
          assert.deepEqual(Buffer.from(shown.hashes.slice(32 * i, 32 * i + 32)), Buffer.from(hashOf(leaf)))
          assert.ok(verifyInclusion(leaf, size, hashOf(leaf), pathOfLeaf(shown, leaf), root))
        })
      }),
      { numRuns: 60 },
    )
  })

  it('lead elsewhere when any one bit differs, and nowhere with a hash more or less', async () => {
    await fc.assert(
      fc.asyncProperty(proven, fc.nat(), async ({ size, leaves }, bit) => {
        const { hashes, proof } = await log.leavesProof(leaves, size)
        const root = Buffer.from(await log.rootAt(size))
        const bytes = Buffer.concat([hashes, proof])
        bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7)
        const changed = { hashes: bytes.subarray(0, hashes.length), proof: bytes.subarray(hashes.length) }
        assert.notDeepEqual(Buffer.from(rootOfLeaves({ size, leaves, ...changed })!), root)
        const more = Buffer.concat([proof, new Uint8Array(32)])
        assert.equal(rootOfLeaves({ size, leaves, hashes, proof: more }), undefined)
        if (proof.length > 0)
          assert.equal(rootOfLeaves({ size, leaves, hashes, proof: proof.subarray(32) }), undefined)
      }),
      { numRuns: 60 },
    )
  })

  it('are none, out of order or beyond the log: they prove nothing, and it ends at once', () => {
    const shown = { size: 2 ** 53 - 1, hashes: new Uint8Array(64), proof: new Uint8Array() }
    for (const leaves of [[], [5, 5], [7, 5], [1, 2 ** 53 - 1]])
      assert.equal(rootOfLeaves({ ...shown, leaves }), undefined)
    assert.equal(rootOfLeaves({ ...shown, leaves: [1, 2 ** 52] }), undefined)
  })
})
