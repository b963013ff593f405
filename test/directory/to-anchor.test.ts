import assert from 'node:assert/strict'
import { type Certificate, decodeCertificate } from '../../consensus/finality/certificate.ts'
import { sealHash } from '../../consensus/finality/seal.ts'
import { type AnchorBatch, CertificatesToAnchor } from '../../daemon/directory/to-anchor.ts'
import { certificateOf, NETWORK, Stage, sealOf, votersOf } from '../world/directory/support.ts'

const members = [1, 2, 3]
const certificate = (seal = sealOf()): Certificate => decodeCertificate(certificateOf(seal, members))!
const heights = ({ of }: AnchorBatch): number[] => of.map(({ height }) => height)
const all = (): boolean => true

/** What the rules make of a batch. */
function anchored(stage: Stage, { certificates }: AnchorBatch) {
  return stage.ask(1, { kind: 'anchor', certificates }, { session: 1 })
}

describe('the certificates that a node brings to the directory', () => {
  it('are the newest of what it leads, and nothing once that is anchored', () => {
    const stage = new Stage()
    stage.ask(1, { kind: 'open' }, { session: 1 })
    const waiting = new CertificatesToAnchor()
    for (const height of [1, 2, 3]) waiting.add(1, certificate(sealOf({ height })))
    assert.equal(
      waiting.next(() => false, 0),
      undefined,
    )
    const batch = waiting.next(all, 0)!
    assert.deepEqual(heights(batch), [3])
    assert.deepEqual(waiting.told(batch, anchored(stage, batch), 0), [])
    assert.equal(stage.directory.state.anchors.get(1)?.anchor.height, 3)
    assert.equal(waiting.next(all, 0), undefined)
    waiting.add(1, certificate(sealOf({ height: 2 })))
    assert.equal(waiting.next(all, 0), undefined)
  })

  it('bring those along that changed the members, in order: without them nobody could check what follows', () => {
    const waiting = new CertificatesToAnchor()
    const ends = sealOf({ height: 1, nextMembers: votersOf(2, 3, 4) })
    waiting.add(1, certificate(ends))
    const after = { epoch: 2, previous: sealHash(ends) }
    for (const height of [2, 3]) waiting.add(1, certificate(sealOf({ ...after, height })))
    assert.deepEqual(heights(waiting.next(all, 0)!), [1, 3])
  })

  it('go one by one where some of them were refused, so that one that is never taken holds up no other', () => {
    const stage = new Stage()
    stage.ask(1, { kind: 'open' }, { session: 1 })
    const waiting = new CertificatesToAnchor()
    waiting.add(9, certificate(sealOf({ origin: `${NETWORK}/area/3333/0` })))
    waiting.add(1, certificate(sealOf()))
    const refused: string[] = []
    for (let batch = waiting.next(all, 0); batch !== undefined; batch = waiting.next(all, 0))
      refused.push(...waiting.told(batch, anchored(stage, batch), 0))
    assert.deepEqual(refused, ['unknown-authority'])
    assert.equal(stage.directory.state.anchors.get(1)?.anchor.height, 1)
  })

  it('fit into one input of the directory, however many groups a node leads', () => {
    const waiting = new CertificatesToAnchor()
    for (let group = 1; group <= 60; group++) waiting.add(group, certificate())
    const brought = new Set<number>()
    for (let batch = waiting.next(all, 0); batch !== undefined; batch = waiting.next(all, 0)) {
      assert.ok(batch.of.length <= 16)
      assert.ok(batch.certificates.reduce((bytes, each) => bytes + each.length, 0) < 7_500)
      for (const { group } of batch.of) brought.add(group)
      waiting.told(batch, { code: 'ok', value: batch.of.length }, 0)
    }
    assert.equal(brought.size, 60)
  })

  it('wait a little where another node has to bring something first', () => {
    const waiting = new CertificatesToAnchor()
    waiting.add(1, certificate(sealOf({ epoch: 2, height: 5 })))
    const batch = waiting.next(all, 0)!
    assert.deepEqual(waiting.told(batch, { code: 'epoch-ahead', value: undefined }, 0), [])
    assert.equal(waiting.next(all, 1_000), undefined)
    assert.deepEqual(heights(waiting.next(all, 3_000)!), [5])
  })

  it('wait for an order that may be given again: an authority whose epoch nobody can end is lost', () => {
    const waiting = new CertificatesToAnchor()
    waiting.add(1, certificate(sealOf({ height: 5, nextMembers: votersOf(1, 2, 4) })))
    const batch = waiting.next(all, 0)!
    assert.deepEqual(waiting.told(batch, { code: 'not-ordered', value: undefined }, 0), [])
    assert.equal(waiting.next(all, 1_000), undefined)
    assert.deepEqual(heights(waiting.next(all, 3_000)!), [5])
  })

  it('that wait do not fill the log: each time they come later, and at once when something else was anchored', () => {
    const waiting = new CertificatesToAnchor()
    waiting.add(1, certificate(sealOf({ height: 5, nextMembers: votersOf(1, 2, 4) })))
    let brought = 0
    for (let nowMs = 0; nowMs < 600_000; nowMs += 1_000) {
      const batch = waiting.next(all, nowMs)
      if (batch === undefined) continue
      brought++
      waiting.told(batch, { code: 'not-ordered', value: undefined }, nowMs)
    }
    assert.ok(brought >= 10 && brought <= 15, `${brought} times in ten minutes`)
    waiting.anchored(1, 4)
    assert.deepEqual(heights(waiting.next(all, 600_000)!), [5])
  })
})
