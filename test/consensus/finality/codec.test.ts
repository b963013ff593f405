import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { signBatch } from '../../../consensus/finality/batcher.ts'
import {
  decodeCertificate,
  encodeQuorum,
  type Quorum,
  verifyQuorum,
} from '../../../consensus/finality/certificate.ts'
import { decodeEvidence, encodeEvidence } from '../../../consensus/finality/evidence.ts'
import { decodeFrame, encodeFrame } from '../../../consensus/finality/frame.ts'
import { decodeMessage, encodeMessage, type Message } from '../../../consensus/finality/message.ts'
import type { NewView, ViewChange } from '../../../consensus/finality/new-view.ts'
import { decodeSeal, encodeSeal, sealHash } from '../../../consensus/finality/seal.ts'
import { decodeSignState, encodeSignState, type SignState } from '../../../consensus/finality/sign-state.ts'
import { batchMessage } from '../../../consensus/finality/signed.ts'
import {
  anyQuorum,
  anySeal,
  anySigned,
  anyStatement,
  hash32,
  keys,
  members,
  quorum,
  record,
  seal,
  sign,
} from './generate.ts'

const anyProof = fc.option(anyQuorum, { nil: undefined })

const anyViewChange = record({
  signed: anySigned.filter(({ statement }) => statement.kind === 3),
  proof: anyProof,
}).map(change => change as ViewChange)

const anyNewView = record({
  signed: anySigned.filter(({ statement }) => statement.kind === 4),
  changes: fc.array(anyViewChange, { maxLength: 5 }),
  proof: anyProof,
}).map(({ signed, changes, proof }) => {
  const reports = changes.map(change => ({ ballot: change.signed.statement.ballot, by: change.signed.by }))
  return { signed, reports, proof } as NewView
})

const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  anySigned.map(signed => ({ type: 'statement' as const, signed })),
  anyViewChange.map(viewChange => ({ type: 'view-change' as const, viewChange })),
  anyNewView.map(newView => ({ type: 'new-view' as const, newView })),
  anyQuorum.map(one => ({ type: 'certificate' as const, certificate: { ...one, kind: 2 as const } })),
  record({ epoch: fc.nat(), view: fc.nat(), height: fc.nat() }).map(ask => ({ type: 'ask' as const, ask })),
  fc.nat().map(nonce => ({ type: 'recall' as const, nonce })),
  record({ nonce: fc.nat(), epoch: fc.nat(), view: fc.nat(), hash: hash32 }).map(({ hash, ...rest }) => ({
    type: 'recalled' as const,
    recalled: { ...rest, ballot: { view: 1, height: 2, hash } },
  })),
  record({ first: anySigned, second: anySigned }).map(evidence => ({ type: 'evidence' as const, evidence })),
)

/** What it accepts is exactly what it would write: nothing is left over, padded, or said in two ways. */
function isCanonical<T>(decode: (bytes: Uint8Array) => T | undefined, encode: (value: T) => Uint8Array) {
  return (bytes: Uint8Array): void => {
    const value = decode(bytes)
    if (value !== undefined) assert.deepEqual(new Uint8Array(encode(value)), bytes)
  }
}

/** Bytes of a true one, with a few changed, cut off, or put in. */
function damaged(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return record({ bytes, at: fc.nat(), value: fc.nat(255), how: fc.nat(3) }).map(
    ({ bytes: whole, at, value, how }) => {
      const place = at % (whole.length + 1)
      if (how === 0) return whole.slice(0, place)
      if (how === 1) return new Uint8Array([...whole.subarray(0, place), value, ...whole.subarray(place)])
      const copy = whole.slice()
      copy[place % whole.length] = value
      return copy
    },
  )
}

describe('what members of an authority say to each other', function () {
  this.timeout(20_000)

  it('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(anyMessage, message => {
        assert.ok(isDeepStrictEqual(decodeMessage(encodeMessage(message)), message))
      }),
      { numRuns: 200 },
    )
    fc.assert(fc.property(anySeal, one => assert.deepEqual(decodeSeal(encodeSeal(one)), one)))
    fc.assert(
      fc.property(anySigned, anySigned, (first, second) => {
        assert.deepEqual(decodeEvidence(encodeEvidence({ first, second })), { first, second })
      }),
    )
  })

  it('has one form only: damaged bytes are refused, or are the bytes of something else', () => {
    const message = isCanonical(decodeMessage, encodeMessage)
    fc.assert(fc.property(damaged(anyMessage.map(encodeMessage)), message), { numRuns: 300 })
    const aSeal = isCanonical(decodeSeal, encodeSeal)
    fc.assert(fc.property(damaged(anySeal.map(encodeSeal)), aSeal), { numRuns: 300 })
    const certificate = isCanonical(decodeCertificate, encodeQuorum)
    fc.assert(fc.property(damaged(anyQuorum.map(encodeQuorum)), certificate), { numRuns: 300 })
    const evidence = isCanonical(decodeEvidence, encodeEvidence)
    const pair = record({ first: anySigned, second: anySigned }).map(encodeEvidence)
    fc.assert(fc.property(damaged(pair), evidence), { numRuns: 300 })
  })

  it('is refused without an exception when it is noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
        decodeMessage(bytes)
        decodeSeal(bytes)
        decodeCertificate(bytes)
        decodeEvidence(bytes)
        decodeSignState(bytes)
        assert.ok(decodeFrame(bytes, 1) === undefined || bytes[0] === 1)
      }),
      { numRuns: 2000 },
    )
  })

  it('travels in frames that hold a part of a batch and the hashes of the rest', () => {
    const anyBatch = record({
      statements: fc.array(anyStatement, { minLength: 1, maxLength: 40 }),
      chosen: fc.array(fc.nat(39), { minLength: 1 }),
    })
    fc.assert(
      fc.property(anyBatch, anyMessage, ({ statements, chosen }, message) => {
        const items = statements.map((statement, i) => ({ group: i, statement, peers: [] }))
        const { batch, signatures } = signBatch(7, items, keys.signer(7))
        const indexes = [...new Set(chosen.map(at => at % items.length))].sort((a, b) => a - b)
        const bytes = encodeFrame(batch, indexes, [{ group: 3, bytes: encodeMessage(message) }])
        const frame = decodeFrame(bytes, 7)!
        assert.deepEqual(frame.batch!.message, batchMessage(batch.tree.root, items.length))
        const expected = indexes.map(i => ({
          group: i,
          signed: { statement: statements[i], by: signatures[i] },
        }))
        assert.deepEqual(frame.batch!.items, expected)
        assert.deepEqual(frame.messages, [{ group: 3, message }])
      }),
    )
  })

  it('is signed as a certificate in all its bytes, also in how many votes each of its signers cast at once', () => {
    const of = seal(1, new Uint8Array(32))
    const voters = members(4)
    const statement = {
      ...{ kind: 2 as const, authority: of.authority, epoch: 0 },
      ballot: { view: 0, height: 1, hash: sealHash(of) },
    }
    const others = [2, 3].map(view => ({ ...statement, ballot: { ...statement.ballot, view } }))
    const votes = voters.slice(0, 3).map(({ node }) => sign(node, statement, others).by)
    const whole: Quorum = { kind: 2, seal: of, epoch: 0, view: 0, votes }
    assert.ok(verifyQuorum(whole, voters, keys.verify))
    const bytes = encodeQuorum(whole)
    for (let at = 0; at < bytes.length; at++)
      for (const more of [1, 128, 255]) {
        const changed = bytes.slice()
        changed[at]! += more
        const certificate = decodeCertificate(changed)
        assert.ok(certificate === undefined || !verifyQuorum(certificate, voters, keys.verify), `byte ${at}`)
      }
  })

  it('names a seal by all that is in it', () => {
    fc.assert(
      fc.property(anySeal, anySeal, (one, other) => {
        const isSame = Buffer.compare(encodeSeal(one), encodeSeal(other)) === 0
        assert.equal(Buffer.compare(sealHash(one), sealHash(other)) === 0, isSame)
      }),
    )
  })
})

describe('the sign-state on disk', () => {
  const one = seal(1, new Uint8Array(32))
  const ballot = { view: 0, height: 1, hash: sealHash(one) }
  const base = { view: 0, height: 0, hash: new Uint8Array(32) }
  const state: SignState = {
    ...{ epoch: 0, view: 0, base, frozenTo: 2, vote1: ballot, vote2: ballot, highest: quorum(1, one, 4) },
    amnesia: { stage: 2, view: 3, ballot },
  }

  it('comes back as it was, and is refused when a bit of it has changed', () => {
    const bytes = encodeSignState(state)
    assert.deepEqual(decodeSignState(bytes), state)
    for (let i = 0; i < bytes.length; i++) {
      const copy = bytes.slice()
      copy[i]! ^= 1 << (i % 8)
      assert.equal(decodeSignState(copy), undefined)
    }
  })

  it('is never one that has voted for more than it has locked', () => {
    assert.equal(decodeSignState(encodeSignState({ ...state, highest: undefined })), undefined)
  })
})
