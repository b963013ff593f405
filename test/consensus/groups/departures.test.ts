import assert from 'node:assert/strict'
import type { Departure } from '../../../consensus/groups/departures.ts'
import { decodeFrame, encodeFrames } from '../../../consensus/groups/frame.ts'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { MessageType, newMessage } from '../../../consensus/raft/types.ts'
import { bytes, Wired } from './wired.ts'

const INSTANCE = { group: 1, epoch: 1, view: 0 }
const ALL = [1, 2, 3, 4, 5]
const BEFORE = [1, 4, 5]
const AFTER = [2, 3, 5]

interface Left {
  readonly wired: Wired
  /** What node 1 knew when it closed its replica. */
  readonly departure: Departure
}

/**
 * Node 1 leads, all but node 5 leave, and only node 1 has heard that the change is committed when it closes its replica. Then
 * node 5 is lost too: of the members before, no quorum is left that has a replica.
 */
function left(): Left {
  const wired = new Wired(ALL)
  for (const host of wired.hosts.values())
    host.open({ ...INSTANCE, voters: BEFORE, learners: [], introduced: ALL })
  wired.elect(1)
  const first = wired.host(1)
  first.changeMembers(1, { voters: BEFORE, learners: [2, 3] })
  wired.settle()
  first.changeMembers(1, { voters: AFTER, learners: [] })
  for (let i = 0; i < 100 && first.status(1)!.isMember; i++) {
    for (const [node, host] of wired.hosts) {
      const { send, write } = host.takeEffects()
      if (write !== undefined) host.persisted(write.cycle)
      if (first.status(1)!.isMember) wired.deliver(node, send)
    }
  }
  const members = [2, 3, 4].map(node => wired.host(node).status(1)!.members)
  for (const { voters, votersOutgoing } of members)
    assert.deepEqual({ voters, votersOutgoing }, { voters: AFTER, votersOutgoing: BEFORE })
  wired.hosts.delete(5)
  for (const host of wired.hosts.values()) host.peerDown(5)
  const departure = first.close(1)!
  first.departed(departure)
  return { wired, departure }
}

/** Ticks until one of the new members leads alone, with nobody of before: who that is, 0 when it takes too long. */
function leaderAfter(wired: Wired): number {
  for (let i = 0; i < 400; i++) {
    for (const host of wired.hosts.values()) host.tick()
    wired.settle()
    const leader = [2, 3].find(node => wired.host(node).status(1)?.role === 'leader')
    const members = leader === undefined ? undefined : wired.host(leader).status(1)!.members
    if (members?.voters.join() === AFTER.join() && members.votersOutgoing.length === 0) return leader!
  }
  return 0
}

describe('who left a group', () => {
  it('tells those who ask for its vote that they do not need it, when only it has heard that it left', () => {
    const { wired } = left()
    const leader = leaderAfter(wired)
    assert.notEqual(leader, 0)
    wired.host(leader).propose(1, bytes('x'))
    wired.settle()
    for (const node of [2, 3]) assert.deepEqual(wired.texts(node), ['x'])
  })

  it('still tells it after a restart', () => {
    const { wired, departure } = left()
    const again = new GroupHost({ self: 1, random: () => 0 })
    wired.hosts.set(1, again)
    for (const peer of [2, 3, 4]) {
      wired.host(peer).peerDown(1)
      wired.host(peer).peerUp(1)
      again.peerUp(peer)
    }
    again.departed(departure)
    assert.notEqual(leaderAfter(wired), 0)
  })

  it('is not asked in vain either where members stayed: they tell it, once members have changed, to who may have missed that', () => {
    const wired = new Wired(ALL)
    for (const host of wired.hosts.values())
      host.open({ ...INSTANCE, voters: BEFORE, learners: [], introduced: ALL })
    wired.elect(1)
    const told = (logEnd: number): { committedIndex: number; committedTerm: number }[] => {
      const message = { ...newMessage(MessageType.PreVote, 4), from: 5, term: 9, index: logEnd, logTerm: 1 }
      wired.host(4).receive(5, encodeFrames([{ instance: INSTANCE, message }], 1000)[0]!)
      const frames = wired
        .host(4)
        .takeEffects()
        .send.map(({ frame }) => decodeFrame(frame, 1000))
      return frames
        .flatMap(frame => (typeof frame === 'string' ? [] : frame.groups))
        .filter(({ committedIndex }) => committedIndex > 0)
        .map(({ committedIndex, committedTerm }) => ({ committedIndex, committedTerm }))
    }
    const { lastIndex } = wired.host(4).status(1)!
    assert.deepEqual(told(lastIndex), [], 'its members are those that it began with')
    wired.host(1).changeMembers(1, { voters: BEFORE, learners: [2] })
    wired.settle()
    assert.deepEqual(told(lastIndex), [], 'its log does not reach the change')
    assert.deepEqual(told(lastIndex + 1), [{ committedIndex: lastIndex + 1, committedTerm: 1 }])
  })

  it('tells nothing to who asks for no vote or of another instance, and nothing once it has a replica again', () => {
    const host = new GroupHost({ self: 1, random: () => 0 })
    host.peerUp(2)
    host.departed({ ...INSTANCE, index: 7, term: 3 })
    const answersTo = (type: MessageType, instance = INSTANCE): number => {
      const message = { ...newMessage(type, 1), from: 2, term: 4, index: 7, logTerm: 3 }
      host.receive(2, encodeFrames([{ instance, message }], 1000)[0]!)
      return host.takeEffects().send.length
    }
    assert.equal(answersTo(MessageType.PreVote), 1)
    assert.equal(answersTo(MessageType.Vote), 1)
    assert.equal(answersTo(MessageType.Heartbeat), 0)
    assert.equal(answersTo(MessageType.Vote, { ...INSTANCE, view: 1 }), 0)
    host.open({ ...INSTANCE, voters: [3], learners: [], introduced: [] })
    assert.equal(answersTo(MessageType.Vote), 0)
    assert.equal(host.counters().get('not-member'), 1)
  })
})

describe('a replica that one member tells what is committed', () => {
  const voters = [1, 2, 3, 4]

  /** Node 1 leads and has one entry that only node `heard` has too; then node 4 says that it is committed. */
  function liedTo(heard: number, learners: readonly number[]): Wired {
    const wired = new Wired([1, 2, 3, ...learners])
    for (const host of wired.hosts.values()) {
      host.open({ ...INSTANCE, voters, learners: [], introduced: learners, keepsVoters: true })
      host.peerUp(4)
    }
    wired.elect(1)
    const [first, other] = [wired.host(1), wired.host(heard)]
    if (learners.length > 0) first.changeMembers(1, { voters, learners })
    wired.settle()
    first.propose(1, bytes('x'))
    const { send, write } = first.takeEffects()
    if (write !== undefined) first.persisted(write.cycle)
    wired.deliver(
      1,
      send.filter(({ peer }) => peer === heard),
    )
    wired.hosts.delete(1)
    const { lastIndex: committedIndex, term: committedTerm } = other.status(1)!
    const lie = { instance: INSTANCE, message: undefined, committedIndex, committedTerm }
    other.receive(4, encodeFrames([lie], 1000)[0]!)
    for (const host of wired.hosts.values()) host.peerDown(1)
    wired.carryOut()
    assert.ok(other.status(1)!.commit < committedIndex, `node ${heard} takes it for committed`)
    assert.equal(other.counters().get('committed-unasked'), 1)
    return wired
  }

  it('does not believe it where no voter leaves: what the others commit stands against it', () => {
    assert.deepEqual(liedTo(2, []).texts(2), [])
  })

  it('does not believe it as a learner either', () => {
    assert.deepEqual(liedTo(5, [5]).texts(5), [])
  })
})

describe('a voter that is told that it left', () => {
  const lie = encodeFrames([{ instance: INSTANCE, message: undefined, removedAt: 2 ** 40 }], 1000)[0]!

  /** Node 4 is a voter and says so to the three others whenever it can, and nothing else. */
  function liedTo(keepsVoters: boolean): Wired {
    const wired = new Wired([1, 2, 3, 4])
    wired.hosts.delete(4)
    for (const host of wired.hosts.values())
      host.open({ ...INSTANCE, voters: [1, 2, 3, 4], learners: [], keepsVoters })
    for (let i = 0; i < 200; i++) {
      for (const host of wired.hosts.values()) {
        host.receive(4, lie)
        host.tick()
      }
      wired.settle()
    }
    return wired
  }

  it('does not believe it where no voter leaves before the instance ends: one liar of four stops nobody', () => {
    const wired = liedTo(true)
    const roles = [1, 2, 3].map(node => wired.host(node).status(1)!.role)
    assert.equal(roles.filter(role => role === 'leader').length, 1, `${roles}`)
    for (const node of [1, 2, 3]) {
      assert.equal(wired.host(node).status(1)!.isMember, true)
      assert.ok(wired.host(node).counters().get('removed-untrue')! > 0)
    }
  })

  it('believes it elsewhere, where members trust each other', () => {
    const wired = liedTo(false)
    for (const node of [1, 2, 3]) assert.equal(wired.host(node).status(1)!.isMember, false)
  })

  it('does not believe it either when its disk was lost and it asks where the others are', () => {
    const disk = { hardState: undefined, snapshot: undefined, entries: [], oldestCovered: 0 }
    const host = new GroupHost({ self: 1, random: () => 0 })
    const options = { ...INSTANCE, voters: [1, 2, 3, 4], learners: [], keepsVoters: true }
    host.open(options, { ...disk, rejoin: { term: 0, index: 0 } })
    host.receive(4, lie)
    assert.deepEqual(host.takeEffects().removed, [])
    assert.equal(host.status(1)!.isMember, true)
    assert.equal(host.counters().get('removed-untrue'), 1)
  })

  it('does believe it as a learner: these come and go within an instance', () => {
    const host = new GroupHost({ self: 5, random: () => 0 })
    host.open({ ...INSTANCE, voters: [1, 2, 3, 4], learners: [5], keepsVoters: true })
    host.receive(4, lie)
    assert.equal(host.status(1)!.isMember, false)
  })

  it('does not let one of them name the voters whose answers it waits for, when its disk was lost', () => {
    const disk = { hardState: undefined, snapshot: undefined, entries: [], oldestCovered: 0 }
    const host = new GroupHost({ self: 1, random: () => 0 })
    host.open(
      { ...INSTANCE, voters: [1, 2, 3, 4], learners: [], keepsVoters: true },
      { ...disk, rejoin: { term: 0, index: 0 } },
    )
    host.peerUp(4)
    for (let i = 0; i < 40; i++) host.tick()
    const asked = host.takeEffects().send.map(({ frame }) => decodeFrame(frame, 1000))
    const nonces = asked
      .flatMap(frame => (typeof frame === 'string' ? [] : frame.groups))
      .map(g => g.rejoinAsk)
    const rejoinAnswer = {
      ...{ nonce: Math.max(...nonces), term: 2, lastIndex: 3, applied: 2 ** 40, wiped: false },
      ...{ voters: [1, 4, 9], votersOutgoing: [] },
    }
    host.receive(4, encodeFrames([{ instance: INSTANCE, message: undefined, rejoinAnswer }], 2000)[0]!)
    assert.deepEqual(host.status(1)!.rejoining?.waitsFor, [2, 3])
  })
})
