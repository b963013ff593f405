import assert from 'node:assert/strict'
import { decodeDirectoryInput } from '../../world/directory/codec/input.ts'
import { encodeDirectoryTick } from '../../world/directory/codec/tick.ts'
import { TICK_RECORD } from '../../world/interface.ts'
import { BEGIN_MS, Stage } from '../world/directory/support.ts'
import { ClientNode } from './node.ts'

const report = { kind: 'report', facts: { version: '1.2.3' } } as const

/** A directory whose clock has been told. */
function newStage(): Stage {
  const stage = new Stage()
  stage.directory.apply(
    TICK_RECORD,
    encodeDirectoryTick({ tick: 10, timeMs: BEGIN_MS, renewals: [] }),
    stage.leaf++,
  )
  return stage
}

function actionsOf({ bodies }: ClientNode): (string | number)[][] {
  return bodies.map(body => {
    const input = decodeDirectoryInput(body)
    assert.ok(!('code' in input))
    return [input.action.kind, input.seq]
  })
}

describe("a node's session at the directory", () => {
  it('is opened when there is something to say, and says nothing else', () => {
    const stage = newStage()
    const node = new ClientNode(stage, 1)
    node.client.begin()
    node.clock.pass(60_000)
    assert.deepEqual(node.bodies, [])
    node.sayings = [report]
    node.clock.pass(1_000)
    assert.deepEqual(actionsOf(node), [
      ['open', 1],
      ['report', 2],
    ])
    assert.equal(node.outcomes[0]?.code, 'ok')
    assert.equal(stage.directory.state.reports.get(1)?.version, '1.2.3')
    node.clock.pass(60_000)
    assert.equal(node.bodies.length, 2)
  })

  it('asks again with the same bytes while the leader is busy or lost, and each time later', () => {
    const node = new ClientNode(newStage(), 1)
    node.sayings = [report]
    node.answers = Array.from({ length: 6 }, () => ({ kind: 'unavailable', retryAfterMs: 1 }))
    node.client.begin()
    node.clock.pass(3_000)
    assert.equal(node.bodies.length, 4, 'at 0, and some 250, 500 and 1,000 ms after each other')
    node.clock.pass(30_000)
    assert.deepEqual(actionsOf(node).slice(-1), [['report', 2]])
    assert.equal(new Set(node.bodies.map(body => Buffer.from(body).toString('hex'))).size, 2)
  })

  it('is opened anew under a higher number when another one closed it, also when that one had a clock ahead', () => {
    const stage = newStage()
    const ahead = new ClientNode(stage, 1)
    ahead.clock.aheadMs += 45 * 60_000
    ahead.sayings = [report]
    ahead.client.begin()
    ahead.clock.pass(1_000)
    const node = new ClientNode(stage, 1)
    node.sayings = [{ kind: 'report', facts: { version: '2.0.0' } }]
    node.client.begin()
    stage.directory.apply(
      TICK_RECORD,
      encodeDirectoryTick({ tick: 60, timeMs: BEGIN_MS + 5_000, renewals: [] }),
      stage.leaf++,
    )
    node.clock.pass(120_000)
    assert.ok(node.refused.includes('session-closed'))
    assert.equal(stage.directory.state.reports.get(1)?.version, '2.0.0')
  })

  it('says less and less where nothing of it is taken', () => {
    const node = new ClientNode(newStage(), 77)
    node.sayings = [report]
    node.client.begin()
    node.clock.pass(600_000)
    assert.deepEqual([...new Set(node.refused)], ['not-admitted'])
    assert.ok(node.bodies.length < 30, `${node.bodies.length} inputs in ten minutes`)
  })

  it('ends with the node', () => {
    const node = new ClientNode(newStage(), 1)
    node.client.begin()
    node.client.stop()
    node.sayings = [report]
    node.client.wake()
    node.clock.pass(10_000)
    assert.deepEqual(node.bodies, [])
  })

  it('goes on where something cannot be written: that is refused as what nobody can read', () => {
    const stage = newStage()
    const node = new ClientNode(stage, 1)
    node.sayings = [{ kind: 'report', facts: { incarnation: -300 } }]
    node.client.begin()
    node.clock.pass(2_000)
    assert.ok(node.refused.includes('malformed'))
    node.sayings = [report]
    node.clock.pass(20_000)
    assert.equal(stage.directory.state.reports.get(1)?.version, '1.2.3')
  })
})
