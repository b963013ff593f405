import assert from 'node:assert/strict'
import fc from 'fast-check'
import { encodeDirectoryTick } from '../../../world/directory/codec/tick.ts'
import { LEASE_MS, LEASE_OVER_MS, MAX_RENEWALS, MAX_STEP_MS } from '../../../world/directory/limits.ts'
import { reputationOf } from '../../../world/directory/reputation.ts'
import { hasLease } from '../../../world/directory/rules/nodes.ts'
import { TICK_RECORD } from '../../../world/interface.ts'
import { BEGIN_MS, certificateOf, hexEntries, Stage, sealOf } from './support.ts'

const isLeased = ({ directory: { state } }: Stage, node: number): boolean =>
  hasLease(state.presence(node), state.header.passedMs)

describe('a lease', () => {
  it('runs for whom the leader heard, longer than the node itself counts it', () => {
    const stage = new Stage().open(1)
    assert.equal(isLeased(stage, 1), false)
    stage.pass(1, 1)
    assert.equal(isLeased(stage, 1), true)
    assert.ok(LEASE_OVER_MS >= LEASE_MS * 1.05 + MAX_STEP_MS)
    stage.pass(Math.floor(LEASE_OVER_MS / 1000))
    assert.equal(isLeased(stage, 1), true)
    stage.pass(1)
    assert.equal(isLeased(stage, 1), false)
  })

  it('is counted from the record that had it last', () => {
    const stage = new Stage().open(1)
    stage.pass(4, 1).pass(5).pass(1, 1).pass(7)
    assert.equal(isLeased(stage, 1), true)
    assert.equal(stage.directory.state.presence(1).renewedMs, 11_000)
  })

  it('is not taken away by a leader whose clock is ahead: a tick counts for a second at most', () => {
    const stage = new Stage().open(1).pass(1, 1)
    for (let days = 0; days < 7; days++) stage.tickBy(24 * 3600 * 10)
    assert.equal(isLeased(stage, 1), true)
    stage.tickBy(3)
    assert.equal(stage.directory.state.header.passedMs, 9_300)
  })

  it('runs out under a leader whose clock is behind, whose ticks hardly go forward', () => {
    const stage = new Stage().open(1).pass(1, 1)
    for (let second = 1; second <= 9; second++) {
      const timeMs = BEGIN_MS - 300_000 + 1000 * second
      const body = encodeDirectoryTick({ tick: stage.tick + second, timeMs, renewals: [] })
      stage.directory.apply(TICK_RECORD, body, stage.leaf++)
      assert.equal(isLeased(stage, 1), second <= 8)
    }
  })

  it('goes on only by a new nonce: what a leader repeats renews nothing', () => {
    const stage = new Stage().open(1).pass(1, 1)
    const [tick, nonce] = [stage.tick, stage.directory.state.presence(1).nonce]
    for (let second = 1; second <= 8; second++) {
      const body = encodeDirectoryTick({
        tick: tick + 10 * second,
        timeMs: BEGIN_MS + 1000 * (tick / 10 + second),
        renewals: [{ node: 1, nonce }],
      })
      stage.directory.apply(TICK_RECORD, body, stage.leaf++)
    }
    assert.equal(isLeased(stage, 1), false)
  })

  it('is nothing for nodes that take no part: strangers, the banned, those that never opened a session', () => {
    const stage = new Stage().open(1, 2)
    stage.ask(1, stage.commandOf({ kind: 'ban', number: 2 }))
    stage.pass(1, 2, 3, 77)
    for (const node of [2, 3, 77]) assert.equal(isLeased(stage, node), false)
    assert.equal(stage.directory.state.presences.get(77), undefined)
  })

  it('keeps the directory ticking, and nothing does when all have run out', () => {
    const stage = new Stage().open(1)
    assert.equal(stage.directory.needsTick(), false)
    stage.pass(1, 1)
    assert.equal(stage.directory.needsTick(), true)
    stage.pass(9)
    assert.equal(stage.directory.needsTick(), false)
  })

  it('keeps it ticking until the world block that tells of what was anchored', () => {
    const stage = new Stage().open(1)
    stage.ask(1, { kind: 'anchor', certificates: [certificateOf(sealOf(), [1, 2, 3])] })
    assert.equal(stage.directory.needsTick(), true)
    stage.pass(10)
    assert.equal(stage.directory.needsTick(), false)
    assert.equal(stage.directory.state.blocks.get(0)!.number, 1)
  })
})

describe('a tick of the directory', () => {
  it('goes forward, and is in one form', () => {
    const stage = new Stage().open(1)
    const nonce = new Uint8Array(8)
    const tickOf = (...nodes: number[]) =>
      encodeDirectoryTick({ tick: 9, timeMs: 1, renewals: nodes.map(node => ({ node, nonce })) })
    const apply = (body: Uint8Array) => stage.directory.apply(TICK_RECORD, body, stage.leaf++).ignored?.code
    const before = hexEntries(stage.directory)
    assert.equal(apply(tickOf(2, 1)), 'malformed')
    assert.equal(apply(tickOf(1, 1)), 'malformed')
    assert.equal(apply(tickOf(1).subarray(1)), 'malformed')
    const tooMany = Array.from({ length: MAX_RENEWALS + 1 }, (_, node) => node + 1)
    assert.equal(apply(tickOf(...tooMany)), 'malformed')
    assert.deepEqual(hexEntries(stage.directory), before)
    assert.equal(apply(tickOf(1)), undefined)
    assert.equal(apply(tickOf(1)), 'stale-tick')
  })
})

describe('the reputation of a node', () => {
  const of = ({ directory: { state } }: Stage, node: number) =>
    reputationOf(state.nodes.get(node)!, state.presence(node), state.policy, state.header.passedMs)

  it('begins with the word of whoever vouched for it, and grows with the time that it is there', () => {
    const stage = new Stage().open(1)
    assert.deepEqual(of(stage, 1), { uptime: 0, participation: 0, invalidProposals: 0, trust: 500 })
    for (let times = 0; times < 900; times++) stage.pass(2, 1)
    const half = of(stage, 1)
    assert.deepEqual([half.uptime, half.trust], [1000, 500 + 174])
    for (let times = 0; times < 900; times++) stage.pass(2, 1)
    assert.equal(of(stage, 1).trust, 500 + 349)
  })

  it('falls while the node is away', () => {
    const stage = new Stage().open(1).pass(50, 1)
    assert.equal(of(stage, 1).uptime, 1000)
    stage.pass(50)
    assert.equal(of(stage, 1).uptime, Math.floor((1000 * (49_000 + LEASE_OVER_MS)) / 99_000))
  })

  it('counts whether it signs what it is a member of, once for each world block', () => {
    const stage = new Stage().open(1, 2, 3)
    stage.ask(1, { kind: 'anchor', certificates: [certificateOf(sealOf(), [1, 2, 3])] })
    stage.pass(10)
    assert.deepEqual(
      [1, 2, 3, 4].map(node => of(stage, node).participation),
      [1000, 1000, 0, 0],
    )
    assert.deepEqual(
      [1, 4].map(node => stage.directory.state.presence(node).expectedBlocks),
      [1, 0],
    )
  })

  it('is of whole numbers from 0 to 1,000, whatever has happened', () => {
    const natural = fc.integer({ min: 0, max: 0xffff })
    const time = fc.integer({ min: 0, max: 2 ** 41 })
    const presence = fc.record({
      ...{ isHeard: fc.boolean(), nonce: fc.constant(new Uint8Array(8)), renewedMs: time, sinceMs: time },
      ...{ movedMs: time, knownMs: time, leasedMs: time, expectedBlocks: natural, signedBlocks: natural },
      ...{
        invalidProposals: natural,
        idleInputs: natural,
        isExpected: fc.boolean(),
        hasSigned: fc.boolean(),
      },
    })
    const stage = new Stage()
    const [node, policy] = [stage.directory.state.nodes.get(1)!, stage.directory.state.policy]
    fc.assert(
      fc.property(presence, time, fc.boolean(), (row, laterMs, isVouched) => {
        const whole = { ...row, leasedMs: Math.min(row.leasedMs, row.knownMs) }
        const signedBlocks = Math.min(row.signedBlocks, row.expectedBlocks)
        const result = reputationOf(
          { ...node, isVouched },
          { ...whole, signedBlocks },
          policy,
          row.renewedMs + laterMs,
        )
        for (const value of [result.uptime, result.participation, result.trust])
          assert.ok(Number.isInteger(value) && value >= 0 && value <= 1000)
      }),
    )
  })
})
