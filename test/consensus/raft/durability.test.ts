import assert from 'node:assert/strict'
import {
  EMPTY_BYTES,
  type Entry,
  EntryType,
  LOCAL_APPEND_THREAD,
  type Message,
  MessageType,
  newMessage,
} from '../../../consensus/raft/index.ts'
import { Cluster } from './cluster.ts'

const ASYNC = { asyncStorageWrites: true }

function typesOf(messages: readonly Message[]): number[] {
  return messages.map(message => message.type)
}

function entry(term: number, index: number, value: number): Entry {
  return { term, index, type: EntryType.Normal, data: new Uint8Array([value]) }
}

function append(term: number, entries: readonly Entry[], logTerm: number): Message {
  const message = newMessage(MessageType.App, 2)
  message.from = 1
  message.term = term
  message.index = entries[0]!.index - 1
  message.logTerm = logTerm
  message.entries = entries
  return message
}

describe('raft: what waits for the disk', () => {
  it('a vote leaves only with the response of the write that holds it', () => {
    const cluster = new Cluster([1, 2, 3], ASYNC)
    const request = newMessage(MessageType.Vote, 2)
    Object.assign(request, { from: 1, term: 1, index: 2, logTerm: 1 })
    cluster.core(2).step(request)
    const { messages } = cluster.core(2).ready()
    assert.deepEqual(typesOf(messages), [MessageType.StorageAppend])
    assert.equal(messages[0]!.vote, 1)
    assert.deepEqual(typesOf(messages[0]!.responses), [MessageType.VoteResp])
  })

  it("the leader's appends leave before its own write, and its own ack counts only after it", () => {
    const cluster = new Cluster([1, 2, 3], ASYNC)
    cluster.core(1).campaign()
    cluster.settle()
    const committed = cluster.core(1).status().commit
    assert.ok(cluster.propose(cluster.member(1), 7))
    cluster.process(cluster.member(1))
    assert.deepEqual(
      cluster.messages.map(message => [message.type, message.to]),
      [
        [MessageType.App, 2],
        [MessageType.App, 3],
      ],
    )
    cluster.isolated.add(3)
    cluster.deliver(0)
    cluster.process(cluster.member(2))
    assert.deepEqual(
      cluster.messages.filter(message => message.from === 2),
      [],
      'the follower does not ack what it has not written',
    )
    cluster.write(cluster.member(2))
    while (cluster.messages.length > 0) cluster.deliver(0)
    assert.equal(cluster.core(1).status().commit, committed, 'one ack of three is no quorum')
    cluster.write(cluster.member(1))
    assert.equal(cluster.core(1).status().commit, committed + 1)
  })

  it('committed entries are applied only when they are on disk here', () => {
    const cluster = new Cluster([1, 2, 3], ASYNC)
    cluster.core(1).campaign()
    cluster.settle()
    const follower = cluster.member(2)
    const message = append(1, [entry(1, 4, 9)], 1)
    message.commit = 4
    follower.core!.step(message)
    cluster.process(follower)
    assert.equal(follower.core!.status().commit, 4)
    assert.equal(follower.applies.length, 0)
    cluster.write(follower)
    cluster.process(follower)
    assert.equal(follower.applies.length, 1)
  })

  it('a write that another leader has overtaken does not make its entries stable', () => {
    const cluster = new Cluster([1, 2, 3], ASYNC)
    const follower = cluster.member(2)
    // The same entry comes twice, and another one between: its first write says nothing of the third.
    const steps: [number, Entry][] = [
      [2, entry(2, 3, 1)],
      [3, entry(3, 3, 2)],
      [4, entry(2, 3, 1)],
    ]
    for (const [term, item] of steps) {
      follower.core!.step(append(term, [item], 1))
      cluster.process(follower)
    }
    assert.equal(follower.appends.length, 3)
    cluster.write(follower)
    assert.equal(follower.core!.raft.log.unstable.entries.length, 1)
    cluster.write(follower)
    assert.equal(follower.core!.raft.log.term(3), 2, 'the log still shows the newest version')
    cluster.write(follower)
    assert.equal(follower.core!.raft.log.unstable.entries.length, 0)
  })

  it('a snapshot and the entries that follow it may come in one write', () => {
    const cluster = new Cluster([1, 2, 3], ASYNC)
    const follower = cluster.member(2)
    const { confState } = follower.log.initialState()
    const snapshot = newMessage(MessageType.Snap, 2)
    Object.assign(snapshot, {
      from: 1,
      term: 2,
      snapshot: { index: 20, term: 2, confState, data: EMPTY_BYTES },
    })
    assert.ok(follower.core!.step(snapshot).ok)
    assert.ok(follower.core!.step(append(2, [entry(2, 21, 1)], 2)).ok)
    cluster.process(follower)
    const [write] = follower.appends
    assert.equal(write!.to, LOCAL_APPEND_THREAD)
    assert.equal(write!.snapshot?.index, 20)
    assert.equal(write!.entries[0]?.index, 21)
    cluster.write(follower)
    assert.equal(follower.log.lastIndex(), 21)
    assert.equal(follower.core!.status().applied, 20)
  })
})
