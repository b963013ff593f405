import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import {
  decodeStateProof,
  encodeStateProof,
  rootOfPath,
  verifyStateProof,
} from '../../../storage/state/proof.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'

/** Keys that share beginnings, are beginnings of each other, and are of full length. */
const anyKey = fc.oneof(
  fc.uint8Array({ maxLength: 3, max: 2 }),
  fc.uint8Array({ maxLength: 2 }),
  fc.constantFrom(Uint8Array.of(255), Uint8Array.of(255, 0), Uint8Array.of(255, 0, 255)),
  fc.nat(30).map(n => new Uint8Array(createHash('sha256').update(String(n)).digest())),
)
const anyValue = fc.uint8Array({ maxLength: 6 })
const anyChange = fc.record({ key: anyKey, value: fc.option(anyValue, { nil: undefined }) })

type Change = { key: Uint8Array; value: Uint8Array | undefined }

const nameOf = (key: Uint8Array) => Buffer.from(key).toString('hex')

function finalState(changes: readonly Change[]): Map<string, { key: Uint8Array; value: Uint8Array }> {
  const state = new Map<string, { key: Uint8Array; value: Uint8Array }>()
  for (const { key, value } of changes) {
    if (value === undefined) state.delete(nameOf(key))
    else state.set(nameOf(key), { key, value })
  }
  return state
}

function treeOf(changes: Iterable<Change>): StateTree {
  const tree = new StateTree()
  for (const { key, value } of changes) tree.set(key, value)
  return tree
}

const rootHex = (tree: StateTree) => Buffer.from(tree.root()).toString('hex')

describe('the state tree', () => {
  it('has the same root after many small changes as when built at once', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyChange, { maxLength: 8 }), { maxLength: 8 }), rounds => {
        const tree = new StateTree()
        const done: Change[] = []
        for (const round of rounds) {
          for (const change of round) tree.set(change.key, change.value)
          done.push(...round)
          assert.equal(rootHex(tree), rootHex(treeOf(finalState(done).values())))
        }
        assert.equal(tree.size, finalState(done).size)
      }),
      { numRuns: 300 },
    )
  })

  it('does not depend on the order of insertion', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ key: anyKey, value: anyValue })),
        fc.infiniteStream(fc.nat()),
        (changes, random) => {
          const entries = [...finalState(changes).values()]
          const shuffled = entries
            .map(entry => ({ entry, place: random.next().value }))
            .sort((a, b) => a.place - b.place)
            .map(({ entry }) => entry)
          assert.equal(rootHex(treeOf(shuffled)), rootHex(treeOf(entries)))
        },
      ),
    )
  })

  it('is what it was before when what was added is deleted again', () => {
    fc.assert(
      fc.property(
        fc.array(anyChange),
        fc.array(fc.record({ key: anyKey, value: anyValue })),
        (before, added) => {
          const tree = treeOf(before)
          const state = finalState(before)
          const root = rootHex(tree)
          for (const { key, value } of added) if (!state.has(nameOf(key))) tree.set(key, value)
          tree.root()
          for (const { key } of added) if (!state.has(nameOf(key))) tree.set(key, undefined)
          assert.equal(rootHex(tree), root)
        },
      ),
    )
  })

  it('tells every value, and lists its entries', () => {
    fc.assert(
      fc.property(fc.array(anyChange), anyKey, (changes, key) => {
        const tree = treeOf(changes)
        const state = finalState(changes)
        assert.deepEqual(tree.get(key), state.get(nameOf(key))?.value)
        assert.deepEqual([...tree.entries()].map(entry => nameOf(entry.key)).sort(), [...state.keys()].sort())
      }),
    )
  })

  it('changes its root with every key and value', () => {
    fc.assert(
      fc.property(fc.array(anyChange), fc.array(anyChange), (a, b) => {
        const same = (state: ReturnType<typeof finalState>) =>
          JSON.stringify([...state].map(([name, { value }]) => [name, nameOf(value)]).sort())
        const equal = same(finalState(a)) === same(finalState(b))
        assert.equal(rootHex(treeOf(a)) === rootHex(treeOf(b)), equal)
      }),
    )
  })
})

describe('a state proof', () => {
  it('shows a present value and an absent key, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(anyChange), anyKey, anyValue, (changes, key, wrong) => {
        const tree = treeOf(changes)
        const value = tree.get(key)
        const proof = encodeStateProof(tree.proof(key))
        assert.ok(verifyStateProof(tree.root(), key, value, proof))
        if (value !== undefined) assert.ok(!verifyStateProof(tree.root(), key, undefined, proof))
        if (value === undefined || nameOf(wrong) !== nameOf(value)) {
          assert.ok(!verifyStateProof(tree.root(), key, wrong, proof))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('fails with any bit changed, cut or added, and never throws', () => {
    fc.assert(
      fc.property(
        fc.array(anyChange, { minLength: 1 }),
        anyKey,
        fc.nat(),
        fc.nat(7),
        (changes, key, at, bit) => {
          const tree = treeOf(changes)
          const proof = Buffer.from(encodeStateProof(tree.proof(key)))
          const value = tree.get(key)
          assert.ok(!verifyStateProof(tree.root(), key, value, Buffer.concat([proof, Uint8Array.of(0)])))
          if (proof.length === 0) return
          assert.ok(!verifyStateProof(tree.root(), key, value, proof.subarray(0, at % proof.length)))
          proof[at % proof.length]! ^= 1 << bit
          assert.ok(!verifyStateProof(tree.root(), key, value, proof))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('of a foreign key does not stand for a key on another path', () => {
    const tree = treeOf(
      [0, 64, 128].map(first => ({ key: Uint8Array.of(first), value: Uint8Array.of(first) })),
    )
    const far = encodeStateProof(tree.proof(Uint8Array.of(129)))
    assert.ok(verifyStateProof(tree.root(), Uint8Array.of(129), undefined, far))
    assert.ok(!verifyStateProof(tree.root(), Uint8Array.of(0), undefined, far))
    assert.ok(!verifyStateProof(tree.root(), Uint8Array.of(1), undefined, far))
  })

  it('is refused, not thrown at, when it is noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (bytes, absent) => {
        const proof = decodeStateProof(bytes, absent)
        if (proof) assert.deepEqual(Buffer.from(encodeStateProof(proof)), Buffer.from(bytes))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the subtrees of a state tree', () => {
  it('hold every entry once, in order, and each proves itself under the root', () => {
    fc.assert(
      fc.property(
        fc.array(anyChange, { maxLength: 60 }),
        fc.integer({ min: 1, max: 200 }),
        (changes, maxBytes) => {
          const tree = treeOf(changes)
          const subtrees = [...tree.subtrees(maxBytes)]
          const entries = subtrees.flatMap(subtree => subtree.entries)
          assert.deepEqual(entries, [...tree.entries()])
          for (const { entries, path } of subtrees) {
            const size = entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
            assert.ok(size <= maxBytes || entries.length === 1)
            const top = rootOfPath(treeOf(entries).root(), entries[0]!.key, path)
            assert.equal(nameOf(top), rootHex(tree))
          }
        },
      ),
    )
  })
})
