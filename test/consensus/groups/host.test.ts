import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeFrame, encodeFrames } from '../../../consensus/groups/frame.ts'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { type OutFrame, TICK_MS } from '../../../consensus/groups/types.ts'
import { type Message, MessageType, newMessage } from '../../../consensus/raft/types.ts'
import { bytes, Wired } from './wired.ts'

const MAX = 4 << 20

function messagesIn(frames: readonly OutFrame[]): Message[] {
  return frames.flatMap(({ frame }) => {
    const decoded = decodeFrame(frame, MAX)
    assert.ok(typeof decoded !== 'string')
    return decoded.groups.flatMap(group => [...group.messages])
  })
}

function types(frames: readonly OutFrame[]): MessageType[] {
  return messagesIn(frames).map(message => message.type)
}

function led(nodes: readonly number[] = [1, 2, 3], options = {}): Wired {
  const wired = new Wired(nodes, options)
  wired.openAll(1)
  wired.elect(1)
  assert.equal(wired.host(1).status(1)?.role, 'leader')
  return wired
}

describe('group host', () => {
  it('says how long a restart keeps it from voting', () => {
    const host = new GroupHost({ self: 1, random: () => 0, promisedMs: 500 })
    assert.equal(host.mutedForMs, 500)
    for (let ms = 0; ms < 490; ms += TICK_MS) host.tick()
    assert.equal(host.mutedForMs, 10)
    for (let ms = 0; ms < 20; ms += TICK_MS) host.tick()
    assert.equal(host.mutedForMs, 0)
    assert.equal(new GroupHost({ self: 1, random: () => 0 }).mutedForMs, 0)
  })

  it('commits what the leader takes, on all replicas, in the order and under the names that propose gave', () => {
    const wired = led()
    const names = ['a', 'b', 'c'].map(text => wired.host(1).propose(1, bytes(text)))
    wired.settle()
    for (const node of [1, 2, 3]) assert.deepEqual(wired.texts(node), ['a', 'b', 'c'])
    const committed = wired.committed.get(1)!.slice(-3)
    assert.deepEqual(
      names,
      committed.map(({ index, term }) => ({ ok: true, index, term })),
    )
  })

  it('makes one append of all proposals of a turn', () => {
    const wired = led()
    for (let i = 0; i < 100; i++) wired.host(1).propose(1, bytes(`${i}`))
    const appends = messagesIn(wired.host(1).takeEffects().send).filter(
      ({ type }) => type === MessageType.App,
    )
    assert.deepEqual(
      appends.map(append => append.entries.length),
      [100, 100],
    )
  })

  it('lets appends leave before its own write is done, and counts its own copy only after', () => {
    const wired = led([1, 2])
    wired.host(1).propose(1, bytes('x'))
    const { send, write } = wired.host(1).takeEffects()
    assert.deepEqual(types(send), [MessageType.App])
    assert.equal(write?.sync, true)
    wired.deliver(1, send)
    const follower = wired.host(2).takeEffects()
    assert.deepEqual(follower.send, [], 'an ack left before the sync')
    wired.host(2).persisted(follower.write!.cycle)
    const ack = wired.host(2).takeEffects()
    assert.deepEqual(types(ack.send), [MessageType.AppResp])
    wired.deliver(2, ack.send)
    assert.deepEqual(wired.host(1).takeEffects().committed, [], 'committed without its own copy')
    wired.host(1).persisted(write!.cycle)
    assert.equal(wired.host(1).takeEffects().committed[0]?.entries.length, 1)
  })

  it('sends a vote only after it is on disk', () => {
    const wired = new Wired([1, 2])
    wired.openAll(1)
    const ask = { ...newMessage(MessageType.Vote, 2), from: 1, term: 1 }
    const instance = { group: 1, epoch: 1, view: 0 }
    for (const frame of encodeFrames([{ instance, message: ask }], MAX)) {
      wired.host(2).receive(1, frame)
    }
    const before = wired.host(2).takeEffects()
    assert.deepEqual(types(before.send), [])
    assert.equal(before.write?.sync, true)
    wired.host(2).persisted(before.write!.cycle)
    const after = wired.host(2).takeEffects()
    assert.deepEqual(types(after.send), [MessageType.VoteResp])
    assert.equal(messagesIn(after.send)[0]!.reject, false)
  })

  it('sends nothing of a group any more that was closed, whatever waited for its lane', () => {
    const wired = led([1, 2])
    wired.openAll(3)
    wired.elect(3)
    const follower = wired.host(2)
    follower.peerFull(1)
    for (const group of [1, 3]) {
      wired.host(1).propose(group, bytes('x'))
      wired.deliver(1, wired.host(1).takeEffects().send)
      follower.persisted(follower.takeEffects().write!.cycle)
    }
    assert.deepEqual(types(follower.takeEffects().send), [], 'the lane is full')
    follower.close(1)
    follower.peerDrained(1)
    const left = follower.takeEffects().send.flatMap(({ frame }) => {
      const decoded = decodeFrame(frame, MAX)
      assert.ok(typeof decoded !== 'string')
      return decoded.groups.filter(({ messages }) => messages.length > 0).map(({ group }) => group)
    })
    assert.deepEqual(left, [3])
  })

  it('acknowledges a mere commit index without a write', () => {
    const wired = led()
    wired.host(1).propose(1, bytes('x'))
    wired.effects.length = 0
    wired.settle()
    const synced = wired.effects.filter(({ node, effects }) => node !== 1 && effects.write?.sync === true)
    assert.equal(synced.length, 2, 'one synced write for each follower')
  })

  it('has one write in flight, and fills the next batch meanwhile', () => {
    const wired = led()
    wired.host(1).propose(1, bytes('a'))
    const first = wired.host(1).takeEffects()
    assert.ok(first.write !== undefined)
    wired.host(1).propose(1, bytes('b'))
    wired.host(1).propose(1, bytes('c'))
    assert.equal(wired.host(1).takeEffects().write, undefined)
    wired.host(1).persisted(first.write!.cycle)
    const entries = wired
      .host(1)
      .takeEffects()
      .write!.ops.filter(op => op.key.length > 14)
    assert.equal(entries.length, 2)
    assert.throws(() => wired.host(1).persisted(first.write!.cycle), /cycle/)
  })

  it('sends the heartbeats of all groups to one peer in one urgent frame', () => {
    const wired = new Wired([1, 2, 3])
    for (let group = 1; group <= 150; group += 3) wired.openAll(group)
    wired.elect(1)
    for (let group = 1; group <= 150; group += 3) wired.host(1).propose(group, bytes('x'))
    wired.settle()
    let beats: OutFrame[] = []
    for (let i = 0; i < 10 && beats.length === 0; i++) {
      wired.host(1).tick()
      const { send } = wired.host(1).takeEffects()
      beats = send.filter(({ frame }) => types([{ peer: 0, lane: 0, frame }]).length > 0)
    }
    assert.deepEqual(
      beats.map(({ peer, lane }) => ({ peer, lane })),
      [2, 3].map(peer => ({ peer, lane: 0 })),
    )
    assert.equal(types(beats).filter(type => type === MessageType.Heartbeat).length, 100)
  })

  it('keeps appends out of the urgent lane', () => {
    const wired = led()
    wired.host(1).propose(1, bytes('x'))
    assert.deepEqual(
      [
        ...new Set(
          wired
            .host(1)
            .takeEffects()
            .send.map(({ lane }) => lane),
        ),
      ],
      [1],
    )
  })

  it('refuses proposals with a reason and the leader, and holds the quota', () => {
    const wired = led([1, 2, 3], { limits: { maxUncommittedBytes: 10, maxEntryBytes: 8 } })
    assert.deepEqual(wired.host(2).propose(1, bytes('x')), { ok: false, code: 'not-leader', leader: 1 })
    assert.deepEqual(wired.host(1).propose(2, bytes('x')), { ok: false, code: 'unknown-group', leader: 0 })
    assert.deepEqual(wired.host(1).propose(1, new Uint8Array(9)), { ok: false, code: 'too-large', leader: 1 })
    assert.equal(wired.host(1).propose(1, new Uint8Array(8)).ok, true)
    assert.deepEqual(wired.host(1).propose(1, new Uint8Array(8)), { ok: false, code: 'busy', leader: 1 })
    wired.settle()
    assert.equal(wired.host(1).propose(1, new Uint8Array(8)).ok, true, 'the quota is free again')
  })

  it('hands leadership over when asked, and refuses proposals while it does', () => {
    const wired = led()
    wired.host(1).transfer(1, 3)
    assert.deepEqual(wired.host(1).propose(1, bytes('x')), { ok: false, code: 'busy', leader: 1 })
    wired.settle()
    assert.equal(wired.host(3).status(1)?.role, 'leader')
    assert.equal(wired.host(1).status(1)?.leader, 3)
  })

  it('ignores and counts messages of other instances and unknown groups', () => {
    const wired = led()
    const send = (group: number, epoch: number, view: number): void => {
      const message = { ...newMessage(MessageType.Heartbeat, 2), from: 1, term: 99 }
      const [frame] = encodeFrames([{ instance: { group, epoch, view }, message }], MAX)
      wired.host(2).receive(1, frame!)
    }
    const { term } = wired.host(2).status(1)!
    send(1, 0, 9)
    send(1, 1, 1)
    send(1, 2, 0)
    send(5, 1, 0)
    assert.equal(wired.host(2).status(1)!.term, term)
    assert.deepEqual(Object.fromEntries(wired.host(2).counters()), {
      'older-instance': 1,
      'newer-instance': 2,
      'unknown-group': 1,
    })
  })

  it('takes a newer instance in the place of the old one, and never an older one', () => {
    const wired = led()
    const plan = { group: 1, voters: [1, 2, 3], learners: [] }
    wired.host(1).open({ ...plan, epoch: 2, view: 0 })
    assert.equal(wired.host(1).status(1)?.term, 0)
    assert.throws(() => wired.host(1).open({ ...plan, epoch: 1, view: 5 }), { code: 'older-instance' })
    assert.throws(() => wired.host(1).open({ ...plan, epoch: 2, view: 0 }), { code: 'already-open' })
  })

  it('refuses what a peer says in the name of another, or may not say at all', () => {
    const wired = led()
    const instance = { group: 1, epoch: 1, view: 0 }
    const say = (message: Message): void => {
      const [frame] = encodeFrames([{ instance, message }], MAX)
      wired.host(2).receive(3, frame!)
    }
    say({ ...newMessage(MessageType.Heartbeat, 2), from: 1, term: 99 })
    const entries = [{ term: 0, index: 0, type: 0 as const, data: bytes('x') }]
    say({ ...newMessage(MessageType.Prop, 2), from: 3, entries })
    say({ ...newMessage(MessageType.TransferLeader, 2), from: 3, term: 1 })
    say({ ...newMessage(MessageType.Heartbeat, 2), from: 3, term: Number.MAX_SAFE_INTEGER })
    assert.deepEqual(Object.fromEntries(wired.host(2).counters()), {
      'wrong-sender': 1,
      'unexpected-type': 2,
      'refused-term-jump': 1,
    })
  })

  it('lets only members of a group speak in it: a stranger of a higher term does not lead it', () => {
    const wired = new Wired([1, 2, 3, 4])
    const plan = { group: 1, epoch: 1, view: 0 }
    for (const node of [1, 2, 3]) wired.host(node).open({ ...plan, voters: [1, 2], learners: [3] })
    const say = (to: number, from: number, message: Partial<Message>): void => {
      const full = { ...newMessage(MessageType.App, to), from, term: 9, ...message }
      const [frame] = encodeFrames([{ instance: plan, message: full, snapshotFailed: 0 }], MAX)
      wired.host(to).receive(from, frame!)
    }
    const entries = [{ term: 9, index: 1, type: 0 as const, data: bytes('forged') }]
    for (const member of [1, 2, 3]) {
      say(member, 4, { entries, commit: 1 })
      say(member, 4, { type: MessageType.Vote })
      assert.equal(wired.host(member).status(1)!.term, 0)
      assert.deepEqual(Object.fromEntries(wired.host(member).counters()), { 'not-member': 2 })
    }
    say(2, 3, { type: MessageType.Heartbeat, term: 1 })
    assert.equal(wired.host(2).status(1)!.leader, 3, 'a learner here may have been made a voter')
    wired.settle()
    for (const member of [1, 2, 3]) assert.deepEqual(wired.texts(member), [])
  })

  it('lets a replica that has no members yet hear the leader that adds it', () => {
    const wired = new Wired([1, 4])
    const plan = { group: 1, epoch: 1, view: 0 }
    wired.host(4).open({ ...plan, voters: [], learners: [] })
    const message = { ...newMessage(MessageType.Heartbeat, 4), from: 1, term: 3 }
    const [frame] = encodeFrames([{ instance: plan, message, snapshotFailed: 0 }], MAX)
    wired.host(4).receive(1, frame!)
    assert.equal(wired.host(4).status(1)!.leader, 1)
  })

  it('never throws on what peers send, and goes on', () => {
    const wired = led()
    wired.host(1).propose(1, bytes('x'))
    const frames = wired
      .host(1)
      .takeEffects()
      .send.map(({ frame }) => frame)
    fc.assert(
      fc.property(fc.constantFrom(...frames), fc.array(fc.tuple(fc.nat(), fc.nat(255))), (frame, changes) => {
        const changed = frame.slice()
        for (const [at, value] of changes) changed[at % changed.length] = value
        for (const peer of [1, 2, 3]) wired.host(peer).receive(1 + (peer % 3), changed)
      }),
      { numRuns: 500 },
    )
    const total = [...wired.host(2).counters().values()].reduce((sum, count) => sum + count, 0)
    assert.ok(total > 100)
  })

  it('compacts up to what is applied, no further and not twice', () => {
    const wired = led()
    wired.host(1).propose(1, bytes('x'))
    wired.settle()
    const { applied } = wired.host(1).status(1)!
    assert.deepEqual(wired.host(1).compact(1, applied + 1, bytes('m')), { ok: false, code: 'not-applied' })
    assert.deepEqual(wired.host(1).compact(1, applied, bytes('m')), { ok: true })
    assert.deepEqual(wired.host(1).compact(1, applied, bytes('m')), { ok: false, code: 'already-compacted' })
    assert.equal(wired.host(1).status(1)!.firstIndex, applied + 1)
    wired.host(1).propose(1, bytes('y'))
    wired.settle()
    assert.deepEqual(wired.texts(2), ['x', 'y'])
  })

  it('after a failed write takes, sends and acknowledges nothing more', () => {
    const wired = led()
    wired.host(1).propose(1, bytes('x'))
    assert.ok(wired.host(1).takeEffects().write !== undefined)
    wired.host(1).stop()
    assert.deepEqual(wired.host(1).propose(1, bytes('y')), { ok: false, code: 'stopped', leader: 0 })
    for (let i = 0; i < 100; i++) wired.host(1).tick()
    const { send, write, committed } = wired.host(1).takeEffects(true)
    assert.deepEqual([send, write, committed], [[], undefined, []])
  })

  it('refuses to open a group whose state is ahead of its log', () => {
    const host = new GroupHost({ self: 1, random: () => 0 })
    const options = { group: 1, epoch: 1, view: 0, voters: [1], learners: [], applied: 5 }
    assert.throws(() => host.open(options), { code: 'applied-past-log' })
  })
})

describe('snapshots of a group', () => {
  /** Node 3 has missed everything that nodes 1 and 2 have compacted away. */
  function behind(): Wired {
    const wired = led()
    wired.host(1).peerDown(3)
    wired.host(3).peerDown(1)
    for (let i = 0; i < 10; i++) wired.host(1).propose(1, bytes(`${i}`))
    wired.settle()
    wired.host(1).compact(1, wired.host(1).status(1)!.applied, bytes('the state'))
    wired.host(1).peerUp(3)
    wired.host(3).peerUp(1)
    return wired
  }

  function offers(wired: Wired, ticks: number): { index: number; meta: string; from: number }[] {
    wired.effects.length = 0
    for (let i = 0; i < ticks; i++) {
      for (const host of wired.hosts.values()) host.tick()
      wired.settle()
    }
    return wired.effects
      .flatMap(({ effects }) => effects.offered)
      .map(({ index, meta, from }) => ({ index, meta: Buffer.from(meta).toString(), from }))
  }

  it('are offered to who fell behind, and taken only when the state is there, together with what the daemon adds', () => {
    const wired = behind()
    const { applied } = wired.host(1).status(1)!
    assert.deepEqual(offers(wired, 30), [{ index: applied, meta: 'the state', from: 1 }])
    assert.ok(wired.host(3).status(1)!.applied < applied)
    const op = { key: bytes('A'), value: bytes('state') }
    assert.equal(wired.host(3).snapshotReady(1, applied, [op]), true)
    wired.effects.length = 0
    wired.settle()
    const write = wired.effects.find(({ node, effects }) => node === 3 && effects.write !== undefined)
    assert.ok(write?.effects.write?.ops.includes(op))
    const installed = wired.effects.flatMap(({ effects }) => effects.installed)
    assert.deepEqual(
      installed.map(({ index, meta }) => [index, Buffer.from(meta).toString()]),
      [[applied, 'the state']],
    )
    wired.host(1).propose(1, bytes('after'))
    wired.settle()
    assert.deepEqual(wired.texts(3), ['after'])
    assert.equal(wired.committed.get(3)!.at(-1)!.index, applied + 1)
  })

  it('are offered again when the state could not be had', () => {
    const wired = behind()
    const [offer] = offers(wired, 30)
    wired.host(3).snapshotFailed(1, offer!.index)
    assert.deepEqual(offers(wired, 30), [offer])
  })

  it('are offered again when the word of the failure was lost', () => {
    const wired = behind()
    const [offer] = offers(wired, 30)
    wired.host(3).snapshotFailed(1, offer!.index)
    wired.host(3).takeEffects()
    assert.deepEqual(offers(wired, 300), [offer])
  })

  it('are offered once while the daemon fetches the state, however often the leader asks', () => {
    const wired = behind()
    assert.equal(offers(wired, 30).length, 1)
    assert.equal(offers(wired, 1000).length, 0)
  })
})
