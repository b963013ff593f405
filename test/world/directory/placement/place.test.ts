import assert from 'node:assert/strict'
import { place } from '../../../../world/directory/placement/place.ts'
import {
  type AuthorityFacts,
  DEFAULT_POLICY,
  type Decision,
  type NodeFacts,
  type Order,
} from '../../../../world/directory/placement/types.ts'
import { area, factsOf, node } from './fleet.ts'

const NOW = 1_000
const TEN = Array.from({ length: 10 }, (_, i) => node(i + 1))

function decided(nodes: readonly NodeFacts[], ...areas: AuthorityFacts[]): Decision[] {
  return place(factsOf(nodes, areas), DEFAULT_POLICY, NOW)
}

function ordered(nodes: readonly NodeFacts[], one: AuthorityFacts): Order {
  const decisions = decided(nodes, one)
  assert.equal(decisions.length, 1)
  assert.equal(decisions[0]!.kind, 'order')
  return decisions[0] as Order
}

/** The nodes, with one that is otherwise. */
function but(number: number, more: Partial<NodeFacts>, nodes: readonly NodeFacts[] = TEN): NodeFacts[] {
  return nodes.map(each => (each.number === number ? { ...each, ...more } : each))
}

const HELD = area(1, { voters: [1, 2, 3, 4, 5], learners: [6, 7] })

describe('placement', () => {
  it('founds an area on five nodes where there are enough, and on fewer where one would be left over no more', () => {
    assert.equal(ordered(TEN, area(1)).voters.length, 5)
    assert.equal(ordered(TEN.slice(0, 5), area(1)).voters.length, 4)
    assert.equal(ordered(TEN.slice(0, 3), area(1)).voters.length, 3)
    assert.equal(ordered(TEN.slice(0, 2), area(1)).voters.length, 2)
    assert.deepEqual(decided([], area(1)), [])
  })

  it('leaves a settled area alone', () => {
    assert.deepEqual(decided(TEN, HELD), [])
  })

  it('puts two voters on one operator, or on one host, only where it must', () => {
    const crowded = TEN.map(each => (each.number <= 5 ? { ...each, operator: 'one', host: 'one' } : each))
    assert.equal(ordered(crowded, area(1)).voters.filter(voter => voter <= 5).length, 1)
    const alike = TEN.slice(0, 5).map(each => ({ ...each, operator: 'one', host: 'one' }))
    assert.equal(ordered(alike, area(1)).voters.length, 4)
  })

  it('puts voters near the players', () => {
    const far = but(9, { roundTripsMs: new Map(TEN.map(({ number }) => [number, number <= 4 ? 80 : 5])) })
    const { voters } = ordered(far, area(1, { wantedNear: [9] }))
    assert.deepEqual(voters.toSorted(), [10, 5, 6, 7, 8, 9].filter(each => voters.includes(each)).toSorted())
    assert.equal(voters[0], 9)
  })

  it('replaces a silent member by an observer, which has the state', () => {
    const order = ordered(but(2, { heardTick: NOW - 7 }), HELD)
    assert.equal(order.why, 'repair')
    assert.deepEqual(order.voters, [1, 3, 4, 5, 6])
    assert.deepEqual(order.learners, [7])
    assert.deepEqual(order.before, [1, 2, 3, 4, 5])
  })

  it('waits for who was silent for a moment only', () => {
    assert.deepEqual(decided(but(2, { heardTick: NOW - 6 }), HELD), [])
  })

  it('leaves who is silent in its place where nobody can take it, and who is gone only of three', () => {
    const five = TEN.slice(0, 5)
    const held = { ...HELD, learners: [] }
    assert.deepEqual(decided(but(2, { heardTick: NOW - 7 }, five), held), [])
    assert.deepEqual(ordered(but(2, { status: 'gone' }, five), held).voters, [1, 3, 4, 5])
    const three = area(1, { voters: [1, 2, 3] })
    assert.deepEqual(decided(but(2, { status: 'gone' }, TEN.slice(0, 3)), three), [])
  })

  it('leaves out who is silent where there are more voters than wanted', () => {
    const facts = factsOf(but(2, { heardTick: NOW - 7 }, TEN.slice(0, 4)), [
      area(1, { voters: [1, 2, 3, 4] }),
    ])
    const [one] = place(facts, { replicas: 3, observers: 0 }, NOW)
    assert.deepEqual((one as Order).voters, [1, 3, 4])
  })

  it('gives nothing to who leaves, and takes away what it has', () => {
    const order = ordered(but(1, { status: 'leaving' }), HELD)
    assert.ok(!order.voters.includes(1) && !order.learners.includes(1))
    assert.ok(!ordered(but(3, { status: 'leaving' }), area(1)).voters.includes(3))
  })

  it('changes nothing while the last change runs, but gives an order anew whose newcomer has died', () => {
    const pending = { voters: [1, 3, 4, 5, 8], learners: [6, 7], sinceTick: NOW - 2 }
    const changing = { ...HELD, pending }
    assert.deepEqual(decided(but(2, { heardTick: 0 }), changing), [])
    const anew = ordered(but(8, { heardTick: 0 }, but(2, { heardTick: 0 })), changing)
    assert.ok(!anew.voters.includes(8))
    assert.deepEqual(anew.before, [1, 2, 3, 4, 5, 8])
  })

  it('says that an area is lost, with who holds it, once the leases of the others have run out', () => {
    const dead = (ticks: number) =>
      [1, 2, 6].reduce((nodes, number) => but(number, { heardTick: NOW - ticks }, nodes), TEN)
    assert.deepEqual(decided(dead(8), HELD), [])
    assert.deepEqual(decided(dead(9), HELD), [{ kind: 'lost', group: 1, holders: [3, 4, 5, 7] }])
    assert.deepEqual(decided(dead(9), { ...HELD, lost: [3, 4, 5, 7] }), [])
    assert.deepEqual(decided(TEN, { ...HELD, lost: [3, 4, 5, 7] }), [{ kind: 'found', group: 1 }])
  })

  it('lets only trusted nodes vote, and more trusted ones lead', () => {
    const strangers = TEN.map(each => ({ ...each, trust: each.number <= 4 ? 300 : 0 }))
    const order = ordered(but(4, { trust: 500 }, strangers), area(1))
    assert.deepEqual(
      order.voters.toSorted(),
      [1, 2, 3, 4].filter(each => order.voters.includes(each)),
    )
    assert.equal(ordered(but(1, { trust: 500 }, strangers), area(1)).voters[0], 1)
  })

  it('takes observers and extra voters from a node that has too much, before any other', () => {
    const busy = { load: { cpu: 950, memory: 0, disk: 0, bandwidth: 0 } }
    const order = ordered(but(7, busy), HELD)
    assert.equal(order.why, 'relief')
    assert.deepEqual(order.voters, HELD.voters)
    assert.ok(!order.learners.includes(7) && order.learners.length === 2)
  })
})
