import assert from 'node:assert/strict'
import {
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  type Entry,
  EntryType,
  MemoryLog,
  type RaftConfig,
  RaftFault,
  RawNode,
} from '../../../consensus/raft/index.ts'

const CONFIG: RaftConfig = { id: 1, electionTicks: 10, heartbeatTicks: 1, random: () => 0 }
const SNAPSHOT = { index: 5, term: 2, confState: { ...EMPTY_CONF_STATE, voters: [1] }, data: EMPTY_BYTES }

function entry(index: number): Entry {
  return { term: 2, index, type: EntryType.Normal, data: EMPTY_BYTES }
}

function faults(code: string, action: () => unknown): void {
  assert.throws(action, (error: unknown) => error instanceof RaftFault && error.code === code)
}

describe('raft: what the host owes the core', () => {
  it('a configuration that makes sense', () => {
    const bad: Partial<RaftConfig>[] = [
      { id: 0 },
      { id: 2 ** 40 },
      { heartbeatTicks: 0 },
      { electionTicks: 1 },
      { maxInflightMessages: 0 },
      { maxSizePerMessage: 100, maxInflightBytes: 99 },
      { readOnly: 'lease', checkQuorum: false },
    ]
    for (const part of bad) faults('bad-config', () => new RawNode({ ...CONFIG, ...part }, new MemoryLog()))
  })

  it('a disk whose hard state, members and applied index fit its log', () => {
    const late = new MemoryLog({ snapshot: SNAPSHOT, hardState: { term: 2, vote: 0, commit: 7 } })
    faults('hard-state-out-of-log', () => new RawNode(CONFIG, late))
    const early = new MemoryLog({ snapshot: SNAPSHOT, hardState: { term: 2, vote: 0, commit: 4 } })
    faults('hard-state-out-of-log', () => new RawNode(CONFIG, early))
    const members = { ...EMPTY_CONF_STATE, voters: [1], learners: [1] }
    const mixed = new MemoryLog({ snapshot: { ...SNAPSHOT, confState: members } })
    faults('bad-stored-conf-state', () => new RawNode(CONFIG, mixed))
    faults(
      'applied-out-of-range',
      () => new RawNode({ ...CONFIG, applied: 6 }, new MemoryLog({ snapshot: SNAPSHOT })),
    )
  })

  it('a log without gaps, and reads, snapshots and compactions within it', () => {
    const log = new MemoryLog({ snapshot: SNAPSHOT, entries: [entry(6), entry(7)] })
    faults('gap-in-log', () => log.append([entry(9)]))
    faults('read-past-log', () => log.entries(6, 9, 100))
    faults('snapshot-past-log', () => log.createSnapshot(8, EMPTY_CONF_STATE, EMPTY_BYTES))
    faults('compact-past-log', () => log.compact(8))
    assert.equal(log.compact(5), false)
    assert.equal(log.entries(5, 7, 100), undefined)
    log.append([entry(4), entry(5), entry(6)])
    assert.equal(log.lastIndex(), 6, 'what is compacted is skipped, what follows is replaced')
  })

  it('an advance after each ready, and none with async storage writes', () => {
    const core = new RawNode(CONFIG, new MemoryLog({ snapshot: SNAPSHOT }))
    core.campaign()
    const ready = core.ready()
    faults('ready-before-advance', () => core.ready())
    core.advance(ready)
    const async = new RawNode({ ...CONFIG, asyncStorageWrites: true }, new MemoryLog({ snapshot: SNAPSHOT }))
    faults('advance-with-async-writes', () => async.advance(ready))
  })

  it('goes on after a restart where its disk ends, and hands out again what was not applied', () => {
    const hardState = { term: 2, vote: 1, commit: 7 }
    const log = new MemoryLog({ snapshot: SNAPSHOT, entries: [entry(6), entry(7), entry(8)], hardState })
    const core = new RawNode({ ...CONFIG, applied: 6 }, log)
    assert.deepEqual(
      core.ready().committedEntries.map(({ index }) => index),
      [7],
    )
    assert.equal(core.term, 2)
  })
})
