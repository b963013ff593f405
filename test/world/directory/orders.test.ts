import assert from 'node:assert/strict'
import { order, pendingOf } from '../../../world/directory/rules/orders.ts'
import { certificateOf, factsOf, Stage, sealOf, votersOf } from './support.ts'

const all = [1, 2, 3, 4]
/** Of bandwidth nobody knows. */
const much = { cpu: 4000, memory: 4000, disk: 40_000, bandwidth: 0 }

/** Four founders that are there, and have said what they can carry. */
function running(...more: number[]): Stage {
  const stage = new Stage().open(...all)
  for (const node of more) {
    stage.ask(1, stage.commandOf({ kind: 'admit', node: factsOf(node) }, { number: node }))
    stage.ask(node, { kind: 'open' })
  }
  stage.pass(1, ...all, ...more)
  for (const node of [...all, ...more]) stage.ask(node, { kind: 'report', facts: { capacity: much } })
  return stage
}

describe('orders of members', () => {
  it('replace one that is silent, and the certificate of those who are left makes it so', () => {
    const stage = running()
    const authority = stage.directory.state.authorities.get(1)!
    stage.pass(5, ...all)
    assert.equal(pendingOf(authority), undefined)
    stage.pass(10, 1, 2, 4)
    const order = pendingOf(authority)!
    assert.deepEqual([...order.voters].sort(), [1, 2, 4])
    assert.deepEqual(order.before, [1, 2, 3])
    assert.equal(authority.epoch, 1)
    const seal = sealOf({ nextMembers: votersOf(1, 2, 4) })
    assert.equal(stage.ask(4, { kind: 'anchor', certificates: [certificateOf(seal, [1, 2, 3])] }).code, 'ok')
    assert.deepEqual([authority.epoch, pendingOf(authority)], [2, undefined])
    assert.deepEqual(authority.members, votersOf(1, 2, 4))
  })

  it('wait for founders that have not come yet: a network is not started in one moment', () => {
    const stage = new Stage().open(1, 2)
    stage.pass(30, 1, 2)
    assert.equal(pendingOf(stage.directory.state.authorities.get(1)!), undefined)
  })

  it('wait for members after an outage, in which nobody could ask for a lease, but not for one that was silent before', () => {
    const stage = running(5)
    const { authorities } = stage.directory.state
    stage.pass(4, ...all)
    stage.tickBy(10 * 3600)
    stage.pass(29, 1, 4, 5)
    for (const group of [1, 2]) assert.equal(pendingOf(authorities.get(group)!), undefined)
    stage.pass(10, 1, 3, 4, 5)
    for (const group of [1, 2]) assert.ok(!pendingOf(authorities.get(group)!)!.voters.includes(2))

    const other = running(5)
    other.pass(6, 1, 3, 4, 5)
    assert.equal(pendingOf(other.directory.state.authorities.get(1)!), undefined)
    other.pass(1).tickBy(10 * 3600)
    other.pass(2, 1, 3, 4, 5)
    assert.ok(!pendingOf(other.directory.state.authorities.get(1)!)!.voters.includes(2))
  })

  it('give an area that was just made its first members, who begin it in epoch 1', () => {
    const stage = running()
    const group = stage.ask(1, { kind: 'want', quadkey: '0001' }).value!
    const authority = stage.directory.state.authorities.get(group)!
    assert.deepEqual([authority.epoch, authority.members], [0, []])
    stage.pass(1, ...all)
    assert.equal(authority.epoch, 1)
    assert.equal(authority.members.length, 3)
    assert.deepEqual(
      [...authority.leading].sort(),
      authority.members.map(({ node }) => node),
    )
    const quorum = authority.members.map(({ node }) => node)
    const certificate = certificateOf(sealOf({ origin: `testnet/area/0001/${group}` }), quorum)
    assert.equal(stage.ask(1, { kind: 'anchor', certificates: [certificate] }).code, 'ok')
  })

  it('give nothing to a node that has not said what it can carry', () => {
    const stage = new Stage().open(...all).pass(70, ...all)
    const group = stage.ask(1, { kind: 'want', quadkey: '0001' }).value!
    stage.pass(1, ...all)
    assert.equal(stage.directory.state.authorities.get(group)!.epoch, 0)
    stage.ask(2, { kind: 'report', facts: { capacity: much } })
    stage.pass(1, ...all)
    assert.deepEqual(stage.directory.state.authorities.get(group)!.leading, [2])
  })

  it('say that an authority is lost when too few of its members are left, and who holds it', () => {
    const stage = running()
    const authority = stage.directory.state.authorities.get(1)!
    stage.pass(12, 3, 4)
    assert.deepEqual(authority.lost, [3])
    stage.pass(1, ...all)
    assert.equal(authority.lost, undefined)
  })

  it('move everything from a node that leaves, and then it has left', () => {
    const stage = running(5, 6)
    const { state } = stage.directory
    stage.ask(1, { kind: 'leave' })
    let heights = [0, 0]
    for (let second = 0; second < 40 && state.nodes.get(1)!.status === 'leaving'; second++) {
      stage.pass(1, ...all, 5, 6)
      for (const group of [1, 2]) {
        const authority = state.authorities.get(group)!
        const pending = pendingOf(authority)
        if (pending === undefined) continue
        const members = authority.members.map(({ node }) => node)
        const height = ++heights[group - 1]!
        const nextMembers = votersOf(...[...pending.voters].sort((a, b) => a - b))
        const origin = `testnet/${authority.name}/0`
        const seal = sealOf({
          origin,
          height,
          epoch: authority.epoch,
          nextMembers,
          previous: hashOf(state, group),
        })
        const outcome = stage.ask(5, { kind: 'anchor', certificates: [certificateOf(seal, members)] })
        assert.equal(outcome.code, 'ok')
      }
      heights = [...heights]
    }
    assert.equal(state.nodes.get(1)!.status, 'retired')
  })

  it('that only change observers let the one who was replaced leave', () => {
    const stage = running(5, 6)
    const { state } = stage.directory
    const authority = state.authorities.get(1)!
    const voters = [1, 2, 3]
    for (const learners of [[5], [6]]) order(state, authority, { voters, learners, before: voters })
    assert.equal(stage.ask(5, { kind: 'leave' }).code, 'ok')
    stage.pass(2, ...all, 5, 6)
    assert.equal(state.nodes.get(5)!.status, 'retired')
    assert.equal(state.nodes.get(6)!.status, 'active')
  })
})

function hashOf(state: Stage['directory']['state'], group: number): Uint8Array {
  return state.anchors.get(group)?.anchor.hash ?? new Uint8Array(32)
}
