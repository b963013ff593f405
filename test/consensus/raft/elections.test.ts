import assert from 'node:assert/strict'
import {
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EntryType,
  MemoryLog,
  MessageType,
  newMessage,
  RawNode,
} from '../../../consensus/raft/index.ts'
import { Cluster, type Options } from './cluster.ts'

function elected(options: Options = {}, voters = [1, 2, 3]): Cluster {
  const cluster = new Cluster(voters, options)
  cluster.core(1).campaign()
  cluster.settle()
  assert.equal(cluster.core(1).role, 'leader')
  return cluster
}

function tickAll(cluster: Cluster, ticks: number): void {
  for (let i = 0; i < ticks; i++) {
    for (const member of cluster.members) member.core?.tick()
    cluster.settle()
  }
}

describe('raft: who leads', () => {
  it('without a leader somebody is elected within two election timeouts', () => {
    const cluster = new Cluster([1, 2, 3], { preVote: true, checkQuorum: true })
    tickAll(cluster, 60)
    assert.ok(cluster.leader() !== undefined)
  })

  it('with pre-vote a member that was cut off comes back without deposing anybody', () => {
    for (const preVote of [true, false]) {
      const cluster = elected({ preVote, checkQuorum: true })
      cluster.isolated.add(3)
      tickAll(cluster, 100)
      assert.equal(cluster.core(3).term > 1, !preVote)
      cluster.isolated.clear()
      tickAll(cluster, 40)
      assert.equal(cluster.leader()!.term === 1, preVote)
    }
  })

  it('while the lease of a leader lasts nobody else is voted for, except at its own wish', () => {
    const cluster = elected({ checkQuorum: true })
    cluster.core(3).campaign('election')
    cluster.settle()
    assert.equal(cluster.core(2).term, 1)
    assert.equal(cluster.core(2).lead, 1)
    for (let i = 0; i < 10; i++) cluster.core(2).tick()
    cluster.core(3).campaign('election')
    cluster.settle()
    assert.equal(cluster.core(2).lead, 3, 'the lease is over')
    cluster.core(1).campaign('transfer')
    cluster.settle()
    assert.equal(cluster.core(2).lead, 1)
  })

  it('who is told what is committed believes it of its own entries, and stands no more when that changes the members', () => {
    for (const changes of [[], [{ type: 'add-learner', nodeId: 4 }]] as const) {
      const cluster = elected({ preVote: true })
      const [leader, other] = [cluster.core(1), cluster.core(2)]
      if (changes.length === 0) leader.propose(EMPTY_BYTES)
      else leader.proposeConfChange({ version: 2, transition: 'auto', changes, context: EMPTY_BYTES })
      cluster.process(cluster.member(1))
      const index = leader.status().lastIndex
      assert.equal(other.learnCommitted(index, 1), false, 'it does not have it')
      for (const message of cluster.messages) if (message.to === 2) other.step(message)
      other.campaign()
      assert.equal(other.role, 'pre-candidate')
      assert.equal(other.learnCommitted(index, 2), false, 'it has one of another term')
      assert.equal(leader.learnCommitted(index, 1), false, 'it finds out itself')
      assert.equal(other.learnCommitted(index, 1), true)
      assert.equal(other.status().commit, index)
      assert.equal(other.role, changes.length === 0 ? 'pre-candidate' : 'follower')
      assert.equal(other.learnCommitted(index, 1), false, 'it knows it')
    }
  })

  it('a follower that is told to forget its leader votes at once', () => {
    for (const readOnly of ['safe', 'lease'] as const) {
      const cluster = elected({ checkQuorum: true, readOnly })
      cluster.core(2).forgetLeader()
      cluster.core(3).campaign('election')
      cluster.isolated.add(1)
      cluster.settle()
      assert.equal(cluster.core(3).role === 'leader', readOnly === 'safe', 'lease reads rely on the lease')
    }
  })

  it('with checkQuorum a leader without followers steps down, without it goes on', () => {
    for (const checkQuorum of [true, false]) {
      const cluster = elected({ checkQuorum })
      cluster.isolated.add(1)
      tickAll(cluster, 25)
      assert.equal(cluster.core(1).role === 'leader', !checkQuorum)
    }
  })

  it('does not commit an entry of an older term by counting (Raft paper, figure 8)', () => {
    const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3, 4, 5] }
    const log = new MemoryLog({
      snapshot: { index: 1, term: 1, confState, data: EMPTY_BYTES },
      hardState: { term: 3, vote: 0, commit: 1 },
      entries: [{ term: 2, index: 2, type: EntryType.Normal, data: EMPTY_BYTES }],
    })
    const core = new RawNode({ id: 1, electionTicks: 10, heartbeatTicks: 1, random: () => 0 }, log)
    const write = (): void => {
      const ready = core.ready()
      log.append(ready.entries)
      core.advance(ready)
    }
    const hear = (from: number, type: MessageType, index: number): void => {
      const message = newMessage(type, 1)
      Object.assign(message, { from, term: 4, index })
      assert.ok(core.step(message).ok)
    }
    core.campaign()
    write()
    hear(2, MessageType.VoteResp, 0)
    hear(3, MessageType.VoteResp, 0)
    assert.equal(core.role, 'leader')
    write()
    hear(2, MessageType.AppResp, 2)
    hear(3, MessageType.AppResp, 2)
    assert.equal(core.status().commit, 1, 'three of five have it, and 5 may still win with a later term')
    hear(2, MessageType.AppResp, 3)
    hear(3, MessageType.AppResp, 3)
    assert.equal(core.status().commit, 3)
  })

  it('hands leadership to a follower that is behind, and takes no proposal meanwhile', () => {
    const cluster = elected({ preVote: true, checkQuorum: true })
    cluster.isolated.add(2)
    cluster.propose(cluster.member(1), 5)
    cluster.settle()
    cluster.isolated.clear()
    cluster.core(1).transferLeader(2)
    assert.deepEqual(cluster.core(1).propose(EMPTY_BYTES), { ok: false, code: 'transferring' })
    tickAll(cluster, 8)
    assert.equal(cluster.core(2).role, 'leader')
  })

  it('a transfer that does not succeed in an election timeout is given up', () => {
    const cluster = elected()
    cluster.isolated.add(2)
    cluster.core(1).transferLeader(2)
    tickAll(cluster, 12)
    assert.equal(cluster.core(1).propose(EMPTY_BYTES).ok, true)
  })

  it('a follower asks its leader for the transfer', () => {
    const cluster = elected()
    assert.ok(cluster.core(3).transferLeader(3).ok)
    cluster.settle()
    assert.equal(cluster.core(3).role, 'leader')
  })

  it('a leader that is removed steps down, if so configured, and the others go on', () => {
    const cluster = elected({ stepDownOnRemoval: true })
    cluster.proposeChange(cluster.member(1), { transition: 'auto', changes: [{ type: 'remove', nodeId: 1 }] })
    cluster.settle()
    assert.equal(cluster.core(1).role, 'follower')
    tickAll(cluster, 60)
    assert.deepEqual(cluster.leader()!.status().config.voters, [2, 3])
    assert.equal(cluster.core(1).propose(EMPTY_BYTES).ok, false)
  })

  it('a joint configuration is left by itself, and needs both majorities until then', () => {
    const cluster = elected({}, [1, 2, 3, 4, 5])
    const changes = [
      { type: 'remove', nodeId: 2 },
      { type: 'remove', nodeId: 3 },
    ] as const
    cluster.proposeChange(cluster.member(1), { transition: 'implicit', changes })
    cluster.settle()
    assert.deepEqual(cluster.core(1).status().config, {
      voters: [1, 4, 5],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    })
    const explicit = { transition: 'explicit', changes: [{ type: 'add-voter', nodeId: 2 }] } as const
    cluster.proposeChange(cluster.member(1), explicit)
    cluster.settle()
    const { commit } = cluster.core(1).status()
    cluster.isolated.add(4).add(5)
    cluster.propose(cluster.member(1), 1)
    cluster.settle()
    assert.equal(cluster.core(1).status().commit, commit, '1 and 2 are no majority of 1, 4 and 5')
  })

  it('a change that does not fit is left out by everybody alike', () => {
    const cluster = elected()
    const result = cluster.core(2).applyConfChange({
      version: 2,
      transition: 'auto',
      changes: [1, 2, 3].map(nodeId => ({ type: 'remove', nodeId })),
      context: EMPTY_BYTES,
    })
    assert.equal(result.refused, 'removed-all-voters')
    assert.deepEqual(result.confState.voters, [1, 2, 3])
  })
})
