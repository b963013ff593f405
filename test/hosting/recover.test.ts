import assert from 'node:assert/strict'
import { EMPTY_BYTES, EntryType, type Snapshot } from '../../consensus/raft/types.ts'
import { appliedOp } from '../../daemon/authority/applied.ts'
import { encodeMark, encodeSeal } from '../../daemon/authority/bodies.ts'
import type { ReplacedMark } from '../../daemon/authority/replica.ts'
import { Vetting } from '../../daemon/hosting/finality/vetting.ts'
import { appliedInRaft, recoverAuthority } from '../../daemon/hosting/recover.ts'
import { SnapshotError, SnapshotKeeper } from '../../daemon/hosting/snapshots.ts'
import { verifySignature } from '../../daemon/identity/signing-key.ts'
import { GatewaySignatures } from '../../daemon/routing/gateway-signatures.ts'
import { DamagedLogError } from '../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, recordKind, saltBytes } from '../../storage/log/record.ts'
import type { StoreOp } from '../../storage/store.ts'
import { MemoryStore } from '../../storage/store-memory.ts'
import { foundRealm, worldHostOf } from '../../testnet/simulation/authorities/realm.ts'
import { encodeTick } from '../../world/codec.ts'

const entries = (from: number, terms: readonly number[]) =>
  terms.map((term, i) => ({ index: from + i, term, type: EntryType.Normal, data: EMPTY_BYTES }))
const hardState = (commit: number) => ({ term: 9, vote: 0, commit })
const snapshotAt = (index: number): Snapshot => ({
  index,
  term: 1,
  confState: { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  data: EMPTY_BYTES,
})
const at = (index: number, term: number) => ({ index, term, size: 0 })

describe("how far a replica's state vouches for its Raft log", () => {
  it('is where it stands, when the log holds the very entry that was applied last', () => {
    const recovered = { hardState: hardState(1), snapshot: undefined, entries: entries(1, [1, 1, 2]) }
    assert.equal(appliedInRaft(recovered, at(3, 2)), 3)
    const cut = { hardState: hardState(5), snapshot: snapshotAt(5), entries: entries(6, [2, 2]) }
    assert.equal(appliedInRaft(cut, at(7, 2)), 7)
    assert.equal(appliedInRaft(cut, at(5, 1)), 5)
  })

  it('is only what the log itself knows as committed, when a catch-up went past entries that never were', () => {
    // Entries 2 and 3 of term 2 were never committed; the others went on with term 3.
    const recovered = { hardState: hardState(1), snapshot: undefined, entries: entries(1, [1, 2, 2]) }
    assert.equal(appliedInRaft(recovered, at(3, 3)), 1)
    assert.equal(appliedInRaft(recovered, at(2, 3)), 1)
  })

  it('is not past the end of the log', () => {
    const recovered = { hardState: hardState(2), snapshot: undefined, entries: entries(1, [1, 1]) }
    assert.equal(appliedInRaft(recovered, at(40, 3)), 2)
    assert.equal(appliedInRaft(undefined, at(40, 3)), 0)
  })
})

describe('what a damaged disk is answered with', () => {
  it('says what can be done: a backup is not restored into the directory that is damaged', () => {
    const advice = /: run freehold start --wipe-store, which .* from the other nodes\.$/
    assert.match(new DamagedLogError(1, 7, 'a batch was changed').message, advice)
    assert.match(new SnapshotError(1, 'its manifest is unreadable').message, advice)
  })
})

describe('a log that a start reads back', () => {
  const realm = foundRealm({ seed: 1, nodes: 1, groups: 1, replicas: 1 })
  const { identity, charter } = realm.hosted.get(1)!
  const { group, origin, createdAtMs, tickMs } = identity
  const record = (kind: number, body: Uint8Array): LogRecord => {
    return { kind, rulesVersion: identity.rulesVersion, salt: new Uint8Array(saltBytes), body }
  }
  const tickAt = (timeMs: number): LogRecord => {
    const tick = Math.ceil((timeMs - createdAtMs) / tickMs)
    return record(recordKind.tick, encodeTick({ tick, timeMs: createdAtMs }))
  }

  /** As the disk of a node that had to stop just after it had applied these, an entry each. */
  async function started(records: readonly LogRecord[], wallMs: number, decidedSize = 1) {
    const store = new MemoryStore()
    const known = { wallMs, decidedSize }
    const write = (ops: readonly StoreOp[]) => store.write(ops, { sync: false }, () => {})
    const host = worldHostOf(origin)
    const { replica } = await recoverAuthority(store, identity, charter, host, known)
    const snapshots = new SnapshotKeeper({
      ...{ group, kept: [], bytesSince: 0, recordsBetween: 1, write },
      compact: () => {},
      decidedSize: () => decidedSize,
    })
    records.forEach((each, i) => {
      const index = i + 1
      const ops: StoreOp[] = []
      const { marked } = replica.apply({ index, term: 1, data: encodeBatch([each]) }, ops)
      write([...ops, appliedOp(group, { index, term: 1, size: replica.log.size })])
      if (marked) snapshots.take(replica, { index })
    })
    const recovered = await recoverAuthority(store, identity, charter, host, known)
    return { store, ...recovered }
  }

  /** What the node would vote on, once it has looked at all. */
  async function vettedSize(decidedSize: number, { store, replica }: Awaited<ReturnType<typeof started>>) {
    const vetting = new Vetting({
      ...{ store, rulesVersion: identity.rulesVersion, gatewayKeyOf: () => undefined },
      signatures: new GatewaySignatures(verifySignature, () => {}),
      ...{ checked: () => {}, forged: () => {} },
    })
    vetting.opened(group, origin, decidedSize, replica)
    await new Promise(resolve => setImmediate(resolve))
    const sizes = Array.from({ length: replica.log.size + 1 }, (_, size) => size)
    return sizes.findLast(size => vetting.covers(group, size))
  }

  it('is held against the clock of the node where it is not decided, as if it came now', async () => {
    const wallMs = createdAtMs + 3_600_000
    const tooFarMs = wallMs + 3 * 24 * 3_600_000
    const charterRecord = record(recordKind.charter, identity.charterBody)
    const log = [charterRecord, tickAt(wallMs), tickAt(tooFarMs), tickAt(tooFarMs + tickMs)]
    const late = await started(log, wallMs)
    assert.deepEqual([late.replica.faults.first?.leaf, late.replica.faults.first?.code], [2, 'ahead-of-time'])
    assert.equal(await vettedSize(1, late), 2)
    assert.equal(await vettedSize(3, late), 4, 'what the members have decided is so')
    assert.equal(await vettedSize(1, await started(log, tooFarMs)), 4)
    const [next, leap] = [tickAt(tooFarMs + 2 * tickMs), tickAt(tooFarMs + 4 * tickMs)]
    const codes = [next, leap].map(each => late.ahead.faults(late.replica.applyRecords([each], []))[0]?.code)
    assert.deepEqual(codes, [undefined, 'ahead-of-time'], 'and goes on from there')
  })

  it('is held against the marks before its snapshot too: a seal of one of these may come late, and only with its state', async () => {
    const mark = record(recordKind.mark, encodeMark({ height: 1 }))
    const [charterRecord, tick] = [
      record(recordKind.charter, identity.charterBody),
      tickAt(createdAtMs + 500),
    ]
    const { replica, kept } = await started([charterRecord, mark, tick, mark], createdAtMs, 4)
    assert.equal(kept.at(-1)?.size, 4)
    assert.deepEqual(
      replica.replacedMarks.map(({ size }) => size),
      [2],
    )
    const [{ size: asOfSize, stateRoot }] = replica.replacedMarks as [ReplacedMark]
    const place = { height: 1, epoch: replica.regime.epoch, previous: replica.previousHash, asOfSize }
    const rest = { tick: 0, timeMs: createdAtMs, nextMembers: replica.regime.members }
    const codeOf = (root: Uint8Array): string | undefined => {
      const body = encodeSeal({ ...place, ...rest, stateRoot: root })
      return replica.applyRecords([record(recordKind.seal, body)], []).faults[0]?.code
    }
    assert.equal(codeOf(stateRoot), undefined)
    assert.equal(codeOf(stateRoot.map(byte => byte ^ 1)), 'wrong-seal')
  })

  it('is replayed from no snapshot that stands behind what is not decided, since that would hide what is wrong there', async () => {
    const wallMs = createdAtMs
    const mark = record(recordKind.mark, encodeMark({ height: 1 }))
    const wrong = record(recordKind.intent, new Uint8Array(9))
    const log = [record(recordKind.charter, identity.charterBody), wrong, mark, wrong, mark, wrong, mark]
    for (const [decidedSize, leaf] of [
      [1, 1],
      [3, 3],
      [5, 5],
      [7, undefined],
    ] as const) {
      const { replica, kept } = await started(log, wallMs, decidedSize)
      replica.faults.decided(decidedSize)
      assert.equal(replica.faults.first?.leaf, leaf)
      assert.equal(replica.log.size, 7)
      assert.equal(kept.at(-1)?.size, 7)
      assert.deepEqual(replica.pendingMark?.size, 7)
    }
  })
})
