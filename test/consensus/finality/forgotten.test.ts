import assert from 'node:assert/strict'
import { genesisHash, sealHash } from '../../../consensus/finality/seal.ts'
import { Cluster } from './cluster.ts'
import { seal } from './generate.ts'

const one = seal(1, genesisHash)
const two = seal(2, sealHash(one))

describe('a node that may have forgotten what it signed', () => {
  it('does not vote in the views that others know of, asks for the next one, and votes there', () => {
    const cluster = new Cluster(4)
    cluster.executed(one)
    const node = cluster.node(4)
    node.disk = new Map()
    node.start(true)
    cluster.run(500)
    assert.equal(node.status().certified.height, 1, 'it is told what was decided')
    const before = node.signatures
    cluster.executed(two, [2, 3, 4])
    cluster.run(500)
    assert.equal(node.signatures, before + 1)
    assert.equal(node.status().frozenTo, 1)
    assert.equal(cluster.node(2).status().certified.height, 1)
    cluster.executed(two, [1])
    cluster.run(500)
    cluster.suspect([1, 2, 3])
    cluster.run(500)
    assert.equal(node.status().view, 1)
    cluster.executed(seal(3, sealHash(two)), [2, 3, 4], 0, 1)
    assert.ok(node.signatures > before + 1)
    assert.equal(cluster.node(2).status().certified.height, 3)
  })

  it('says nothing at all while too few others answer, also after the next start', () => {
    const cluster = new Cluster(4)
    const node = cluster.node(4)
    cluster.loses = (from, to) => from === 1 || to === 1
    node.disk = new Map()
    node.start(true)
    cluster.run(500)
    node.start()
    cluster.run(500)
    const before = node.signatures
    cluster.executed(one, [2, 3, 4])
    cluster.suspect([4])
    cluster.run(500)
    assert.equal(node.signatures, before)
    assert.equal(node.status().frozenTo, 0)
  })
})

describe('of three members', () => {
  const lose = (cluster: Cluster, number: number): void => {
    cluster.node(number).disk = new Map()
    cluster.node(number).start(true)
  }

  it('a second one may forget once the first has been told, and all go on in a later view', () => {
    const cluster = new Cluster(3)
    cluster.executed(one)
    lose(cluster, 2)
    cluster.run(500)
    lose(cluster, 3)
    cluster.run(500)
    cluster.executed(two)
    assert.equal(
      cluster.node(1).status().certified.height,
      1,
      'neither votes in a view that it may have voted in',
    )
    cluster.run(5_000)
    const view = cluster.node(1).status().view
    assert.ok(view > 0)
    const voted = [2, 3].map(number => cluster.node(number).signatures)
    let previous = two
    for (const height of [2, 3]) {
      const next = height === 2 ? two : seal(3, sealHash(previous))
      cluster.executed(next, undefined, 0, cluster.node(1).status().view)
      previous = next
    }
    assert.deepEqual(cluster.certified(), [3, 3, 3])
    assert.ok(cluster.node(2).signatures > voted[0]!)
    // The second one to forget knows of views up to a later one, and is of use in those above.
    cluster.suspect([1, 2])
    cluster.run(3_000)
    cluster.loses = (from, to) => from === 2 || to === 2
    cluster.unreachable = [2]
    cluster.run(3_000)
    const last = seal(4, sealHash(previous))
    cluster.executed(last, [1, 3], 0, cluster.node(1).status().view)
    cluster.run(10_000)
    cluster.executed(last, [1, 3], 0, cluster.node(1).status().view)
    assert.equal(cluster.node(3).status().certified.height, 4)
    assert.deepEqual(
      cluster.nodes.flatMap(node => node.all('evidence')),
      [],
    )
  })

  it('two that forget at once have no vote: nobody is left who shares a past with them', () => {
    const cluster = new Cluster(3)
    cluster.executed(one)
    lose(cluster, 2)
    lose(cluster, 3)
    const before = [2, 3].map(number => cluster.node(number).signatures)
    cluster.executed(two)
    cluster.run(60_000)
    assert.deepEqual(
      [2, 3].map(number => cluster.node(number).signatures),
      before,
    )
  })
})
