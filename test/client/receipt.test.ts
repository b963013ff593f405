import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { leafHash, rootOfLeafHashes, verifyInclusion } from '../../audit/verify/merkle.ts'
import { recordLeafHash } from '../../audit/verify/record.ts'
import { BatchTree } from '../../client/protocol/batch-tree.ts'
import {
  decodeReceipt,
  encodeReceipt,
  type Receipt,
  receiptItem,
  receiptMessage,
  verifyReceipt,
} from '../../client/protocol/receipt.ts'
import { newVerifier } from '../../client/sdk/keys.ts'
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
const common = { genesisHash: GENESIS_HASH, origin: 'net/area/0/0', epoch: 2, view: 1, term: 9 }
const bodies = Array.from({ length: 11 }, (_, i) => new Uint8Array(80).fill(i + 1))

function receiptsOf(count: number): Receipt[] {
  const header = new Uint8Array([1, 3, 0, 1])
  const records = bodies.slice(0, count).map((body, i) => {
    const salt = new Uint8Array(16).fill(i)
    return { leaf: 100 + i, salt, outcome: new Uint8Array([i, i]), hash: recordLeafHash(header, salt, body) }
  })
  const items = records.map(({ leaf, hash, outcome }) => receiptItem(leaf, hash, outcome))
  const tree = new BatchTree(Buffer.concat(items.map(leafHash)), putSha256)
  const signature = new Uint8Array(sign(null, receiptMessage({ ...common, count }, tree.root), key))
  return records.map(({ leaf, salt, outcome }, index) => ({
    ...common,
    count,
    signer: 4,
    signature,
    root: tree.root,
    leaf,
    header,
    salt,
    outcome,
    index,
    path: tree.path(index),
  }))
}

const check = (receipt: Receipt, body: Uint8Array, overrides = {}) =>
  verifyReceipt(receipt, {
    genesisHash: GENESIS_HASH,
    origin: common.origin,
    body,
    logKeys,
    verify: verifyEd25519,
    ...overrides,
  })

describe('a receipt', () => {
  it('verifies for every input of a batch of any size, and for no other body', async () => {
    for (let count = 1; count <= bodies.length; count++) {
      for (const [i, receipt] of receiptsOf(count).entries()) {
        const decoded = decodeReceipt(encodeReceipt(receipt))!
        assert.deepEqual(await check(decoded, bodies[i]!), { ok: true })
        assert.deepEqual(await check(decoded, bodies[(i + 1) % 11]!), { ok: false, code: 'wrong-path' })
      }
    }
  })

  it('names what is wrong with it', async () => {
    const receipt = receiptsOf(5)[2]!
    const faults: [Partial<Receipt>, string][] = [
      [{ genesisHash: new Uint8Array(32) }, 'other-network'],
      [{ origin: 'net/area/1/0' }, 'other-log'],
      [{ header: new Uint8Array([1, 5, 0, 1]) }, 'not-an-input'],
      [{ signer: 6 }, 'unknown-signer'],
      [{ signer: 5 }, 'wrong-signature'],
      [{ term: 10 }, 'wrong-signature'],
      [{ epoch: 3 }, 'wrong-signature'],
      [{ count: 6 }, 'wrong-signature'],
      [{ leaf: 103 }, 'wrong-path'],
      [{ outcome: new Uint8Array([9]) }, 'wrong-path'],
      [{ index: 1 }, 'wrong-path'],
      [{ path: [] }, 'wrong-path'],
      [{ root: new Uint8Array(32) }, 'wrong-path'],
    ]
    for (const [fault, code] of faults) {
      assert.deepEqual(await check({ ...receipt, ...fault }, bodies[2]!), { ok: false, code })
    }
  })

  it('fails when any one bit of what it promises is flipped', async () => {
    const bytes = encodeReceipt(receiptsOf(5)[3]!)
    const right = decodeReceipt(bytes)!
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const flipped = decodeReceipt(bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7))))
      if (flipped === undefined) continue
      // The reader knows what each field is and passes over a tag's wire type.
      if (isDeepStrictEqual(flipped, right)) continue
      assert.equal((await check(flipped, bodies[3]!)).ok, false, `bit ${bit}`)
    }
  })

  it('is not read when a number is larger than what is signed of it', () => {
    const right = receiptsOf(3)[0]!
    for (const name of ['epoch', 'view', 'count'] as const) {
      assert.equal(decodeReceipt(encodeReceipt({ ...right, [name]: right[name] + 2 ** 32 })), undefined)
    }
  })

  it('is never made of any other bytes, and never throws on them', () => {
    const right = encodeReceipt(receiptsOf(4)[0]!)
    const mangled = fc.tuple(fc.nat(right.length - 1), fc.nat(255)).map(([at, byte]) => right.with(at, byte))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), mangled), bytes => {
        const receipt = decodeReceipt(bytes)
        if (receipt === undefined) return
        assert.ok(receipt.index < receipt.count)
        assert.equal(receipt.salt.length, 16)
      }),
      { numRuns: 2_000 },
    )
    assert.equal(decodeReceipt(new Uint8Array(20_000)), undefined)
  })

  it('has the batch root and paths that the independent verifier has', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 40 }), items => {
        const hashes = items.map(leafHash)
        const tree = new BatchTree(Buffer.concat(hashes), putSha256)
        assert.deepEqual(Buffer.from(tree.root), Buffer.from(rootOfLeafHashes(hashes)))
        hashes.forEach((hash, i) => {
          assert.ok(verifyInclusion(i, items.length, hash, tree.path(i), tree.root))
        })
      }),
      { numRuns: 50 },
    )
  })
})

describe("the SDK's Ed25519", () => {
  it('says the same by WebCrypto and without it', async () => {
    const message = new TextEncoder().encode('hello')
    const signature = new Uint8Array(sign(null, message, key))
    const publicKey = publicBytesOf(key)
    const verify = newVerifier()
    const subtle = Object.getOwnPropertyDescriptor(crypto, 'subtle')
    const verdicts = async (check: ReturnType<typeof newVerifier>) => [
      await check(publicKey, message, signature),
      await check(publicKey, new Uint8Array(5), signature),
      await check(publicBytesOf(other), message, signature),
      await check(new Uint8Array(32).fill(255), message, signature),
    ]
    const expected = [true, false, false, false]
    assert.deepEqual(await verdicts(verify), expected)
    Object.defineProperty(crypto, 'subtle', { value: undefined, configurable: true })
    try {
      assert.deepEqual(await verdicts(newVerifier()), expected)
    } finally {
      if (subtle) Object.defineProperty(crypto, 'subtle', subtle)
      else delete (crypto as { subtle?: unknown }).subtle
    }
  })
})
