import assert from 'node:assert/strict'
import { genesisHash, sealHash } from '../../../consensus/finality/seal.ts'
import { statementsIn } from '../../../testnet/simulation/finality/statements.ts'
import { Cluster } from './cluster.ts'
import { members, seal } from './generate.ts'

const one = seal(1, genesisHash)
function kindsIn(frame: Uint8Array): number[] {
  return statementsIn(frame, 1).map(({ signed }) => signed.statement.kind)
}
const two = seal(2, sealHash(one))
const three = seal(3, sealHash(two))

describe('the members of an authority', () => {
  it('decide what a quorum of them has executed, and call it final only when it is anchored', () => {
    const cluster = new Cluster(4)
    cluster.executed(one, [1, 2])
    assert.deepEqual(cluster.certified(), [0, 0, 0, 0])
    cluster.executed(one, [3])
    // The fourth has the votes, but not the seal that they are for: it asks when it has reason to.
    assert.deepEqual(cluster.certified().slice(0, 3), [1, 1, 1])
    assert.deepEqual(
      cluster.nodes.flatMap(node => node.all('final')),
      [],
    )
    cluster.anchor(one)
    assert.equal(cluster.node(1).status().finalHeight, 1)
    assert.equal(cluster.node(1).all('final').length, 1)
  })

  it('call it final as soon as they know it, when the directory knew it before', () => {
    const cluster = new Cluster(4)
    cluster.anchor(one)
    assert.equal(cluster.node(1).status().finalHeight, 0)
    cluster.executed(one)
    assert.equal(cluster.node(1).status().finalHeight, 1)
  })

  it('vote for a seal only once the one below is certified', () => {
    const cluster = new Cluster(4)
    cluster.executed(two)
    cluster.executed(three)
    assert.deepEqual(cluster.certified(), [0, 0, 0, 0])
    cluster.executed(one)
    assert.deepEqual(cluster.certified(), [3, 3, 3, 3])
  })

  it('sign nothing that is not on their disk', () => {
    const cluster = new Cluster(3)
    for (const node of cluster.nodes) node.stalled = true
    const before = cluster.nodes.map(({ signatures }) => signatures)
    cluster.executed(one)
    assert.deepEqual(
      cluster.nodes.map(({ signatures }) => signatures),
      before,
    )
    for (const node of cluster.nodes) node.resume()
    cluster.settle()
    assert.deepEqual(cluster.certified(), [1, 1, 1])
  })

  it('need no lease where they are those who give the leases: nobody could give one to them', () => {
    const cluster = new Cluster(4, 4, { lease: false, givesLeases: true })
    cluster.executed(one)
    assert.deepEqual(cluster.certified(), [1, 1, 1, 1])
  })

  it('cast no second vote without a lease, and do so when they have one', () => {
    const cluster = new Cluster(4, 4, { lease: false })
    cluster.executed(one)
    cluster.run(5000)
    assert.deepEqual(cluster.certified(), [0, 0, 0, 0])
    assert.ok(
      cluster.nodes.every(node => node.status().frozenTo === 0),
      'nobody is to blame for it',
    )
    for (const { host } of cluster.nodes) host.lease(cluster.nowMs + 3000)
    cluster.settle()
    assert.deepEqual(cluster.certified(), [1, 1, 1, 1])
  })

  it('say it again when it was lost', () => {
    const cluster = new Cluster(4)
    cluster.loses = () => true
    cluster.executed(one)
    assert.deepEqual(cluster.certified(), [0, 0, 0, 0])
    cluster.loses = () => false
    cluster.run(500)
    assert.deepEqual(cluster.certified(), [1, 1, 1, 1])
  })

  it('say after a crash what they had said before it, and nothing else', () => {
    const cluster = new Cluster(4)
    cluster.loses = () => true
    cluster.executed(one)
    cluster.loses = () => false
    for (const node of cluster.nodes) {
      node.crash()
      node.start()
    }
    cluster.executed(seal(1, genesisHash, { tick: 77 }), [1])
    assert.equal(cluster.node(1).all('evidence').length, 0)
    cluster.executed(one, [2, 3, 4])
    assert.deepEqual(cluster.certified().slice(1), [1, 1, 1])
    assert.deepEqual(
      cluster.nodes.flatMap(node => node.all('evidence')),
      [],
    )
  })

  it('say a second vote again only under a lease, when a crash came between', () => {
    const cluster = new Cluster(4)
    cluster.loses = (_from, _to, frame) => kindsIn(frame).includes(2)
    cluster.executed(one)
    const node = cluster.node(1)
    const seconds = (): number => {
      const frames = node.log.flatMap(({ send }) => send.map(({ frame }) => frame))
      return frames.flatMap(kindsIn).filter(kind => kind === 2).length
    }
    const before = seconds()
    assert.ok(before > 0)
    cluster.options.lease = false
    node.crash()
    node.start()
    cluster.run(500)
    assert.equal(seconds(), before)
    node.host.lease(Number.MAX_SAFE_INTEGER)
    cluster.settle()
    assert.ok(seconds() > before)
  })

  it('restore a replica that executed something else than they decided', () => {
    const cluster = new Cluster(4)
    cluster.executed(seal(1, genesisHash, { tick: 77 }), [4])
    cluster.executed(one, [1, 2, 3])
    cluster.run(500)
    const [diverged] = cluster.node(4).all('diverged')
    assert.deepEqual(diverged?.certificate.seal, one)
  })
})

describe('a node with many authorities', () => {
  it('signs once per cycle, whatever their number, and sends each peer one frame', () => {
    const cluster = new Cluster(4, 4, { groups: 200 })
    const before = cluster.node(1).signatures
    for (const { host } of cluster.nodes)
      for (let group = 1; group <= 200; group++) host.executed(group, 0, 0, one)
    cluster.settle()
    assert.equal(cluster.node(1).host.status(200)!.certified.height, 1)
    assert.equal(cluster.node(1).signatures - before, 2)
    const votes = cluster
      .node(1)
      .log.flatMap(({ send }) => send.filter(({ frame }) => statementsIn(frame, 1).length > 1))
    assert.equal(votes.length, 2 * 3)
  })
})

describe('new members', () => {
  const next = members(5).slice(1)
  const change = seal(1, genesisHash, { nextEpoch: 1, nextMembers: next })
  const after = seal(2, sealHash(change), { epoch: 1, nextEpoch: 1 })

  it('vote from the certificate of the seal that names them on, and the old ones no more', () => {
    const cluster = new Cluster(4, 5)
    cluster.executed(change, [1, 2, 3, 4])
    cluster.run(500)
    assert.deepEqual(
      cluster.nodes.map(node => node.status().epoch),
      [1, 1, 1, 1, 1],
    )
    assert.deepEqual(
      cluster.nodes.map(node => node.status().votes),
      [false, true, true, true, true],
    )
    assert.deepEqual(cluster.node(5).all('activated')[0]?.members, next)
    cluster.executed(after, [2, 3], 1)
    assert.equal(cluster.node(2).status().certified.height, 1)
    cluster.executed(after, [5], 1)
    assert.equal(cluster.node(2).status().certified.height, 2)
  })

  it('are not followed by a child of the seal in the old epoch', () => {
    const cluster = new Cluster(4, 5)
    cluster.executed(change, [1, 2, 3, 4])
    const late = seal(2, sealHash(change))
    cluster.executed(late, [1, 2, 3, 4])
    cluster.executed(late, [2, 3, 4, 5], 1)
    cluster.run(500)
    assert.deepEqual(cluster.certified(), [1, 1, 1, 1, 1])
  })

  it('are told, with proof, when they come later', () => {
    const cluster = new Cluster(4, 5)
    cluster.loses = (from, to) => from === 5 || to === 5
    cluster.executed(change, [1, 2, 3, 4])
    cluster.executed(after, [2, 3, 4], 1)
    cluster.loses = () => false
    cluster.node(5).start()
    cluster.run(500)
    assert.equal(cluster.node(5).status().epoch, 1)
    // It asks once more when it hears of what it lacks.
    cluster.executed(seal(3, sealHash(after), { epoch: 1, nextEpoch: 1 }), [2, 3, 4], 1)
    cluster.run(500)
    assert.ok(cluster.node(5).status().certified.height >= 2)
  })
})
