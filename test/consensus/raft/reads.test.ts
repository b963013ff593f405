import assert from 'node:assert/strict'
import { MessageType } from '../../../consensus/raft/index.ts'
import { Cluster } from './cluster.ts'

function elected(readOnly: 'safe' | 'lease' = 'safe'): Cluster {
  const cluster = new Cluster([1, 2, 3], { checkQuorum: true, readOnly })
  cluster.core(1).campaign()
  cluster.settle()
  return cluster
}

describe('raft: reads', () => {
  it('a leader answers when a quorum has confirmed it', () => {
    const cluster = elected()
    cluster.readIndex(cluster.member(1))
    cluster.process(cluster.member(1))
    assert.equal(cluster.reads.length, 0)
    cluster.settle()
    assert.equal(cluster.reads.length, 1)
  })

  it('a leader that was deposed without knowing it answers nothing', () => {
    const cluster = new Cluster([1, 2, 3], {})
    cluster.core(1).campaign()
    cluster.settle()
    cluster.isolated.add(1)
    cluster.core(2).campaign()
    cluster.settle()
    cluster.propose(cluster.member(2), 5)
    cluster.settle()
    assert.equal(cluster.core(1).role, 'leader')
    cluster.readIndex(cluster.member(1))
    cluster.settle()
    assert.equal(cluster.reads.length, 0)
  })

  it('a follower asks the leader', () => {
    const cluster = elected()
    cluster.readIndex(cluster.member(3))
    cluster.settle()
    assert.equal(cluster.reads.length, 1)
  })

  it('reads that come before the first commit of the term wait for it', () => {
    const cluster = new Cluster([1, 2, 3], { asyncStorageWrites: true })
    cluster.core(2).campaign()
    cluster.settle()
    cluster.core(1).campaign()
    while (cluster.core(1).role !== 'leader') {
      for (const member of cluster.members) {
        cluster.process(member)
        cluster.write(member)
      }
      while (cluster.messages.length > 0) cluster.deliver(0)
    }
    cluster.readIndex(cluster.member(1))
    assert.equal(cluster.core(1).raft.earlyReads.length, 1)
    cluster.settle()
    assert.equal(cluster.reads.length, 1)
  })

  it('one round of heartbeats confirms all reads that wait', () => {
    const cluster = elected()
    for (let i = 0; i < 100; i++) cluster.readIndex(cluster.member(1))
    cluster.process(cluster.member(1))
    const heartbeats = cluster.messages.filter(message => message.type === MessageType.Heartbeat)
    cluster.messages = [heartbeats[heartbeats.length - 1]!]
    cluster.settle()
    assert.equal(cluster.reads.length, 100)
  })

  it('with a lease the leader answers at once', () => {
    const cluster = elected('lease')
    cluster.readIndex(cluster.member(1))
    cluster.process(cluster.member(1))
    assert.equal(cluster.reads.length, 1)
  })

  it('reads that wait are bounded', () => {
    const cluster = elected()
    const context = new Uint8Array([0, 0])
    let result = cluster.core(1).readIndex(context)
    for (let i = 0; i < 5000 && result.ok; i++) result = cluster.core(1).readIndex(context)
    assert.deepEqual(result, { ok: false, code: 'busy' })
  })
})
