import assert from 'node:assert/strict'
import { MAX_NODES } from '../../../world/directory/limits.ts'
import { addNode } from '../../../world/directory/rules/nodes.ts'
import { factsOf, identityOf, Stage } from './support.ts'

const dayMs = 24 * 60 * 60 * 1000
const unvouched = { isVouched: false, sponsor: 1 }

/** Founders, and one newcomer that opened its session; of the others that fill the table there is only the number. */
function full() {
  const stage = new Stage().open(1)
  const { state } = stage.directory
  state.header.passedMs = 31 * dayMs
  stage.ask(1, { kind: 'admit', node: factsOf(50) })
  stage.ask(50, { kind: 'open' })
  const others = MAX_NODES - state.nodes.size
  Object.defineProperty(state.nodes, 'size', { get: () => others + state.nodes.ids().length })
  const later = (days: number) => {
    state.header.passedMs += days * dayMs
  }
  return { stage, state, later, newcomer: () => state.nodeOf(identityOf(50).publicKey) }
}

describe('a full directory', () => {
  it('forgets nobody who was just admitted, however long it has run, but who was never heard for a month', () => {
    const { state, later, newcomer } = full()
    assert.equal(addNode(state, factsOf(51), unvouched).code, 'too-many-nodes')
    assert.ok(newcomer())
    later(31)
    assert.equal(addNode(state, factsOf(51), unvouched).code, 'ok')
    assert.equal(newcomer(), undefined)
  })

  it('forgets nobody who has just come back', () => {
    const { stage, state, later, newcomer } = full()
    stage.ask(50, { kind: 'leave' })
    stage.pass(1, 1)
    later(31)
    assert.equal(newcomer()?.status, 'retired')
    assert.equal(addNode(state, factsOf(50), unvouched).code, 'ok')
    assert.equal(addNode(state, factsOf(51), unvouched).code, 'too-many-nodes')
    assert.equal(newcomer()?.status, 'admitted')
  })
})
