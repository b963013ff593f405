import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { openChunk } from '../../../storage/snapshot/chunk.ts'
import { decodeManifest, encodeManifest } from '../../../storage/snapshot/manifest.ts'
import { openManifest, readSnapshot, writeSnapshot } from '../../../storage/snapshot/snapshot.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'

const keyOf = (n: number) => createHash('sha256').update(String(n)).digest()

function stateOf(values: readonly Uint8Array[]): StateTree {
  const tree = new StateTree()
  for (const [i, value] of values.entries()) tree.set(keyOf(i), value)
  return tree
}

const anyState = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 60 }).map(stateOf)
const sealInfo = Buffer.from('seal 12')
const hexOf = (entries: Iterable<{ key: Uint8Array; value: Uint8Array }>) =>
  [...entries].map(({ key, value }) => [Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex')])

describe('a snapshot', () => {
  it('gives back every entry and the seal, in chunks of any size', () => {
    fc.assert(
      fc.property(anyState, fc.integer({ min: 1, max: 3000 }), (state, rawBytes) => {
        const read = readSnapshot(writeSnapshot(state, sealInfo, rawBytes), state.root())
        assert.ok(read.ok)
        assert.deepEqual(hexOf(read.entries), hexOf(state.entries()))
        assert.deepEqual(read.tree.root(), state.root())
        assert.deepEqual(Buffer.from(read.sealInfo), sealInfo)
      }),
    )
  })

  it('is the same for the same state, whether given as a tree or as entries', () => {
    fc.assert(
      fc.property(anyState, state => {
        assert.deepEqual(
          writeSnapshot([...state.entries()].reverse(), sealInfo),
          writeSnapshot(state, sealInfo),
        )
      }),
    )
  })

  it('lets each chunk be verified by itself, and refuses it in any other place', () => {
    const state = stateOf(Array.from({ length: 200 }, (_, i) => Buffer.from(`value ${i}`)))
    const { manifest: bytes, chunks } = writeSnapshot(state, sealInfo, 500)
    const manifest = openManifest(bytes, state.root())!
    assert.ok(chunks.length > 10)
    for (const [i, chunk] of chunks.entries()) {
      assert.ok(openChunk(manifest, i, chunk).ok)
      const other = (i + 1) % chunks.length
      assert.ok(!openChunk(manifest, other, chunk).ok)
    }
    assert.deepEqual(openChunk(manifest, chunks.length, chunks[0]!), { ok: false, code: 'no-such-chunk' })
  })

  it('is refused with any bit changed in a chunk or in its manifest', () => {
    const state = stateOf(Array.from({ length: 40 }, (_, i) => Buffer.from(`value ${i}`)))
    const snapshot = writeSnapshot(state, new Uint8Array(0), 400)
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(7), (which, at, bit) => {
        const manifest = snapshot.manifest.slice()
        const chunks = snapshot.chunks.map(chunk => chunk.slice())
        const target = which % 2 === 0 ? manifest : chunks[(which >> 1) % chunks.length]!
        target[at % target.length]! ^= 1 << bit
        const read = readSnapshot({ manifest, chunks }, state.root())
        // zstd's frame header has bits that say nothing: then the entries are the true ones all the same.
        if (read.ok) assert.deepEqual(hexOf(read.entries), hexOf(state.entries()))
        if (target === manifest) assert.ok(!read.ok)
      }),
      { numRuns: 500 },
    )
  })

  it('is refused when a chunk is left out, or another stands twice in its place', () => {
    const state = stateOf(Array.from({ length: 40 }, (_, i) => Buffer.from(`value ${i}`)))
    const { manifest, chunks } = writeSnapshot(state, sealInfo, 400)
    const decoded = decodeManifest(manifest)!
    const without = encodeManifest({ ...decoded, chunks: decoded.chunks.slice(1) })
    assert.deepEqual(readSnapshot({ manifest: without, chunks: chunks.slice(1) }, state.root()), {
      ok: false,
      code: 'missing-chunks',
    })
    const twice = encodeManifest({ ...decoded, chunks: [decoded.chunks[1]!, ...decoded.chunks.slice(1)] })
    assert.deepEqual(
      readSnapshot({ manifest: twice, chunks: [chunks[1]!, ...chunks.slice(1)] }, state.root()),
      {
        ok: false,
        code: 'missing-chunks',
      },
    )
  })

  it('of another state is refused', () => {
    const snapshot = writeSnapshot(stateOf([Buffer.from('a')]), sealInfo)
    assert.deepEqual(readSnapshot(snapshot, keyOf(1)), { ok: false, code: 'wrong-state-root' })
    assert.equal(openManifest(snapshot.manifest, keyOf(1)), undefined)
  })

  it('does not unpack more than its manifest announced', () => {
    const state = stateOf([Buffer.from('a')])
    const decoded = decodeManifest(writeSnapshot(state, sealInfo).manifest)!
    const bomb = zstdCompressSync(new Uint8Array(100 * 1024 * 1024))
    const manifest = { ...decoded, chunks: [{ ...decoded.chunks[0]!, packedBytes: bomb.length }] }
    const before = process.memoryUsage().arrayBuffers
    assert.deepEqual(openChunk(manifest, 0, bomb), { ok: false, code: 'not-compressed' })
    assert.ok(process.memoryUsage().arrayBuffers - before < 10 * 1024 * 1024)
  })

  it('never throws at noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 100 }), (manifest, chunk) => {
        manifest[0] = 1
        const decoded = decodeManifest(manifest)
        if (decoded) assert.deepEqual(Buffer.from(encodeManifest(decoded)), Buffer.from(manifest))
        const { manifest: good, chunks } = writeSnapshot(stateOf([chunk]), chunk)
        const info = decodeManifest(good)!
        const noise = Buffer.alloc(chunks[0]!.length, chunk.length > 0 ? chunk : 'x')
        openChunk(info, 0, noise)
      }),
    )
  })
})
