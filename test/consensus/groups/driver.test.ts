import assert from 'node:assert/strict'
import { GroupDriver } from '../../../consensus/groups/driver.ts'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { recoverGroup } from '../../../consensus/groups/raft-disk.ts'
import type { GroupFault } from '../../../consensus/groups/types.ts'
import { RaftFault } from '../../../consensus/raft/fault.ts'
import { MemoryLog } from '../../../consensus/raft/log/memory-log.ts'
import type { StoreOp } from '../../../storage/store.ts'
import { MemoryStore } from '../../../storage/store-memory.ts'
import { bytes } from './wired.ts'

const INSTANCE = { group: 1, epoch: 1, view: 0 }

interface HeldWrite {
  readonly ops: readonly StoreOp[]
  readonly sync: boolean
  readonly done: (error?: Error) => void
}

/** A driver of one node that is its own quorum, on a store whose answers the test gives. */
function rig(): {
  driver: GroupDriver
  host: GroupHost
  writes: HeldWrite[]
  /** The ops of all writes since the beginning. */
  kept: (readonly StoreOp[])[]
  committed: string[]
  failures: Error[]
  faults: GroupFault[]
  turn: () => void
} {
  const writes: HeldWrite[] = []
  const kept: (readonly StoreOp[])[] = []
  const committed: string[] = []
  const failures: Error[] = []
  const faults: GroupFault[] = []
  const scheduled: (() => void)[] = []
  const store = new MemoryStore()
  store.write = (ops, { sync }, done) => {
    kept.push(ops)
    writes.push({ ops, sync, done })
  }
  const host = new GroupHost({ self: 1, random: () => 0 })
  const driver = new GroupDriver({
    host,
    store,
    send: () => true,
    schedule: run => scheduled.push(run),
    onCommitted: (_group, entries) => {
      for (const entry of entries) {
        committed.push(Buffer.from(entry.data).toString())
        driver.addOps([{ key: bytes(`applied ${entry.index}`), value: bytes('') }])
      }
    },
    onRole: () => {},
    onRead: () => {},
    onMembers: () => {},
    onRemoved: () => {},
    onSnapshotOffer: () => {},
    onSnapshotInstalled: () => {},
    onGroupFault: fault => faults.push(fault),
    onStoreFailure: error => failures.push(error),
  })
  const turn = (): void => {
    for (const run of scheduled.splice(0)) run()
  }
  host.open({ ...INSTANCE, voters: [1], learners: [] })
  for (let i = 0; i < 100 && host.status(1)!.role !== 'leader'; i++) {
    driver.tick()
    turn()
    for (const write of writes.splice(0)) write.done()
  }
  while (writes.length > 0 || scheduled.length > 0) {
    for (const write of writes.splice(0)) write.done()
    turn()
  }
  committed.length = 0
  return { driver, host, writes, kept, committed, failures, faults, turn }
}

const textKeys = (write: HeldWrite): string[] =>
  write.ops.map(op => Buffer.from(op.key).toString('latin1')).filter(key => key.startsWith('applied'))

describe('group driver', () => {
  it('writes all proposals of a turn in one synced batch, and what comes meanwhile in the next', () => {
    const { driver, writes, committed, turn } = rig()
    for (const text of ['a', 'b', 'c']) driver.propose(1, bytes(text))
    turn()
    assert.equal(writes.length, 1)
    assert.equal(writes[0]!.sync, true)
    for (const text of ['d', 'e']) driver.propose(1, bytes(text))
    turn()
    assert.equal(writes.length, 1, 'a second write while one is in flight')
    assert.deepEqual(committed, [])
    writes[0]!.done()
    assert.deepEqual(committed, ['a', 'b', 'c'])
    assert.equal(writes.length, 2)
    writes[1]!.done()
    assert.deepEqual(committed, ['a', 'b', 'c', 'd', 'e'])
  })

  it("begins a write before it hands over what is committed, and takes the daemon's ops along with the next, ahead of Raft's", () => {
    const { driver, writes, committed, turn } = rig()
    driver.propose(1, bytes('a'))
    turn()
    driver.propose(1, bytes('b'))
    turn()
    writes[0]!.done()
    assert.deepEqual(committed, ['a'])
    assert.deepEqual(textKeys(writes[1]!), [])
    driver.propose(1, bytes('c'))
    turn()
    writes[1]!.done()
    assert.deepEqual(textKeys(writes[2]!), ['applied 2'])
    assert.equal(Buffer.from(writes[2]!.ops[0]!.key).toString(), 'applied 2')
  })

  it("writes the daemon's ops soon, without a sync, when Raft has nothing to write", () => {
    const { driver, writes, turn } = rig()
    driver.propose(1, bytes('a'))
    turn()
    writes[0]!.done()
    assert.equal(writes.length, 1)
    for (let i = 0; i < 5; i++) {
      driver.tick()
      turn()
    }
    assert.equal(writes.length, 2)
    assert.equal(writes[1]!.sync, false)
    assert.deepEqual(textKeys(writes[1]!), ['applied 2'])
  })

  it('drops what was compacted over several batches, and goes on with it after a restart', async () => {
    const { driver, host, kept, writes, turn } = rig()
    for (let i = 0; i < 2500; i++) driver.propose(1, Uint8Array.of(1))
    turn()
    for (const write of writes.splice(0)) write.done()
    const { applied } = host.status(1)!
    assert.deepEqual(host.compact(1, applied, bytes('meta')), { ok: true })
    driver.propose(1, bytes('next'))
    turn()
    assert.equal(writes[0]!.ops.filter(op => op.value === undefined).length, 1000)
    const store = await storeOf(kept)
    const restarted = await recoverGroup(store, INSTANCE)
    assert.equal(restarted?.snapshot?.index, applied)
    assert.deepEqual(
      restarted?.entries.map(entry => entry.index),
      [applied + 1],
    )
    const next = new GroupHost({ self: 1, random: () => 0 })
    next.open({ ...INSTANCE, voters: [1], learners: [] }, restarted)
    for (let i = 0; i < 200; i++) {
      next.tick()
      const { write } = next.takeEffects()
      if (write === undefined) continue
      await new Promise<void>(resolve => store.write(write.ops, { sync: true }, () => resolve()))
      next.persisted(write.cycle)
    }
    assert.equal((await recoverGroup(store, INSTANCE))?.oldestCovered, 0)
  })

  it('syncs on request, and says when it is done', () => {
    const { driver, writes, turn } = rig()
    let synced = 0
    driver.addOps([{ key: bytes('applied x'), value: bytes('') }])
    driver.sync(() => synced++)
    turn()
    assert.equal(writes[0]!.sync, true)
    assert.deepEqual(textKeys(writes[0]!), ['applied 1', 'applied x'])
    assert.equal(synced, 0)
    writes[0]!.done()
    assert.equal(synced, 1)
  })

  it('reports a failed write once, and commits nothing that it held', () => {
    const { driver, host, writes, committed, failures, turn } = rig()
    driver.propose(1, bytes('a'))
    driver.sync(() => assert.fail('synced after a failure'))
    turn()
    writes[0]!.done(new Error('disk full'))
    driver.tick()
    turn()
    assert.deepEqual(committed, [])
    assert.deepEqual(
      failures.map(error => error.message),
      ['disk full'],
    )
    assert.equal(writes.length, 1)
    assert.deepEqual(driver.propose(1, bytes('b')), { ok: false, code: 'stopped', leader: 0 })
    assert.equal(host.takeEffects().write, undefined)
  })

  it('closes and reports a group whose core contradicts itself, and goes on with the others', () => {
    const { driver, host, writes, committed, failures, faults, turn } = rig()
    host.open({ group: 2, epoch: 1, view: 0, voters: [1], learners: [] })
    const append = MemoryLog.prototype.append
    try {
      MemoryLog.prototype.append = function (entries) {
        if (entries.some(({ data }) => Buffer.from(data).toString() === 'bad')) throw new RaftFault('planted')
        append.call(this, entries)
      }
      for (let i = 0; i < 100 && host.status(2)!.role !== 'leader'; i++) {
        driver.tick()
        turn()
        for (const write of writes.splice(0)) write.done()
      }
      driver.propose(1, bytes('bad'))
      driver.propose(2, bytes('good'))
      turn()
      while (writes.length > 0) writes.shift()!.done()
    } finally {
      MemoryLog.prototype.append = append
    }
    assert.deepEqual(
      faults.map(({ group, code }) => ({ group, code })),
      [{ group: 1, code: 'planted' }],
    )
    assert.equal(host.status(1), undefined)
    assert.deepEqual(
      committed.filter(text => text !== ''),
      ['good'],
    )
    assert.deepEqual(failures, [])
    assert.deepEqual(driver.propose(1, bytes('x')), { ok: false, code: 'unknown-group', leader: 0 })
  })

  it('leaves on disk what a new host goes on from', async () => {
    const { driver, kept, writes, turn } = rig()
    driver.propose(1, bytes('a'))
    turn()
    writes[0]!.done()
    const store = await storeOf(kept)
    const host = new GroupHost({ self: 1, random: () => 0 })
    host.open({ ...INSTANCE, voters: [1], learners: [] }, await recoverGroup(store, INSTANCE))
    assert.equal(host.status(1)?.lastIndex, 2)
    const texts: string[] = []
    for (let i = 0; i < 100; i++) {
      host.tick()
      const { write, committed } = host.takeEffects()
      if (write !== undefined) host.persisted(write.cycle)
      for (const { entries } of committed)
        texts.push(...entries.map(({ data }) => Buffer.from(data).toString()))
    }
    assert.deepEqual(texts, ['', 'a', ''])
  })
})

async function storeOf(batches: readonly (readonly StoreOp[])[]): Promise<MemoryStore> {
  const store = new MemoryStore()
  for (const ops of batches)
    await new Promise<void>(resolve => store.write(ops, { sync: true }, () => resolve()))
  return store
}
