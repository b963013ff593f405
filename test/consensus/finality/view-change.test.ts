import assert from 'node:assert/strict'
import fc from 'fast-check'
import { encodeFrame } from '../../../consensus/finality/frame.ts'
import { encodeMessage } from '../../../consensus/finality/message.ts'
import { genesisHash, sealHash } from '../../../consensus/finality/seal.ts'
import { Cluster } from './cluster.ts'
import { authority, seal, sign } from './generate.ts'

const one = seal(1, genesisHash)
const two = seal(2, sealHash(one))
const rival = seal(2, sealHash(one), { tick: 77 })

describe('a view that is given up', () => {
  it('is frozen at once, and the next one begins at the last certificate', () => {
    const cluster = new Cluster(4)
    cluster.executed(one)
    cluster.suspect()
    for (const node of cluster.nodes) {
      assert.deepEqual(node.all('freeze'), [{ group: 1, epoch: 0, view: 0 }])
      const [restart] = node.all('restart')
      assert.deepEqual(restart, { group: 1, epoch: 0, view: 1, leader: 2, base: one })
    }
    cluster.executed(two, undefined, 0, 0)
    assert.deepEqual(
      cluster.certified(),
      [1, 1, 1, 1],
      'what the old Raft instance still commits does not count',
    )
    cluster.executed(two, undefined, 0, 1)
    assert.deepEqual(cluster.certified(), [2, 2, 2, 2])
  })

  it('takes with it what its leader said of its proposals: in the next one that would be said of another place', () => {
    const cluster = new Cluster(4)
    cluster.executed(one)
    cluster.suspect()
    const { host } = cluster.node(2)
    const at = { epoch: 0, term: 1, leaf: one.size }
    host.claim(1, { ...at, view: 0, hash: sealHash(two) })
    host.claim(1, { ...at, view: 1, hash: sealHash(rival) })
    cluster.settle()
    assert.deepEqual(
      cluster.nodes.flatMap(node => node.all('evidence')),
      [],
    )
  })

  it('is left by one that was away, too, once it is heard again, whatever was lost of what it asked or was answered', () => {
    for (const lost of ['question', 'answer']) {
      const cluster = new Cluster(4)
      cluster.loses = (from, to) => from === 4 || to === 4
      cluster.suspect([1, 2, 3])
      cluster.loses = (from, to) => (lost === 'question' ? from === 4 : to === 4)
      const meet = (): void => {
        cluster.node(4).host.peerUp(1)
        cluster.node(1).host.peerUp(4)
        cluster.settle()
      }
      meet()
      assert.equal(cluster.node(4).status().view, 0)
      cluster.loses = () => false
      meet()
      cluster.run(200)
      assert.equal(cluster.node(4).status().view, 1, `the ${lost} was not repeated`)
    }
  })

  it('hands on what one of its members had locked, and nothing else can follow', () => {
    const cluster = new Cluster(4)
    cluster.executed(one)
    // First votes for `two` reach the first node only, and no second vote reaches anybody.
    let open = true
    cluster.loses = (_from, to) => !open || to !== 1
    for (const number of [2, 3, 4]) cluster.node(number).host.executed(1, 0, 0, two)
    cluster.node(1).host.executed(1, 0, 0, two)
    for (const node of cluster.nodes) while (node.pump());
    cluster.settle()
    open = false
    cluster.settle()
    cluster.loses = () => false
    cluster.suspect()
    assert.deepEqual(
      cluster.nodes.map(node => node.all('restart')[0]?.base),
      [two, two, two, two],
    )
    cluster.executed(rival, undefined, 0, 1)
    assert.deepEqual(cluster.certified(), [1, 1, 1, 1])
    cluster.nodes.forEach(node => {
      node.host.executed(1, 0, 1, seal(3, sealHash(two)))
    })
    cluster.settle()
    assert.deepEqual(cluster.certified(), [1, 1, 1, 1], 'its child has to wait for it')
    assert.deepEqual(
      cluster.nodes.flatMap(node => node.all('evidence')),
      [],
    )
  })

  it('is left by everybody once f + 1 have left it, and not before', () => {
    const cluster = new Cluster(4)
    cluster.suspect([4])
    assert.deepEqual(
      cluster.nodes.map(node => node.status().view),
      [0, 0, 0, 0],
    )
    cluster.suspect([3])
    assert.deepEqual(
      cluster.nodes.map(node => node.status().view),
      [1, 1, 1, 1],
    )
  })

  it('is left after a while for the sake of one member that gave it up alone, which then votes again', () => {
    const cluster = new Cluster(4)
    cluster.suspect([4])
    cluster.executed(one, [1, 2, 3])
    const views = (): number[] => cluster.nodes.map(node => node.status().view)
    cluster.run(10_000)
    assert.deepEqual(views(), [0, 0, 0, 0])
    cluster.run(3_000)
    assert.deepEqual(views(), [1, 1, 1, 1])
    cluster.loses = (from, to) => from === 1 || to === 1
    cluster.executed(one, [2, 3, 4], 0, 1)
    cluster.executed(two, [2, 3, 4], 0, 1)
    assert.equal(cluster.node(4).status().certified.height, 2)
  })

  it('is left at once for that member when the others can not decide without it', () => {
    const cluster = new Cluster(4)
    cluster.suspect([4])
    cluster.run(1_000)
    cluster.unreachable = [3]
    cluster.loses = (from, to) => from === 3 || to === 3
    cluster.run(500)
    assert.deepEqual(
      [1, 2, 4].map(number => cluster.node(number).status().view),
      [1, 1, 1],
    )
    cluster.executed(one, [1, 2, 4], 0, 1)
    assert.equal(cluster.node(4).status().certified.height, 1)
  })

  it('is not left at all for one that can not be reached, and only for the next one, whatever that member asks for', () => {
    const cluster = new Cluster(4)
    const ballot = { view: 0, height: 0, hash: genesisHash }
    const signed = sign(4, { kind: 3, authority, epoch: 0, view: 40, ballot })
    const bytes = encodeMessage({ type: 'view-change', viewChange: { signed, proof: undefined } })
    const frame = encodeFrame(undefined, [], [{ group: 1, bytes }])
    cluster.loses = (from, to) => from === 4 || to === 4
    cluster.unreachable = [4]
    for (const number of [1, 2, 3]) cluster.node(number).host.receive(4, frame)
    const views = (): number[] => [1, 2, 3].map(number => cluster.node(number).status().view)
    cluster.run(60_000)
    assert.deepEqual(views(), [0, 0, 0])
    cluster.unreachable = []
    cluster.run(13_000)
    assert.deepEqual(views(), [1, 1, 1])
  })

  it('is passed over soon when its leader began it for a moment, and forgot how in a crash', () => {
    const cluster = new Cluster(4)
    cluster.executed(one)
    cluster.loses = from => from === 2
    cluster.suspect([1, 3, 4])
    const leader = cluster.node(2)
    assert.equal(leader.status().view, 1)
    leader.disk.delete('1/view')
    leader.start()
    cluster.loses = () => false
    cluster.run(800)
    assert.deepEqual(
      cluster.nodes.map(node => node.status().view),
      [2, 2, 2, 2],
    )
    assert.deepEqual(
      cluster.nodes.flatMap(node => node.all('evidence')),
      [],
    )
  })

  it('is followed by another one when its leader is silent', () => {
    const cluster = new Cluster(4)
    cluster.loses = from => from === 2
    cluster.suspect([1, 3, 4])
    assert.deepEqual(
      cluster.nodes.map(node => node.status().view),
      [0, 1, 0, 0],
    )
    cluster.run(3000)
    assert.deepEqual(
      [1, 3, 4].map(number => cluster.node(number).status().view),
      [2, 2, 2],
    )
    cluster.executed(one, [1, 3, 4], 0, 2)
    assert.equal(cluster.node(1).status().certified.height, 1)
  })

  it('is given up without being asked when what was executed stays undecided', () => {
    const cluster = new Cluster(4)
    cluster.loses = () => true
    cluster.executed(one)
    cluster.run(1500)
    assert.ok(cluster.nodes.every(node => node.status().frozenTo === 1))
    cluster.loses = () => false
    cluster.run(1000)
    assert.ok(cluster.nodes.every(node => node.status().view === 1))
  })

  it('is followed by one in which all meet whom crashes have left waiting for several', () => {
    const cluster = new Cluster(4)
    // The second, which leads view 1, is away. Only the fourth hears that the others wait for it, and goes on to view 2.
    cluster.loses = (from, to) => from === 2 || to !== 4
    cluster.suspect([1, 3, 4])
    cluster.run(1500)
    const frozenTo = (): number[] => [1, 3, 4].map(number => cluster.node(number).status().frozenTo)
    assert.deepEqual(frozenTo(), [1, 1, 2])
    // Nobody remembers that the fourth had asked for view 1, too.
    for (const number of [1, 3, 4]) cluster.node(number).start()
    cluster.loses = (from, to) => from === 2 || to === 2
    cluster.run(10_000)
    const views = [1, 3, 4].map(number => cluster.node(number).status().view)
    assert.ok(new Set(views).size === 1 && views[0]! > 0, `views ${views}`)
  })

  it('stands still while its process does', () => {
    const cluster = new Cluster(4)
    cluster.loses = () => true
    cluster.executed(one)
    cluster.run(500)
    cluster.nowMs += 60_000
    cluster.run(400)
    assert.ok(cluster.nodes.every(node => node.status().frozenTo === 0))
    cluster.run(1500)
    assert.ok(cluster.nodes.every(node => node.status().frozenTo === 1))
  })

  it('is not given up while too few members can be reached to decide anything', () => {
    const cluster = new Cluster(4)
    cluster.unreachable = [2, 3, 4]
    cluster.loses = () => true
    cluster.executed(one)
    cluster.run(10_000)
    assert.ok(cluster.nodes.every(node => node.status().frozenTo === 0))
    cluster.unreachable = []
    cluster.run(1500)
    assert.ok(cluster.nodes.every(node => node.status().frozenTo === 1))
  })

  it('is not given up while those who can be reached ask what they have signed', () => {
    const cluster = new Cluster(3)
    cluster.unreachable = [2]
    cluster.loses = (from, to) => from === 2 || to === 2
    const lost = cluster.node(3)
    lost.disk = new Map()
    lost.start(true)
    cluster.executed(one, [1, 3])
    cluster.run(10_000)
    assert.equal(cluster.node(1).status().frozenTo, 0)
    cluster.unreachable = []
    cluster.loses = () => false
    cluster.executed(one, [2])
    cluster.run(500)
    assert.deepEqual(cluster.certified(), [1, 1, 1])
    // The one that forgot is there for the next view.
    cluster.unreachable = [2]
    cluster.loses = (from, to) => from === 2 || to === 2
    cluster.executed(two, [1, 3])
    cluster.run(3_000)
    assert.ok([1, 3].every(number => cluster.node(number).status().view > 0))
  })

  it('is passed over soon when its leader can not be reached', () => {
    const cluster = new Cluster(4)
    cluster.unreachable = [2]
    cluster.loses = (from, to) => from === 2 || to === 2
    cluster.suspect([1, 3, 4])
    cluster.run(800)
    assert.deepEqual(
      [1, 3, 4].map(number => cluster.node(number).status().view),
      [2, 2, 2],
    )
  })

  it('stays frozen over a crash', () => {
    const cluster = new Cluster(4)
    cluster.suspect([4])
    const node = cluster.node(4)
    node.start()
    cluster.settle()
    assert.equal(node.status().frozenTo, 1)
    assert.deepEqual(node.all('freeze').at(-1), { group: 1, epoch: 0, view: 0 })
    cluster.executed(one, [2, 3, 4])
    assert.deepEqual(cluster.certified(), [0, 0, 0, 0])
  })

  it('is told to a member that missed it all, with proof', () => {
    const cluster = new Cluster(4)
    cluster.loses = (from, to) => from === 4 || to === 4
    cluster.suspect([1, 2, 3])
    cluster.executed(one, [1, 2, 3], 0, 1)
    assert.deepEqual(cluster.certified(), [1, 1, 1, 0])
    cluster.loses = () => false
    cluster.executed(two, [1, 2, 3], 0, 1)
    cluster.run(500)
    assert.equal(cluster.node(4).status().view, 1)
    assert.equal(cluster.node(4).status().certified.height, 2)
  })
})

describe('bytes from a peer that lies', () => {
  it('never throw, and change nothing that was decided', () => {
    const cluster = new Cluster(4)
    cluster.executed(one)
    const frames = cluster.nodes.flatMap(({ log }) =>
      log.flatMap(({ send }) => send.map(({ frame }) => frame)),
    )
    const damaged = fc.tuple(fc.constantFrom(...frames), fc.nat(), fc.nat(255)).map(([frame, at, value]) => {
      const copy = frame.slice()
      copy[at % copy.length] = value
      return copy
    })
    const { host } = cluster.node(1)
    fc.assert(
      fc.property(
        fc.oneof(damaged, fc.uint8Array({ maxLength: 300 })),
        fc.integer({ min: 1, max: 9 }),
        (bytes, peer) => {
          host.receive(peer, bytes)
          cluster.settle()
          assert.deepEqual(cluster.certified(), [1, 1, 1, 1])
          assert.deepEqual(
            cluster.nodes.flatMap(node => node.all('evidence')),
            [],
          )
        },
      ),
      { numRuns: 500 },
    )
    cluster.executed(two)
    assert.deepEqual(cluster.certified(), [2, 2, 2, 2])
  })
})
