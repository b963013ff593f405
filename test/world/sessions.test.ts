import assert from 'node:assert/strict'
import { type Action, encodeInput, logTagOf, MAX_SESSION_AHEAD_MS } from '../../world/codec.ts'
import { INPUT_RECORD } from '../../world/interface.ts'
import { hexEntries, LOG, playerKey, type Stage, sessionOf, sha256, stageOf } from './support.ts'

const spawn: Action = { kind: 'spawn', name: 'Ada' }
const stop: Action = { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 }

function bodyOf(player: number, session: number, seq: number, action: Action): Uint8Array {
  return encodeInput({
    player: playerKey(player),
    session: sessionOf(player, session),
    seq,
    log: LOG,
    action,
  })
}

/** Sends exactly this seq, and gives the code. */
function send(stage: Stage, session: number, seq: number, action: Action) {
  return stage.world.apply(INPUT_RECORD, bodyOf(1, session, seq, action), stage.leaf++).outcome!
}

describe('a session', () => {
  it('is opened by spawn with seq 1 and by nothing else', () => {
    const stage = stageOf()
    assert.equal(send(stage, 1, 1, stop).code, 'no-session')
    assert.equal(send(stage, 1, 2, spawn).code, 'no-session')
    assert.equal(stage.world.characterOf(playerKey(1)), undefined)
    const outcome = send(stage, 1, 1, spawn)
    assert.equal(outcome.code, 'ok')
    assert.equal(outcome.entity, stage.world.characterOf(playerKey(1)))
    assert.equal(stage.world.lastSeq(playerKey(1), sessionOf(1)), 1)
  })

  it('applies every seq once: a duplicate and a gap change nothing and say what would be right', () => {
    const stage = stageOf()
    send(stage, 1, 1, spawn)
    send(stage, 1, 2, stop)
    const before = hexEntries(stage.world)
    const duplicate = send(stage, 1, 2, { kind: 'leave' })
    assert.deepEqual([duplicate.code, duplicate.value], ['duplicate', 2])
    const gap = send(stage, 1, 4, { kind: 'leave' })
    assert.deepEqual([gap.code, gap.value], ['gap', 3])
    assert.deepEqual(hexEntries(stage.world), before)
    assert.deepEqual(stage.world.check(bodyOf(1, 1, 2, stop)), { code: 'duplicate', seq: 2 })
    assert.equal(
      stage.world.check(bodyOf(1, 1, 9, stop)),
      undefined,
      'what is missing may still be in flight',
    )
  })

  it('consumes the seq of what it refuses, and remembers the last sixteen outcomes', () => {
    const stage = stageOf()
    send(stage, 1, 1, spawn)
    for (let seq = 2; seq <= 20; seq++) {
      const outcome = send(stage, 1, seq, { kind: 'move', vxMmPerTick: seq % 2 ? 0 : 701, vyMmPerTick: 0 })
      assert.equal(outcome.code, seq % 2 ? 'ok' : 'too-fast')
      assert.deepEqual(stage.world.outcomeOf(playerKey(1), sessionOf(1), seq), outcome)
    }
    assert.equal(stage.world.outcomeOf(playerKey(1), sessionOf(1), 4), undefined)
    assert.equal(stage.world.outcomeOf(playerKey(1), sessionOf(1), 5)?.code, 'ok')
    assert.equal(stage.world.lastSeq(playerKey(1), sessionOf(1)), 20)
  })

  it('is closed by a newer one, which takes the character over and can not be undone by a late retry', () => {
    const stage = stageOf()
    const first = send(stage, 1, 1, spawn).entity
    send(stage, 1, 2, { kind: 'move', vxMmPerTick: 100, vyMmPerTick: 0 })
    const second = send(stage, 2, 1, spawn)
    assert.deepEqual([second.code, second.entity], ['ok', first])
    assert.equal(stage.world.entity(first!)!.motion.vxMmPerTick, 100)
    assert.equal(send(stage, 1, 3, stop).code, 'session-closed')
    assert.equal(send(stage, 1, 1, spawn).code, 'session-closed')
    assert.deepEqual(stage.world.check(bodyOf(1, 1, 3, stop)), { code: 'session-closed' })
    assert.equal(stage.world.lastSeq(playerKey(1), sessionOf(1)), 0)
    assert.equal(send(stage, 2, 2, stop).code, 'ok')
  })

  it('stays closed however many come after it: none of its inputs is ever applied again', () => {
    const stage = stageOf()
    for (let session = 1; session <= 30; session++) {
      assert.equal(send(stage, session, 1, spawn).code, 'ok')
      assert.equal(send(stage, session, 2, stop).code, 'ok')
    }
    const before = hexEntries(stage.world)
    for (let session = 1; session < 30; session++) {
      const reopened = send(stage, session, 1, spawn)
      assert.deepEqual([reopened.code, reopened.value], ['session-closed', 30])
      assert.equal(send(stage, session, 2, stop).code, 'session-closed')
      assert.equal(stage.world.check(bodyOf(1, session, 1, spawn)), undefined, 'its answer tells the number')
      assert.deepEqual(stage.world.check(bodyOf(1, session, 2, stop)), { code: 'session-closed' })
    }
    assert.deepEqual(hexEntries(stage.world), before)
  })

  it('of the same number as the open one is another, and comes too late', () => {
    const stage = stageOf()
    send(stage, 3, 1, spawn)
    const other = sessionOf(1, 3).with(15, sessionOf(1, 3)[15]! ^ 1)
    const body = encodeInput({ player: playerKey(1), session: other, seq: 1, log: LOG, action: spawn })
    assert.equal(stage.world.apply(INPUT_RECORD, body, stage.leaf++).outcome!.code, 'session-closed')
  })

  it("has a number at most a day ahead of the area's clock, so that no opening can shut out all later ones", () => {
    const stage = stageOf()
    stage.tickTo(50)
    const open = (number: number) => {
      const session = new Uint8Array(16)
      new DataView(session.buffer).setBigUint64(0, BigInt(number))
      const body = encodeInput({ player: playerKey(1), session, seq: 1, log: LOG, action: spawn })
      assert.equal(stage.world.check(body), undefined, 'a tick in flight may make it right')
      const { code, value } = stage.world.apply(INPUT_RECORD, body, stage.leaf++).outcome!
      return [code, value]
    }
    const latest = 5_000 + MAX_SESSION_AHEAD_MS
    assert.deepEqual(open(latest + 1), ['session-ahead', 0])
    assert.deepEqual(open(2 ** 63), ['session-ahead', 0])
    assert.deepEqual(open(0), ['session-closed', 0])
    assert.deepEqual(open(latest), ['ok', undefined])
    assert.deepEqual(open(latest + 1), ['session-ahead', latest])
    stage.tickTo(51)
    assert.deepEqual(open(latest + 1), ['ok', undefined])
  })

  it('takes nothing that was made for another log, not even in its turn', () => {
    const stage = stageOf()
    const { world } = stage
    const bodyFor = (origin: string, seq: number, action: Action) => {
      const log = logTagOf(origin, sha256)
      return encodeInput({ player: playerKey(1), session: sessionOf(1), seq, log, action })
    }
    const others = ['testnet/area/0232/0', 'testnet/area/0231/1', 'othernet/area/0231/0']
    for (const [seq, action] of [spawn, stop].entries()) {
      const before = hexEntries(world)
      for (const origin of others) {
        const body = bodyFor(origin, seq + 1, action)
        assert.deepEqual(world.check(body), { code: 'other-log' })
        const { outcome, ignored } = world.apply(INPUT_RECORD, body, stage.leaf++)
        assert.deepEqual([outcome, ignored], [undefined, { code: 'other-log' }])
      }
      assert.deepEqual(hexEntries(world), before)
      assert.equal(send(stage, 1, seq + 1, action).code, 'ok')
    }
  })

  it('ends with a sleeping character that stands still, and spawn wakes it', () => {
    const stage = stageOf()
    const id = stage.enter(1)
    stage.ask(1, { kind: 'move', vxMmPerTick: 100, vyMmPerTick: 0 })
    stage.tickTo(10)
    assert.equal(stage.ask(1, { kind: 'leave' }).code, 'ok')
    assert.equal(stage.world.needsTick(), false)
    assert.equal(stage.ask(1, stop).code, 'asleep')
    const { entity } = stage.ask(1, spawn)
    assert.equal(entity, id)
    assert.equal(stage.ask(1, spawn).code, 'already-here')
    assert.equal(stage.ask(2, { kind: 'spawn', name: 'other' }).code, 'ok')
    assert.equal(stage.world.awakeCount, 2)
  })

  it('whose client is lost leaves its character asleep after five minutes', () => {
    const stage = stageOf({ npcCount: 1 })
    const id = stage.enter(1)
    stage.tickTo(2000)
    stage.ask(1, stop)
    stage.tickTo(4999)
    assert.equal(stage.world.awakeCount, 1)
    const { changed } = stage.tickTo(5000)
    assert.ok(changed.includes(id))
    assert.equal(stage.world.awakeCount, 0)
  })

  it('is not opened where the area is full', () => {
    const stage = stageOf({ capacity: 1 })
    stage.enter(1)
    const outcome = stage.ask(2, spawn)
    assert.deepEqual([outcome.code, outcome.value], ['area-full', 1])
    assert.equal(stage.world.characterOf(playerKey(2)), undefined)
    assert.equal(stage.ask(1, spawn, 2).code, 'ok')
  })
})
