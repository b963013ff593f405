import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import {
  leafHash,
  RootOfLeaves,
  rootOfLeafHashes,
  verifyConsistency,
  verifyInclusion,
} from '../../../audit/verify/merkle.ts'
import { parseBatch, recordLeafData, recordLeafHash } from '../../../audit/verify/record.ts'
import { parseEntries, parseTile, resourcePath, resourcesOf, tileRoot } from '../../../audit/verify/tiles.ts'
import { batchOp, LogReader } from '../../../storage/log/log-store.ts'
import {
  decodeBatch,
  encodeBatch,
  type LogRecord,
  leafData,
  leafHash as provenLeaf,
} from '../../../storage/log/record.ts'
import { entriesPath, tilePath, tilesOfLevel } from '../../../storage/log/tiles.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { MemoryStore } from '../../../storage/store-memory.ts'

const leaves = Array.from({ length: 700 }, (_, i) => createHash('sha256').update(`leaf ${i}`).digest())
const tiles = new Map<string, Uint8Array>()
const log = new MerkleLog(async (level, index) => tiles.get(`${level}/${index}`))
for (const tile of log.append(Buffer.concat(leaves))) tiles.set(`${tile.level}/${tile.index}`, tile.hashes)

const anySize = fc.integer({ min: 1, max: leaves.length })
const flip = (bytes: Uint8Array, at: number): Uint8Array => {
  const changed = new Uint8Array(bytes)
  changed[(at >> 3) % bytes.length]! ^= 1 << (at & 7)
  return changed
}

describe('the independent verifier', () => {
  it('computes the same root from the leaves as the prover', async () => {
    const grown = new RootOfLeaves()
    for (const [size, leaf] of leaves.entries()) {
      assert.deepEqual(Buffer.from(grown.root()), Buffer.from(await log.rootAt(size)))
      grown.add(leaf)
    }
    assert.equal(grown.size, leaves.length)
    assert.deepEqual(Buffer.from(rootOfLeafHashes(leaves)), Buffer.from(log.root()))
  })

  it('accepts what the prover proves about a leaf, and nothing that differs from it', async () => {
    await fc.assert(
      fc.asyncProperty(anySize, fc.nat(), fc.nat(), fc.nat(), async (size, a, which, bit) => {
        const index = a % size
        const proof = await log.inclusionProof(index, size)
        const root = await log.rootAt(size)
        const leaf = leaves[index]!
        assert.ok(verifyInclusion(index, size, leaf, proof, root))
        assert.ok(!verifyInclusion(index, size, flip(leaf, bit), proof, root))
        assert.ok(!verifyInclusion(index, size, leaf, proof, flip(root, bit)))
        assert.ok(!verifyInclusion(index, size, leaf, [...proof, leaf], root))
        assert.ok(!verifyInclusion(index + size, size, leaf, proof, root))
        assert.ok(!verifyInclusion(index + 0.5, size, leaf, proof, root))
        if (size > 1) assert.ok(!verifyInclusion((index + 1) % size, size, leaf, proof, root))
        if (proof.length === 0) return
        const changed = proof.map((hash, i) => (i === which % proof.length ? flip(hash, bit) : hash))
        assert.ok(!verifyInclusion(index, size, leaf, changed, root))
        assert.ok(!verifyInclusion(index, size, leaf, proof.slice(1), root))
        assert.ok(!verifyInclusion(index, size, leaf, proof.slice(0, -1), root))
      }),
      { numRuns: 200 },
    )
  })

  it('accepts what the prover proves about two sizes, and nothing that differs from it', async () => {
    await fc.assert(
      fc.asyncProperty(anySize, fc.nat(), fc.nat(), fc.nat(), async (size, a, which, bit) => {
        const old = 1 + (a % size)
        const proof = await log.consistencyProof(old, size)
        const [oldRoot, root] = [await log.rootAt(old), await log.rootAt(size)]
        assert.ok(verifyConsistency(old, size, oldRoot, root, proof))
        assert.ok(!verifyConsistency(old, size, flip(oldRoot, bit), root, proof))
        assert.ok(!verifyConsistency(old, size, oldRoot, flip(root, bit), proof))
        assert.ok(!verifyConsistency(old, size, oldRoot, root, [...proof, root]))
        assert.ok(!verifyConsistency(size + 1, size, oldRoot, root, proof))
        assert.ok(!verifyConsistency(0, size, oldRoot, root, proof))
        if (proof.length === 0) return
        const changed = proof.map((hash, i) => (i === which % proof.length ? flip(hash, bit) : hash))
        assert.ok(!verifyConsistency(old, size, oldRoot, root, changed))
        assert.ok(!verifyConsistency(old, size, oldRoot, root, proof.slice(1)))
        assert.ok(!verifyConsistency(old, size, oldRoot, root, []))
      }),
      { numRuns: 200 },
    )
  })

  it('names and reads the tiles that the prover serves', async () => {
    await fc.assert(
      fc.asyncProperty(anySize, fc.nat(1), async (size, level) => {
        const { full, partialWidth } = tilesOfLevel(size, level)
        const wanted = Array.from({ length: full }, (_, index) => tilePath(level, index, 256))
        if (partialWidth > 0) wanted.push(tilePath(level, full, partialWidth))
        const resources = resourcesOf(level, size)
        assert.deepEqual(
          resources.map(resource => resource.path),
          wanted,
        )
        for (const { index, width } of resources) {
          const hashes = parseTile((await log.tile(level, index, width))!, width)!
          const first = index * 256
          const below = level === 0 ? leaves.slice(first, first + width) : undefined
          for (const [i, hash] of hashes.entries()) {
            const children = below ? [below[i]!] : leaves.slice(i * 256, i * 256 + 256)
            assert.deepEqual(
              Buffer.from(tileRoot(children)),
              Buffer.from(hash),
              `hash ${i} of ${level}/${index}`,
            )
          }
        }
      }),
      { numRuns: 50 },
    )
    assert.equal(parseTile(new Uint8Array(33), 1), undefined)
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }), (index, width) => {
        assert.equal(resourcePath('entries', index, width), entriesPath(index, width))
      }),
    )
  })
})

const anyRecord: fc.Arbitrary<LogRecord> = fc.record({
  kind: fc.integer({ min: 1, max: 7 }),
  rulesVersion: fc.nat(0xffff),
  salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  body: fc.uint8Array({ maxLength: 200 }),
})

describe('the independent reading of records', () => {
  it('makes the same leaves from a batch as the node that wrote it', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 8 }), records => {
        const read = parseBatch(encodeBatch(records))!
        assert.equal(read.length, records.length)
        for (const [i, { header, kind, rulesVersion, salt, body }] of read.entries()) {
          const written = records[i]!
          assert.deepEqual([kind, rulesVersion], [written.kind, written.rulesVersion])
          assert.deepEqual(Buffer.from(recordLeafData(header, salt, body)), Buffer.from(leafData(written)))
          assert.deepEqual(Buffer.from(recordLeafHash(header, salt, body)), Buffer.from(provenLeaf(written)))
        }
      }),
    )
  })

  it('takes and refuses the same bytes as the node does', () => {
    const bytes = fc.array(anyRecord, { minLength: 1, maxLength: 3 }).map(encodeBatch)
    fc.assert(
      fc.property(
        fc.oneof(bytes, fc.uint8Array()),
        fc.nat(),
        fc.nat(255),
        fc.nat(30),
        (bytes, at, to, cut) => {
          const changed = bytes.slice(0, Math.max(0, bytes.length - (cut % 3 === 0 ? cut : 0)))
          if (changed.length > 0) changed[at % changed.length] = to
          assert.equal(parseBatch(changed) !== undefined, decodeBatch(changed).ok)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('reads served entry bundles back into leaves', async () => {
    const records = Array.from({ length: 300 }, (_, i) => ({
      kind: 3,
      rulesVersion: 1,
      salt: leaves[i]!.subarray(0, 16),
      body: Buffer.from(`body ${i}`),
    }))
    const store = new MemoryStore()
    store.write([batchOp(1, 0, { index: 1, term: 1, batch: encodeBatch(records) })], { sync: true }, () => {})
    const reader = new LogReader(store, 1)
    const hashes: Uint8Array[] = []
    for (const { index, width } of resourcesOf('entries', records.length)) {
      const bundle = (await reader.entryBundle(index, width))!
      hashes.push(...parseEntries(bundle, width)!.map(leafHash))
      assert.equal(parseEntries(bundle, width - 1), undefined)
      assert.equal(parseEntries(bundle.slice(0, -1), width), undefined)
    }
    assert.deepEqual(
      hashes.map(hash => Buffer.from(hash)),
      records.map(record => Buffer.from(provenLeaf(record))),
    )
  })
})
