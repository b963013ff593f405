import assert from 'node:assert/strict'
import { encodeFrames } from '../../../consensus/groups/frame.ts'
import type { GroupHostOptions } from '../../../consensus/groups/types.ts'
import { type Message, MessageType, newMessage } from '../../../consensus/raft/types.ts'
import { bytes, Wired } from './wired.ts'

const INSTANCE = { group: 1, epoch: 1, view: 1 }
const NODES = [1, 2, 3, 4]
const FIRST = 1
const LIAR = 4
const HOLD_MS = 30_000

/** What makes an honest member of Raft follow somebody else, or end what it leads. */
const LIES: readonly (readonly [string, Partial<Message> & Pick<Message, 'type'>])[] = [
  ['leads', { type: MessageType.Heartbeat }],
  ['appends', { type: MessageType.App }],
  ['answers', { type: MessageType.AppResp }],
  ['confirms', { type: MessageType.HeartbeatResp }],
  ['refuses its vote', { type: MessageType.VoteResp, reject: true }],
  ['refuses its vote to come', { type: MessageType.PreVoteResp, reject: true }],
  [
    'stands as if the leader had asked for it',
    { type: MessageType.Vote, index: 9, logTerm: 9, context: bytes('transfer') },
  ],
  ['wants another one to stand', { type: MessageType.TimeoutNow }],
]

function held(options: Partial<GroupHostOptions> = {}): Wired {
  const wired = new Wired(NODES, options)
  for (const host of wired.hosts.values())
    host.open({
      ...{ ...INSTANCE, voters: NODES, learners: [], firstLeader: FIRST },
      ...{ keepsVoters: true, holdMs: HOLD_MS },
    })
  return wired
}

function tick(wired: Wired, times: number): void {
  for (let i = 0; i < times; i++) {
    for (const host of wired.hosts.values()) host.tick()
    wired.carryOut()
  }
}

function lie(wired: Wired, to: number, how: Partial<Message>): void {
  const { term } = wired.host(to).status(1)!
  const message = Object.assign(newMessage(how.type!, to), { from: LIAR, term: term + 1, ...how })
  for (const frame of encodeFrames([{ instance: INSTANCE, message }], 1000))
    wired.host(to).receive(LIAR, frame)
}

const leaders = (wired: Wired, nodes: readonly number[]): (number | undefined)[] =>
  nodes.map(node => wired.host(node).status(1)?.leader)

describe('a group that is held to its first leader', () => {
  for (const [name, how] of LIES)
    it(`goes on with it, when another member ${name} in ever higher terms`, () => {
      const wired = held()
      wired.elect(1)
      const { term } = wired.host(FIRST).status(1)!
      for (let round = 0; round < 20; round++) {
        for (const to of [1, 2, 3]) lie(wired, to, how)
        wired.host(FIRST).propose(1, bytes(`${round}`))
        tick(wired, 10)
      }
      assert.deepEqual(leaders(wired, [1, 2, 3]), [FIRST, FIRST, FIRST])
      assert.equal(wired.host(FIRST).status(1)!.term, term)
      for (const node of [1, 2, 3]) assert.equal(wired.texts(node).length, 20)
      assert.ok(wired.host(2).counters().get('not-first-leader')! >= 20)
    })

  it('elects that one, though another member claims to lead before anybody does', () => {
    const wired = held()
    for (let i = 0; i < 200; i++) {
      for (const to of [1, 2, 3]) lie(wired, to, { type: MessageType.Heartbeat })
      tick(wired, 1)
    }
    assert.deepEqual(leaders(wired, [1, 2, 3]), [FIRST, FIRST, FIRST])
  })

  it('elects another one two seconds after the first was lost', () => {
    const wired = held()
    wired.elect(1)
    wired.hosts.delete(FIRST)
    for (const host of wired.hosts.values()) host.peerDown(FIRST)
    tick(wired, 150)
    assert.ok(leaders(wired, [2, 3, 4]).every(leader => leader === 0))
    tick(wired, 150)
    const [leader] = leaders(wired, [2])
    assert.ok(leader! > 1)
    assert.deepEqual(leaders(wired, [3, 4]), [leader, leader])
  })

  it('follows whoever is elected once its time is over', () => {
    const wired = held()
    wired.elect(1)
    tick(wired, HOLD_MS / 10)
    wired.host(FIRST).transfer(1, 2)
    tick(wired, 50)
    assert.deepEqual(leaders(wired, NODES), [2, 2, 2, 2])
  })

  it('is not handed over before, since nobody would vote for the heir', () => {
    const wired = held()
    wired.elect(1)
    wired.host(FIRST).transfer(1, 2)
    tick(wired, 100)
    assert.deepEqual(leaders(wired, NODES), [FIRST, FIRST, FIRST, FIRST])
  })
})
