import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import fc from 'fast-check'
import { recordLeafHash } from '../../audit/verify/record.ts'
import { decodeReceipt, encodeReceipt, type Receipt, verifyReceipt } from '../../client/protocol/receipt.ts'
import { decodeReceipts, encodeReceipts, verifyReceipts } from '../../client/protocol/receipts.ts'
import { putSha256 as putInClient } from '../../client/sdk/hash.ts'
import { makeReceipts } from '../../daemon/authority/receipts.ts'
import { putSha256 } from '../../storage/sha256.ts'
import {
  GENESIS_HASH,
  privateKeyOf,
  publicBytesOf,
  sha256,
  verifyEd25519,
} from '../gateway/support/authority.ts'

const key = privateKeyOf(sha256(new Uint8Array([1])))
const other = privateKeyOf(sha256(new Uint8Array([2])))
const logKeys = new Map([
  [4, publicBytesOf(key)],
  [5, publicBytesOf(other)],
])
const common = { genesisHash: GENESIS_HASH, origin: 'net/area/0/0' }
const header = new Uint8Array([1, 3, 0, 1])

const bodyOf = (i: number) => new Uint8Array(60 + (i % 40)).fill(i)

/** A leader's receipts for the items from `from` up to `to` of a batch. */
function receiptsOf({ count, from, to }: { count: number; from: number; to: number }): Uint8Array {
  const items = Array.from({ length: count }, (_, i) => {
    const salt = new Uint8Array(16).fill(i + 7)
    const hashes = recordLeafHash(header, salt, bodyOf(i))
    const record = { kind: 3, rulesVersion: 1, salt, body: bodyOf(i) }
    return { leaf: 2 ** 40 + i, record, hashes, hashAt: 0, outcome: new Uint8Array(i % 50).fill(i) }
  })
  const signer = { number: 4, sign: (message: Uint8Array) => new Uint8Array(sign(null, message, key)) }
  return makeReceipts({ ...common, epoch: 2, view: 1, term: 9 }, items, [{ from, to }], signer)[0]!
}

const expecting = (bodies: readonly Uint8Array[], overrides = {}) => ({
  ...common,
  bodies,
  logKeys,
  verify: verifyEd25519,
  putHash: putInClient,
  ...overrides,
})

function check(bytes: Uint8Array, bodies: readonly Uint8Array[], overrides = {}) {
  const run = decodeReceipts(bytes)
  if (run === undefined) return { ok: false as const, code: 'unreadable' }
  const verdict = verifyReceipts(run, expecting(bodies, overrides))
  assert.ok(!(verdict instanceof Promise))
  return verdict
}

const rangeArbitrary = fc
  .integer({ min: 1, max: 70 })
  .chain(count => fc.tuple(fc.constant(count), fc.nat(count - 1), fc.nat(count - 1)))
  .map(([count, a, b]) => ({ count, from: Math.min(a, b), to: Math.max(a, b) + 1 }))

const bodiesOf = ({ from, to }: { from: number; to: number }) =>
  Array.from({ length: to - from }, (_, i) => bodyOf(from + i))

describe('receipts for neighbours of a batch', () => {
  it('hold for exactly the bodies that were sent, wherever in a batch of whatever size they stand', () => {
    const property = fc.property(rangeArbitrary, fc.nat(), (range, pick) => {
      const bytes = receiptsOf(range)
      const bodies = bodiesOf(range)
      assert.equal(check(bytes, bodies).ok, true)
      const wrong = bodies.with(pick % bodies.length, new Uint8Array(60).fill(255))
      assert.equal(check(bytes, wrong).ok, false)
      assert.equal(check(bytes, bodies.slice(1)).ok, false)
      if (bodies.length > 1) assert.equal(check(bytes, bodies.toReversed()).ok, false)
    })
    fc.assert(property, { numRuns: 150 })
  })

  it('each give a receipt that stands by itself', async () => {
    const property = fc.asyncProperty(rangeArbitrary, async range => {
      const bodies = bodiesOf(range)
      const verdict = check(receiptsOf(range), bodies)
      assert.ok(verdict.ok)
      for (const [i, body] of bodies.entries()) {
        const alone: Receipt = decodeReceipt(encodeReceipt(verdict.proven.receipt(i)))!
        assert.deepEqual([alone.leaf, alone.index], [2 ** 40 + range.from + i, range.from + i])
        assert.deepEqual(await verifyReceipt(alone, { ...expecting([]), body }), { ok: true })
        const another = new Uint8Array(60).fill(255)
        assert.equal((await verifyReceipt(alone, { ...expecting([]), body: another })).ok, false)
      }
    })
    await fc.assert(property, { numRuns: 40 })
  })

  it('name what is wrong with them', () => {
    const range = { count: 9, from: 2, to: 6 }
    const run = decodeReceipts(receiptsOf(range))!
    const faults: [object, string][] = [
      [{ header: new Uint8Array([1, 5, 0, 1]) }, 'not-an-input'],
      [{ signer: 6 }, 'unknown-signer'],
      [{ signer: 5 }, 'wrong-signature'],
      [{ term: 10 }, 'wrong-signature'],
      [{ epoch: 3 }, 'wrong-signature'],
      [{ leaf: run.leaf + 1 }, 'wrong-signature'],
      [{ outcomes: run.outcomes.toReversed() }, 'wrong-signature'],
      [{ salts: run.salts.toReversed() }, 'wrong-signature'],
      [{ index: 3 }, 'wrong-path'],
      [{ proof: run.proof.subarray(32) }, 'wrong-path'],
      [{ proof: new Uint8Array([...run.proof, ...new Uint8Array(32)]) }, 'wrong-path'],
    ]
    for (const [fault, code] of faults) {
      const verdict = check(encodeReceipts({ ...run, ...fault }), bodiesOf(range))
      assert.deepEqual(verdict, { ok: false, code })
    }
    const bytes = encodeReceipts(run)
    assert.deepEqual(check(bytes, bodiesOf(range), { origin: 'net/area/1/0' }), {
      ok: false,
      code: 'wrong-signature',
    })
    assert.deepEqual(check(bytes, bodiesOf(range), { genesisHash: new Uint8Array(32) }), {
      ok: false,
      code: 'wrong-signature',
    })
  })

  it('fail when any one bit of what they promise is flipped', () => {
    const range = { count: 11, from: 3, to: 6 }
    const bytes = receiptsOf(range)
    const right = encodeReceipts(decodeReceipts(bytes)!)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))
      const run = decodeReceipts(flipped)
      // The reader knows what each field is and passes over a tag's wire type.
      if (run === undefined || Buffer.from(encodeReceipts(run)).equals(right)) continue
      assert.equal(check(flipped, bodiesOf(range)).ok, false, `bit ${bit}`)
    }
  })

  it('are never made of any other bytes, and never throw on them', () => {
    const right = receiptsOf({ count: 6, from: 1, to: 4 })
    const mangled = fc.tuple(fc.nat(right.length - 1), fc.nat(255)).map(([at, byte]) => right.with(at, byte))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), mangled), bytes => {
        const run = decodeReceipts(bytes)
        if (run === undefined) return
        assert.ok(run.index + run.outcomes.length <= run.count)
        verifyReceipts(run, expecting(run.outcomes.map(() => new Uint8Array(60))))
      }),
      { numRuns: 2_000 },
    )
    assert.equal(decodeReceipts(new Uint8Array(600_000)), undefined)
  })

  it('are hashed alike by the client and by the node', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const [client, node] = [new Uint8Array(40), new Uint8Array(40)]
        putInClient(client, 5, bytes)
        putSha256(node, 5, bytes)
        assert.deepEqual(client, node)
      }),
    )
  })
})
