import assert from 'node:assert/strict'
import fc from 'fast-check'
import { hashChildren, hashLeaf } from '../../../storage/log/hashing.ts'
import { encodeCertificateLeaf } from '../../../world/directory/codec/authority-rows.ts'
import { blockHash, merkleRoot } from '../../../world/directory/rules/block.ts'
import { certificateOf, host, Stage, sealOf } from './support.ts'

const zeros = new Uint8Array(32)

/** RFC 6962, section 2.1, as it is written there. */
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return hashLeaf(leaves[0]!)
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return hashChildren(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)))
}

describe('world blocks', () => {
  it('come every ten seconds of directory time, each naming the one before', () => {
    const stage = new Stage().open(1)
    const { state } = stage.directory
    let last: Uint8Array = zeros
    for (let number = 1; number <= 5; number++) {
      stage.pass(10, 1)
      const block = state.blocks.get(0)!
      assert.deepEqual([block.number, block.previous, block.tick], [number, last, stage.tick - 10])
      last = blockHash(host, block)
    }
    stage.pass(8, 1)
    assert.equal(state.blocks.get(0)!.number, 5)
  })

  it('have a root over the certificates that were anchored since the last one, and say how many records those cover', () => {
    const stage = new Stage().open(1)
    const { state } = stage.directory
    const anchor = (height: number, size: number) =>
      stage.ask(1, { kind: 'anchor', certificates: [certificateOf(sealOf({ height, size }), [1, 2, 3])] })
    assert.equal(anchor(3, 30).code, 'ok')
    assert.equal(anchor(5, 70).code, 'ok')
    stage.pass(10)
    const leaf = encodeCertificateLeaf({ group: 1, anchor: state.anchors.get(1)!.anchor })
    const { certificates, records, playerActions } = state.blocks.get(0)!
    assert.deepEqual(certificates, { count: 1, root: hashLeaf(leaf) })
    assert.equal(records, 70)
    assert.deepEqual(playerActions, { count: 0, root: zeros }, 'seals tell nothing of these yet')
    anchor(8, 75)
    stage.pass(10)
    assert.equal(state.blocks.get(0)!.records, 5)
    stage.pass(10)
    assert.deepEqual(state.blocks.get(0)!.certificates, { count: 0, root: zeros })
  })

  it('tell of all that they cover in work that grows no faster than that', () => {
    const { state } = new Stage().directory
    state.changed = new Set()
    const before = process.cpuUsage()
    for (let times = 0; times < 2; times++)
      for (let group = 1; group <= 60_000; group++) state.tell(`anchor/${group}`)
    const { user } = process.cpuUsage(before)
    assert.equal(new Set(state.changed).size, 60_000)
    assert.ok(user < 1_000_000, `${user / 1_000} ms of a processor`)
  })

  it('have roots of the shape that logs have', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 40 }), leaves => {
        assert.deepEqual(merkleRoot(host, leaves), rootOf(leaves))
      }),
    )
  })
})
