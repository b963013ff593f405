import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseCertificate, quorumOf, verifyCertificate } from '../../../audit/verify/certificate.ts'
import { decodeCertificate, encodeQuorum, verifyQuorum } from '../../../consensus/finality/certificate.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { sealHash } from '../../../consensus/finality/seal.ts'
import { anyQuorum, keys, members, quorum, seal } from '../../consensus/finality/generate.ts'

/** The auditor reads certificates with code of its own, which has to read the same as what writes them. */
describe('a certificate, read by an auditor', function () {
  this.timeout(10_000)
  const anyBytes = anyQuorum.map(one => encodeQuorum({ ...one, kind: 2 }))
  const one = encodeQuorum(quorum(2, seal(3, new Uint8Array(32)), 4, 5))

  it('says what its members wrote', () => {
    fc.assert(
      fc.property(anyBytes, bytes => {
        const own = decodeCertificate(bytes)!
        const { sealHash: hash, ...read } = parseCertificate(bytes)!
        assert.deepEqual(hash, new Uint8Array(sealHash(own.seal)))
        assert.deepEqual({ ...read, kind: 2 }, own)
      }),
    )
  })

  it('is refused by both or by neither when bytes of it are changed, cut off or put in', () => {
    const change = fc.tuple(anyBytes, fc.nat(), fc.nat(255), fc.nat(2))
    fc.assert(
      fc.property(change, ([bytes, at, value, how]) => {
        const place = at % bytes.length
        const tail = bytes.subarray(how === 2 ? place : place + 1)
        const changed = new Uint8Array([...bytes.subarray(0, place), value, ...tail])
        const given = how === 0 ? bytes.slice(0, place) : changed
        assert.equal(parseCertificate(given) === undefined, decodeCertificate(given) === undefined)
      }),
      { numRuns: 1000 },
    )
  })

  it('is believed of the same members', () => {
    for (let count = 1; count <= 10; count++) {
      assert.equal(quorumOf(count), quorumSize(count))
      const believed = verifyCertificate(parseCertificate(one)!, members(count), keys.verify)
      assert.equal(believed, verifyQuorum(decodeCertificate(one)!, members(count), keys.verify))
      assert.equal(believed, count === 4)
    }
  })

  it('is refused without an exception when it is noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
        assert.equal(parseCertificate(bytes) === undefined, decodeCertificate(bytes) === undefined)
      }),
      { numRuns: 1000 },
    )
  })
})
