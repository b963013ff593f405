import assert from 'node:assert/strict'
import { type Action, encodeInput } from '../../world/codec.ts'
import { INPUT_RECORD } from '../../world/world.ts'
import { hexEntries, playerKey, type Stage, sessionOf, stageOf } from './support.ts'

const spawn: Action = { kind: 'spawn', name: 'Ada' }
const stop: Action = { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 }

function bodyOf(player: number, session: number, seq: number, action: Action): Uint8Array {
  return encodeInput({ player: playerKey(player), session: sessionOf(player, session), seq, action })
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
