import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Quorum, verifyQuorum } from '../../../consensus/finality/certificate.ts'
import { contradictionOf, verifyEvidence } from '../../../consensus/finality/evidence.ts'
import { EvidencePool } from '../../../consensus/finality/evidence-pool.ts'
import { quorumSize, toleratedLiars } from '../../../consensus/finality/quorum.ts'
import { genesisHash, sealHash } from '../../../consensus/finality/seal.ts'
import type { Statement } from '../../../consensus/finality/statement.ts'
import { anyStatement, authority, keys, members, quorum, seal, sign } from './generate.ts'

const one = seal(1, genesisHash)
const other = seal(1, genesisHash, { tick: 77 })

function vote(kind: 1 | 2, view: number, height: number, of = one): Statement {
  return { kind, authority, epoch: 0, ballot: { view, height, hash: sealHash(of) } }
}

function change(view: number, reportView: number, reportHeight: number): Statement {
  const ballot = { view: reportView, height: reportHeight, hash: sealHash(one) }
  return { kind: 3, authority, epoch: 0, view, ballot }
}

const keyOf = (node: number): Uint8Array | undefined => members(4).find(member => member.node === node)?.key

describe('quorums', () => {
  it('have the sizes that the design gives, and any two share an honest member', () => {
    assert.deepEqual([3, 4, 5, 7].map(quorumSize), [2, 3, 4, 5])
    for (let n = 1; n <= 64; n++) assert.ok(2 * quorumSize(n) - n >= toleratedLiars(n) + 1)
  })

  it('are verified from the certificate and the members alone', () => {
    for (const count of [3, 4, 5, 7]) {
      const certificate = quorum(2, one, count)
      assert.ok(verifyQuorum(certificate, members(count), keys.verify))
      const { votes } = certificate
      const stranger = sign(99, vote(2, 0, 1)).by
      const forged: Quorum[] = [
        { ...certificate, seal: other },
        { ...certificate, view: 1 },
        { ...certificate, epoch: 1 },
        { ...certificate, kind: 1 },
        { ...certificate, votes: votes.slice(1) },
        { ...certificate, votes: [votes[0]!, ...votes.slice(0, -1)] },
        { ...certificate, votes: votes.map((by, i) => (i === 0 ? { ...by, signer: 99 } : by)) },
        { ...certificate, votes: [...votes.slice(1), stranger] },
        { ...certificate, votes: votes.map(by => ({ ...by, signature: new Uint8Array(64) })) },
      ]
      for (const lie of forged) assert.ok(!verifyQuorum(lie, members(count), keys.verify))
    }
  })
})

describe('evidence', () => {
  it('is two rival votes, a view change that hides a second vote, or two contents of one leaf', () => {
    assert.equal(contradictionOf(vote(1, 0, 1), vote(1, 0, 1, other)), 'rival-votes')
    assert.equal(contradictionOf(vote(2, 3, 7), vote(2, 3, 7, other)), 'rival-votes')
    assert.equal(contradictionOf(vote(2, 0, 5), change(1, 0, 4)), 'hidden-vote')
    assert.equal(contradictionOf(vote(2, 1, 2), change(2, 0, 9)), 'hidden-vote')
    const content: Statement = {
      kind: 5,
      authority,
      epoch: 0,
      view: 0,
      term: 3,
      leaf: 9,
      hash: sealHash(one),
    }
    assert.equal(contradictionOf(content, { ...content, hash: sealHash(other) }), 'rival-contents')
  })

  it('is nothing that an honest member may sign', () => {
    const fine: readonly (readonly [Statement, Statement])[] = [
      [vote(1, 0, 1), vote(1, 0, 1)],
      [vote(1, 0, 1), vote(1, 1, 1, other)],
      [vote(1, 0, 1), vote(2, 0, 1, other)],
      [vote(2, 0, 5), change(1, 0, 5)],
      // Locked lower, in a later view.
      [vote(2, 0, 5), change(2, 1, 4)],
      [vote(2, 1, 5), change(1, 0, 4)],
      [vote(1, 0, 5), change(1, 0, 4)],
      [change(1, 0, 4), change(1, 0, 5)],
      [vote(1, 0, 1), { ...vote(1, 0, 1, other), epoch: 1 }],
      [vote(1, 0, 1), { ...vote(1, 0, 1, other), authority: new Uint8Array(32) }],
    ]
    for (const [first, second] of fine) assert.equal(contradictionOf(first, second), undefined)
    fc.assert(
      fc.property(anyStatement, statement => assert.equal(contradictionOf(statement, statement), undefined)),
    )
  })

  it('proves itself from its bytes and the key of its signer', () => {
    const first = sign(2, vote(1, 0, 1), [vote(1, 0, 8), vote(2, 0, 9)])
    const second = sign(2, vote(1, 0, 1, other))
    assert.equal(verifyEvidence({ first, second }, keyOf, keys.verify), 'rival-votes')
    const elsewhere = sign(3, vote(1, 0, 1, other))
    assert.equal(verifyEvidence({ first, second: elsewhere }, keyOf, keys.verify), undefined)
    const blamed = { ...second, by: { ...elsewhere.by, signer: 2 } }
    assert.equal(verifyEvidence({ first, second: blamed }, keyOf, keys.verify), undefined)
    assert.equal(
      verifyEvidence({ first, second }, () => undefined, keys.verify),
      undefined,
    )
  })

  it('is found in whichever order the statements come, once for each signer and kind', () => {
    const statements = [vote(2, 0, 5), change(1, 0, 4), vote(1, 0, 1), vote(1, 0, 1, other), change(1, 0, 6)]
    const orders = fc.shuffledSubarray(statements, { minLength: statements.length })
    fc.assert(
      fc.property(orders, order => {
        const pool = new EvidencePool()
        const found = [...order, ...order].flatMap(statement => pool.add(sign(2, statement)) ?? [])
        assert.equal(found.length, 2)
        for (const evidence of found) assert.ok(verifyEvidence(evidence, keyOf, keys.verify))
      }),
    )
  })

  it('is kept within limits, whatever somebody signs', () => {
    const pool = new EvidencePool()
    for (let height = 1; height <= 2000; height++) pool.add(sign(2, vote(1, 0, height)))
    assert.ok([...pool.statements()].length <= 32)
    assert.ok(pool.add(sign(2, vote(1, 0, 2000, other))) !== undefined)
  })
})
