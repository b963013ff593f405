import assert from 'node:assert/strict'
import { sortedByKey } from '../../../world/directory/charter.ts'
import type { Command } from '../../../world/directory/codec/command.ts'
import { MAX_NONCE_AHEAD_S } from '../../../world/directory/limits.ts'
import { order } from '../../../world/directory/rules/orders.ts'
import {
  certificateOf,
  factsOf,
  keyOf,
  NETWORK,
  operatorOf,
  POLICY,
  Stage,
  sealOf,
  votersOf,
} from './support.ts'

const ban = (number: number): Command => ({ kind: 'ban', number })

describe('what the operators command', () => {
  it('is done when more than half of them have signed it, whichever node brings it', () => {
    const stage = new Stage().open(1)
    assert.equal(stage.ask(1, stage.commandOf(ban(4), { signers: [1] })).code, 'no-quorum')
    assert.equal(stage.directory.state.nodes.get(4)!.status, 'admitted')
    assert.equal(stage.ask(1, stage.commandOf(ban(4), { signers: [1, 3] })).code, 'ok')
    assert.equal(stage.directory.state.nodes.get(4)!.status, 'banned')
  })

  it('is not done for half of them, nor for one who signs twice, nor for a stranger', () => {
    const operators = sortedByKey(
      [1, 2, 3, 4].map(each => ({ name: `${each}`, key: operatorOf(each).publicKey })),
    )
    const stage = new Stage().open(1)
    stage.ask(1, stage.commandOf({ kind: 'set-operators', operators }))
    const half = stage.commandOf(ban(4), { number: 2, signers: [1, 2] })
    assert.equal(stage.ask(1, half).code, 'no-quorum')
    assert.equal(stage.ask(1, stage.commandOf(ban(4), { number: 2, signers: [1, 2, 2] })).code, 'no-quorum')
    assert.equal(stage.ask(1, stage.commandOf(ban(4), { number: 2, signers: [1, 2, 9] })).code, 'no-quorum')
    assert.equal(stage.ask(1, stage.commandOf(ban(4), { number: 2, signers: [1, 2, 4] })).code, 'ok')
  })

  it('is done once, whoever brings it again', () => {
    const stage = new Stage().open(1, 2)
    const command = stage.commandOf(ban(4))
    assert.equal(stage.ask(1, command).code, 'ok')
    stage.ask(1, stage.commandOf({ kind: 'unban', number: 4 }, { number: 2 }))
    assert.equal(stage.ask(2, command).code, 'nonce-used')
    assert.equal(stage.directory.state.nodes.get(4)!.status, 'admitted')
  })

  it('has its time: not after it, and not for longer than a week', () => {
    const stage = new Stage().open(1)
    const late = stage.commandOf(ban(4), { expiresS: 5 })
    stage.pass(5)
    assert.equal(stage.ask(1, late).code, 'ok', 'in its last second')
    const later = stage.commandOf({ kind: 'unban', number: 4 }, { number: 2, expiresS: 5 })
    stage.pass(1)
    assert.equal(stage.ask(1, later).code, 'nonce-expired')
    assert.equal(stage.directory.state.nonces.size, 0, 'a nonce is kept no longer than it can be used')
    assert.equal(stage.ask(1, late).code, 'nonce-expired')
    const tooLong = stage.commandOf(ban(3), { expiresS: MAX_NONCE_AHEAD_S + 100 })
    assert.equal(stage.ask(1, tooLong).code, 'nonce-ahead')
  })

  it('is for this network and these words: a signature over others is none', () => {
    const stage = new Stage().open(1)
    const action = stage.commandOf(ban(4))
    if (action.kind !== 'command') assert.fail()
    const other = { ...action, nonce: { ...action.nonce, number: 9 } }
    assert.equal(stage.ask(1, other).code, 'no-quorum')
    assert.equal(stage.ask(1, { ...action, command: action.command.with(4, 3) }).code, 'no-quorum')
    assert.equal(stage.ask(1, { ...action, command: new Uint8Array(3) }).code, 'malformed')
  })

  it('may not be carried out, and can be brought again then', () => {
    const stage = new Stage().open(1)
    const unban = stage.commandOf({ kind: 'unban', number: 4 })
    assert.equal(stage.ask(1, unban).code, 'no-effect')
    assert.equal(stage.ask(1, stage.commandOf(ban(77), { number: 2 })).code, 'unknown-node')
    stage.ask(1, stage.commandOf(ban(4), { number: 3 }))
    assert.equal(stage.ask(1, unban).code, 'ok')
  })

  it('can replace the operators, the recovery keys and the policy, and adopt newer rules', () => {
    const stage = new Stage().open(1)
    const { state } = stage.directory
    const recovery = { keys: [keyOf('new recovery').publicKey], threshold: 1 }
    assert.equal(stage.ask(1, stage.commandOf({ kind: 'set-recovery', recovery })).code, 'ok')
    assert.deepEqual(state.operators.get(0)!.recovery, recovery)
    const operators = [{ name: 'Nia', key: operatorOf(9).publicKey }]
    assert.equal(
      stage.ask(1, stage.commandOf({ kind: 'set-operators', operators }, { number: 2 })).code,
      'ok',
    )
    assert.equal(stage.ask(1, stage.commandOf(ban(4), { number: 3 })).code, 'no-quorum', 'by those of before')
    const policy = { ...POLICY, admission: 'operators' as const }
    const by = { signers: [9] }
    assert.equal(
      stage.ask(1, stage.commandOf({ kind: 'set-policy', policy }, { number: 3, ...by })).code,
      'ok',
    )
    assert.deepEqual(state.policy, policy)
    const rules = { kind: 'adopt-rules', version: 2, contentHash: new Uint8Array(32) } as const
    const leaf = stage.leaf
    assert.equal(stage.ask(1, stage.commandOf(rules, { number: 4, ...by })).code, 'ok')
    assert.deepEqual(state.rules.get(0), { version: 2, contentHash: new Uint8Array(32), sinceLeaf: leaf })
    assert.equal(stage.ask(1, stage.commandOf(rules, { number: 5, ...by })).code, 'no-effect')
  })
})

describe('a banned node', () => {
  it('can do nothing any more, and nothing that it signed before is taken', () => {
    const stage = new Stage().open(1, 2)
    const signed = stage.bodyOf(2, { kind: 'want', quadkey: '0001' })
    stage.ask(1, stage.commandOf(ban(2)))
    assert.equal(stage.apply(signed).outcome!.code, 'banned')
    assert.deepEqual(stage.directory.check(signed), { code: 'banned' })
    assert.equal(stage.ask(2, { kind: 'open' }, { session: 2 ** 41 }).code, 'banned')
    assert.equal(stage.directory.state.tiles.get('0001'), undefined)
    assert.equal(stage.ask(1, { kind: 'admit', node: factsOf(2) }).code, 'known-node')
  })

  it('may come back when the operators say so, and its old sessions stay closed', () => {
    const stage = new Stage().open(1, 2)
    stage.ask(1, stage.commandOf(ban(2)))
    stage.ask(1, stage.commandOf({ kind: 'unban', number: 2 }, { number: 2 }))
    assert.equal(stage.ask(2, { kind: 'open' }, { seq: 1 }).code, 'duplicate')
    assert.equal(stage.ask(2, { kind: 'leave' }).code, 'ok')
  })
})

describe('nodes come and go', () => {
  const admit = (node: number, changes = {}) => ({ kind: 'admit', node: factsOf(node, changes) }) as const

  it('a newcomer is brought in by a node that takes part, where the policy is open', () => {
    const stage = new Stage().open(1)
    const outcome = stage.ask(1, admit(9))
    assert.deepEqual([outcome.code, outcome.value], ['ok', 5])
    const node = stage.directory.state.nodes.get(5)!
    assert.deepEqual([node.status, node.isVouched, node.sponsor], ['admitted', false, 1])
    assert.equal(stage.ask(1, admit(9)).code, 'known-node')
  })

  it('only by the operators, where the policy says so', () => {
    const stage = new Stage().open(1)
    stage.ask(1, stage.commandOf({ kind: 'set-policy', policy: { ...POLICY, admission: 'operators' } }))
    assert.equal(stage.ask(1, admit(9)).code, 'not-open')
    const command = stage.commandOf({ kind: 'admit', node: factsOf(9) }, { number: 2 })
    assert.deepEqual(
      [stage.ask(1, command).code, stage.directory.state.nodes.get(5)!.isVouched],
      ['ok', true],
    )
  })

  it('with keys that are its own, and nobody else has', () => {
    const stage = new Stage().open(1)
    const unsigned = { ...factsOf(9), endorsement: new Uint8Array(64) }
    assert.equal(stage.ask(1, { kind: 'admit', node: unsigned }).code, 'bad-endorsement')
    const taken = stage.ask(1, admit(9, { vote: factsOf(3).log }))
    assert.deepEqual([taken.code, taken.value], ['key-taken', 3])
    const twice = factsOf(9).vote
    assert.equal(stage.ask(1, admit(9, { cosign: twice })).code, 'bad-endorsement')
    assert.equal(stage.directory.state.presence(1).invalidProposals, 2, 'who brought them should have looked')
  })

  it('one that wants to leave stays until it holds nothing, founders too, down to none of them', () => {
    const stage = new Stage().open(1, 2, 3, 4)
    const { state } = stage.directory
    for (const node of [5, 6, 7]) {
      stage.ask(1, admit(node))
      stage.ask(node, { kind: 'open' })
    }
    stage.ask(4, { kind: 'leave' })
    for (const node of [1, 2, 3])
      stage.ask(5, stage.commandOf({ kind: 'retire', number: node }, { number: node }))
    stage.pass(1)
    for (const node of [1, 2, 3, 4]) assert.equal(state.nodes.get(node)!.status, 'leaving')

    const next = votersOf(5, 6, 7)
    const wanted = { voters: [5, 6, 7], learners: [], before: [1, 2, 3, 4] }
    for (const group of [1, 2]) order(state, state.authorities.get(group)!, wanted)
    const area = certificateOf(sealOf({ nextMembers: next }), [1, 2, 3])
    const origin = `${NETWORK}/directory/0`
    const own = certificateOf(sealOf({ origin, nextMembers: next }), [1, 2, 3, 4])
    assert.equal(stage.ask(5, { kind: 'anchor', certificates: [area] }).code, 'ok')
    stage.pass(1)
    assert.equal(state.nodes.get(4)!.status, 'leaving', 'the directory itself still has it')
    assert.equal(stage.ask(5, { kind: 'anchor', certificates: [own] }).code, 'ok')
    stage.pass(1)
    for (const node of [1, 2, 3, 4]) assert.equal(state.nodes.get(node)!.status, 'retired')
    assert.equal(stage.ask(1, { kind: 'leave' }).code, 'retired')
    assert.deepEqual(state.authorities.get(2)!.members, next)
  })

  it('a tile that nobody holds is made an area, once, under a group that never was before', () => {
    const stage = new Stage().open(1, 2)
    const { state } = stage.directory
    const made = stage.ask(1, { kind: 'want', quadkey: '3210' })
    assert.deepEqual([made.code, made.value], ['ok', 3])
    const again = stage.ask(2, { kind: 'want', quadkey: '3210' })
    assert.deepEqual([again.code, again.value], ['tile-held', 3])
    assert.equal(stage.ask(2, { kind: 'want', quadkey: '0231' }).code, 'tile-held')
    assert.equal(stage.ask(2, { kind: 'want', quadkey: '32100' }).code, 'not-a-base-tile')
    const { name, birth, epoch, area } = state.authorities.get(3)!
    assert.deepEqual(
      [name, birth, epoch, area!.xMm, area!.yMm],
      ['area/3210', 3, 0, 100_000_000, 120_000_000],
    )
  })
})
