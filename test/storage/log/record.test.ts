import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import {
  decodeBatch,
  decodeStoredBatch,
  encodeBatch,
  encodeStoredBatch,
  type LogRecord,
  leafData,
  leafHash,
  leafHashes,
  maxBodyBytes,
} from '../../../storage/log/record.ts'

const anyRecord: fc.Arbitrary<LogRecord> = fc.record({
  kind: fc.integer({ min: 1, max: 8 }),
  rulesVersion: fc.integer({ min: 0, max: 0xffff }),
  salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  body: fc.uint8Array({ maxLength: 300 }),
})

function plain(records: readonly LogRecord[]): unknown[] {
  return records.map(({ kind, rulesVersion, salt, body }) => ({
    kind,
    rulesVersion,
    salt: [...salt],
    body: [...body],
  }))
}

describe('a batch of records', () => {
  it('comes back as it went in', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 20 }), records => {
        const decoded = decodeBatch(encodeBatch(records))
        assert.ok(decoded.ok)
        assert.deepEqual(plain(decoded.records), plain(records))
      }),
    )
  })

  it('has one encoding only: bytes that decode are what encoding gives again', () => {
    const bytes = fc.array(anyRecord, { minLength: 1, maxLength: 4 }).map(encodeBatch)
    const change = fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.nat(40), more: fc.nat(2) })
    let taken = 0
    fc.assert(
      fc.property(bytes, change, (bytes, { at, to, cut, more }) => {
        const changed = Buffer.concat([
          bytes.subarray(0, bytes.length - (cut % bytes.length)),
          new Uint8Array(more),
        ])
        changed[at % changed.length] = to
        const decoded = decodeBatch(changed)
        if (!decoded.ok) return
        taken += 1
        assert.deepEqual(Buffer.from(encodeBatch(decoded.records)), changed)
      }),
      { numRuns: 2000 },
    )
    assert.ok(taken > 0)
  })

  it('never throws at hostile bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        if (bytes.length > 0 && bytes.length % 2 === 0) bytes[0] = 1
        const decoded = decodeBatch(bytes)
        assert.ok(decoded.ok || decoded.code.length > 0)
        decodeStoredBatch(bytes)
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses each kind of malformed bytes with its own code', () => {
    const body = new Uint8Array(10)
    const good = encodeBatch([{ kind: 3, rulesVersion: 1, salt: new Uint8Array(16), body }])
    const changed = (at: number, ...to: number[]) => {
      const bytes = good.slice()
      bytes.set(to, at)
      return decodeBatch(bytes)
    }
    assert.deepEqual(changed(0, 2), { ok: false, code: 'unknown-format' })
    assert.deepEqual(changed(1, 0, 0, 0, 2), { ok: false, code: 'truncated' })
    assert.deepEqual(changed(1, 0, 0, 0, 0), { ok: false, code: 'truncated' })
    assert.deepEqual(decodeBatch(new Uint8Array([...good, 0])), { ok: false, code: 'trailing-bytes' })
    assert.deepEqual(decodeBatch(Uint8Array.of(1, 0, 0, 0, 0)), { ok: false, code: 'truncated' })
    assert.deepEqual(decodeBatch(new Uint8Array(0)), { ok: true, records: [] })
    assert.deepEqual(changed(1, 0xff, 0xff, 0xff, 0xff), { ok: false, code: 'too-many-records' })
    assert.deepEqual(changed(5, 2), { ok: false, code: 'unknown-version' })
    assert.deepEqual(changed(6, 0), { ok: false, code: 'unknown-kind' })
    assert.deepEqual(changed(6, 9), { ok: false, code: 'unknown-kind' })
    assert.deepEqual(changed(25, 0, 1, 0, 0), { ok: false, code: 'body-too-large' })
    assert.deepEqual(changed(25, 0, 0, 0, 11), { ok: false, code: 'truncated' })
    assert.deepEqual(decodeBatch(good.subarray(0, 3)), { ok: false, code: 'truncated' })
  })

  it('is not made from what could not be read back', () => {
    const good = { kind: 3, rulesVersion: 1, salt: new Uint8Array(16), body: new Uint8Array(0) }
    assert.throws(() => encodeBatch([{ ...good, body: new Uint8Array(maxBodyBytes + 1) }]), RangeError)
    assert.throws(() => encodeBatch([{ ...good, salt: new Uint8Array(15) }]), RangeError)
    assert.throws(() => encodeBatch([{ ...good, kind: 0 }]), RangeError)
    assert.throws(() => encodeBatch([{ ...good, rulesVersion: 0x1_0000 }]), RangeError)
  })

  it('is stored with the place in the Raft log that it came from, and one changed bit shows', () => {
    const place = fc.record({ index: fc.maxSafeNat(), term: fc.maxSafeNat() }, { noNullPrototype: true })
    const anyBatch = fc.array(anyRecord, { maxLength: 3 }).map(encodeBatch)
    fc.assert(
      fc.property(place, anyBatch, fc.nat(), fc.nat(7), (place, batch, at, bit) => {
        const bytes = encodeStoredBatch({ ...place, batch })
        assert.deepEqual(decodeStoredBatch(bytes), { ...place, batch })
        bytes[at % bytes.length]! ^= 1 << bit
        assert.equal(decodeStoredBatch(bytes), undefined)
      }),
    )
  })
})

describe('a leaf', () => {
  it('hides the body behind its salt and shows the header', () => {
    fc.assert(
      fc.property(anyRecord, record => {
        const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
        const header = Uint8Array.of(1, record.kind, record.rulesVersion >> 8, record.rulesVersion & 255)
        const data = Buffer.concat([header, sha(record.salt, record.body)])
        assert.deepEqual(Buffer.from(leafData(record)), data)
        assert.deepEqual(Buffer.from(leafHash(record)), sha(Uint8Array.of(0), data))
      }),
    )
  })

  it('is the same alone and in a batch', () => {
    fc.assert(
      fc.property(fc.array(anyRecord), records => {
        assert.deepEqual(Buffer.from(leafHashes(records)), Buffer.concat(records.map(leafHash)))
      }),
    )
  })
})
