import assert from 'node:assert/strict'
import { encodeQuorum } from '../../../consensus/finality/certificate.ts'
import { genesisHash, type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { encodeFinal, finalVerifier } from '../../../consensus/handover/final.ts'
import { authorityOf } from '../../../consensus/handover/id.ts'
import { keys, members, quorum, seal } from '../finality/generate.ts'

const origin = 'testnet/area/0000/0'
const authority = Buffer.from(authorityOf(origin), 'hex')
const verify = finalVerifier(
  asked => (asked === authorityOf(origin) ? { epoch: 1, members: members(4) } : undefined),
  keys.verify,
)

function sealed(height: number, previous: Uint8Array, changes: Partial<Seal> = {}): Seal {
  return seal(height, previous, { authority, epoch: 1, nextEpoch: 1, ...changes })
}

/** The founders have named five members; those decide the second seal. */
const first = sealed(1, genesisHash, { nextEpoch: 2, nextMembers: members(5) })
const second = sealed(2, sealHash(first), { epoch: 2, nextEpoch: 2 })
const activation = encodeQuorum(quorum(2, first, 4))
const certificate = encodeQuorum(quorum(2, second, 5))

describe('what one authority shows another of its final state', () => {
  it('is proven by the certificates that lead from the founders to whoever made the last one', () => {
    const proven = verify(encodeFinal(certificate, [activation]))
    assert.deepEqual(
      { ...proven, stateRoot: Buffer.from(proven!.stateRoot) },
      {
        ...{ authority: authorityOf(origin), epoch: 2, height: 2, stateRoot: Buffer.from(second.stateRoot) },
        ...{ isAnchored: true, ancestors: [] },
      },
    )
  })

  it('needs no certificate of a later epoch than its own', () => {
    const old = encodeQuorum(quorum(2, sealed(1, genesisHash), 4))
    const bytes = encodeFinal(old, [activation])
    assert.deepEqual(bytes, encodeFinal(old, []))
    assert.equal(verify(bytes)?.epoch, 1)
    assert.equal(verify(encodeFinal(activation, [activation]))?.height, 1)
  })

  it('is nothing with a certificate missing, of others, too few, of another authority, or bent', () => {
    const stranger = { authority: Buffer.alloc(32, 7) }
    const few = quorum(2, second, 5)
    const wrong = [
      encodeFinal(certificate, []),
      encodeFinal(encodeQuorum(quorum(2, second, 4)), [activation]),
      encodeFinal(encodeQuorum({ ...few, votes: few.votes.slice(1) }), [activation]),
      encodeFinal(encodeQuorum(quorum(2, sealed(1, genesisHash, stranger), 4)), []),
      encodeFinal(certificate, [activation, activation]),
      encodeFinal(certificate, [encodeQuorum(quorum(2, { ...first, ...stranger }, 4))]),
      new Uint8Array(0),
    ]
    for (const [i, bytes] of wrong.entries()) assert.equal(verify(bytes), undefined, `the ${i}th`)
    const good = encodeFinal(certificate, [activation])
    for (let at = 0; at < good.length; at += 11) {
      const bent = good.slice()
      bent[at]! ^= 1
      assert.equal(verify(bent), undefined, `bent at ${at}`)
    }
  })
})
