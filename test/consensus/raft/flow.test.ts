import assert from 'node:assert/strict'
import { MessageType } from '../../../consensus/raft/index.ts'
import { Cluster, FIRST_INDEX, type Options } from './cluster.ts'

function elected(options: Options): Cluster {
  const cluster = new Cluster([1, 2, 3], options)
  cluster.core(1).campaign()
  cluster.settle()
  return cluster
}

function appendsTo(cluster: Cluster, id: number): number {
  return cluster.messages.filter(
    message => message.type === MessageType.App && message.to === id && message.entries.length > 0,
  ).length
}

describe('raft: how much is under way', () => {
  it('appends in flight are bounded in messages', () => {
    const cluster = elected({ maxInflightMessages: 3 })
    for (let i = 0; i < 10; i++) cluster.propose(cluster.member(1), i)
    cluster.process(cluster.member(1))
    assert.equal(appendsTo(cluster, 2), 3)
    cluster.settle()
    assert.equal(cluster.core(2).status().lastIndex, cluster.core(1).status().lastIndex)
  })

  it('appends in flight are bounded in bytes, and pass the bound by one message at most', () => {
    const cluster = elected({ maxInflightBytes: 1000, maxSizePerMessage: 500 })
    for (let i = 0; i < 10; i++) cluster.core(1).propose(new Uint8Array(400))
    cluster.process(cluster.member(1))
    assert.equal(appendsTo(cluster, 2), 3)
    cluster.settle()
    assert.equal(cluster.core(2).status().lastIndex, cluster.core(1).status().lastIndex)
  })

  it('payload is handed on, not copied', () => {
    const cluster = elected({})
    const data = new Uint8Array(100)
    cluster.core(1).propose(data)
    const ready = cluster.core(1).ready()
    assert.equal(ready.entries[0]!.data, data)
    const appends = ready.messages.filter(message => message.type === MessageType.App)
    assert.deepEqual(
      appends.map(append => append.entries[0]!.data === data),
      [true, true],
    )
  })

  it('proposals over the quota are refused until what went before is applied', () => {
    const cluster = elected({ maxUncommittedSize: 1000 })
    const data = new Uint8Array(400)
    assert.deepEqual(
      [1, 2, 3].map(() => cluster.core(1).propose(data).ok),
      [true, true, false],
    )
    cluster.settle()
    assert.equal(cluster.core(1).status().uncommittedSize, 0)
    assert.equal(cluster.core(1).propose(data).ok, true)
  })

  it('the quota also counts what a new leader inherits', () => {
    const cluster = elected({ maxUncommittedSize: 1000 })
    const data = new Uint8Array(600)
    cluster.core(1).propose(data)
    cluster.process(cluster.member(1))
    // Both followers get the entry; their acks are lost.
    for (const id of [2, 3]) {
      cluster.deliver(0)
      cluster.process(cluster.member(id))
    }
    cluster.messages = []
    cluster.core(2).campaign()
    cluster.process(cluster.member(2))
    for (let i = 0; i < 4 && cluster.core(2).role !== 'leader'; i++) {
      cluster.deliver(0)
      for (const member of cluster.members) cluster.process(member)
    }
    assert.equal(cluster.core(2).role, 'leader')
    assert.equal(cluster.core(2).status().uncommittedSize, 600)
    assert.deepEqual(cluster.core(2).propose(data), { ok: false, code: 'over-quota' })
    cluster.settle()
    assert.equal(cluster.core(2).propose(data).ok, true)
  })

  it('a follower whose entries are compacted gets a snapshot, and goes on from there', () => {
    const cluster = elected({})
    cluster.isolated.add(3)
    for (let i = 0; i < 20; i++) cluster.propose(cluster.member(1), i)
    cluster.settle()
    cluster.compact(cluster.member(1))
    assert.equal(cluster.member(1).log.firstIndex(), cluster.core(1).status().applied + 1)
    cluster.isolated.clear()
    for (let i = 0; i < 20; i++) {
      for (const member of cluster.members) member.core!.tick()
      cluster.settle()
    }
    assert.ok(cluster.member(3).log.snapshot()!.index > FIRST_INDEX)
    cluster.propose(cluster.member(1), 99)
    cluster.settle()
    assert.equal(cluster.core(3).status().commit, cluster.core(1).status().commit)
  })

  it('a learner gets everything and decides nothing', () => {
    const cluster = new Cluster([1, 2], {}, 1, [3])
    cluster.core(1).campaign()
    cluster.settle()
    assert.equal(cluster.core(3).status().commit, cluster.core(1).status().commit)
    cluster.isolated.add(2)
    const { commit } = cluster.core(1).status()
    cluster.propose(cluster.member(1), 1)
    cluster.settle()
    assert.equal(cluster.core(3).status().lastIndex, commit + 1)
    assert.equal(cluster.core(1).status().commit, commit)
    for (let i = 0; i < 100; i++) cluster.core(3).tick()
    assert.equal(cluster.core(3).role, 'follower')
  })
})
