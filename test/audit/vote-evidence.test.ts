import assert from 'node:assert/strict'
import fc from 'fast-check'
import { contradictionIn, parseVoteEvidence } from '../../audit/verify/vote-evidence.ts'
import { signBatch } from '../../consensus/finality/batcher.ts'
import { contradictionOf, encodeEvidence } from '../../consensus/finality/evidence.ts'
import type { Signed } from '../../consensus/finality/signed.ts'
import type { Statement } from '../../consensus/finality/statement.ts'
import type { Proven } from '../../daemon/evidence/judge.ts'
import { formatVoteEvidence } from '../../daemon/evidence/vote-evidence.ts'
import { sha256 } from '../../storage/sha256.ts'
import { fakeRoot, Town } from '../checkpoints/support.ts'

describe('evidence of a member that votes against itself', () => {
  let town: Town
  before(() => {
    town = new Town()
  })
  after(() => town.remove())

  /** As the node signs it, among others of the same cycle. */
  function signed(node: number, statement: Statement, others: readonly Statement[] = []): Signed {
    const items = [...others, statement].map(one => ({ group: 1, statement: one, peers: [] }))
    const { signatures } = signBatch(node, items, message => town.nodes[node - 1]!.vote.sign(message))
    return { statement, by: signatures.at(-1)! }
  }

  const vote = (kind: 1 | 2, view: number, height: number, seed: number, area = 0): Statement => ({
    ...{ kind, authority: sha256(Buffer.from(town.origins[area]!)), epoch: 1 },
    ballot: { view, height, hash: fakeRoot(seed) },
  })
  const change = (view: number, reportView: number, height: number): Statement => ({
    ...{ kind: 3, authority: sha256(Buffer.from(town.origins[0]!)), epoch: 1, view },
    ballot: { view: reportView, height, hash: fakeRoot(1) },
  })
  const content = (leaf: number, seed: number): Statement => ({
    ...{ kind: 5, authority: sha256(Buffer.from(town.origins[0]!)), epoch: 1, view: 0, term: 3, leaf },
    hash: fakeRoot(seed),
  })

  it('is proven by the file and the genesis file alone, to a node and to an auditor, in 80 columns', async () => {
    const pairs: [Statement, Statement, string][] = [
      [vote(1, 2, 7, 1), vote(1, 2, 7, 2), 'rival-votes'],
      [vote(2, 0, 5, 1), change(1, 0, 4), 'hidden-vote'],
      [content(9, 1), content(9, 2), 'rival-contents'],
    ]
    for (const [first, second, kind] of pairs) {
      const others = [vote(1, 0, 1, 3, 1), vote(2, 0, 1, 3, 1)]
      const text = formatVoteEvidence({ first: signed(3, first, others), second: signed(3, second) })
      const verdict = await town.verify(text)
      assert.ok(verdict.ok, verdict.message)
      assert.deepEqual([verdict.facts['contradiction'], verdict.facts['signer']], [kind, 3])
      for (const line of verdict.message.split('\n')) assert.ok(line.length <= 80, line)
      const proven = town.judge.judge(text) as Proven
      assert.deepEqual([proven.kind, proven.accused, proven.origin], [kind, [3], town.origins[0]])
      const byStranger = formatVoteEvidence({ first: signed(5, first), second: signed(5, second) })
      assert.equal(town.judge.judge(byStranger), 'of-strangers')
    }
  })

  it('accuses nobody by what anybody may sign, by what two have signed, or by what somebody else signed in its name', async () => {
    const [first, second] = [vote(1, 2, 7, 1), vote(1, 2, 7, 2)]
    const asOf = (node: number, { statement, by }: Signed): Signed => ({
      statement,
      by: { ...by, signer: node },
    })
    const pairs: [Signed, Signed][] = [
      [signed(3, first), signed(3, first)],
      [signed(3, first), signed(2, second)],
      [signed(3, first), asOf(3, signed(2, second))],
      [asOf(99, signed(3, first)), asOf(99, signed(3, second))],
      [signed(3, vote(1, 0, 1, 1)), signed(3, vote(1, 1, 1, 2))],
      [signed(3, vote(2, 0, 5, 1)), signed(3, change(1, 0, 5))],
    ]
    for (const [one, other] of pairs) {
      const text = formatVoteEvidence({ first: one, second: other })
      assert.equal((await town.verify(text)).ok, false)
      assert.equal(town.judge.judge(text), 'proves-nothing')
    }
  })

  it('is judged by auditors, who share no code with the members, as members judge it', () => {
    const small = fc.integer({ min: 0, max: 2 })
    const ballot = fc.tuple(small, small, small)
    const statement: fc.Arbitrary<Statement> = fc.oneof(
      fc
        .tuple(fc.constantFrom(1 as const, 2 as const), ballot)
        .map(([kind, [v, h, s]]) => vote(kind, v, h, s)),
      fc.tuple(small, ballot).map(([above, [v, h]]) => change(v + above + 1, v, h)),
      fc.tuple(small, small).map(([leaf, seed]) => content(leaf, seed)),
    )
    fc.assert(
      fc.property(statement, statement, (one, other) => {
        const evidence = { first: signed(3, one), second: signed(3, other) }
        const read = parseVoteEvidence(encodeEvidence(evidence))
        assert.ok(read)
        assert.equal(contradictionIn(read), contradictionOf(one, other))
      }),
      { numRuns: 300 },
    )
  })
})
