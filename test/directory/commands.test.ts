import assert from 'node:assert/strict'
import { type CommandAction, type CommandAnswer, Commands } from '../../daemon/directory/commands.ts'
import type { Outcome } from '../../world/codec.ts'
import type { OutcomeCode } from '../../world/reasons.ts'
import { Stage } from '../world/directory/support.ts'
import { HandClock } from './node.ts'

const outcome = (code: OutcomeCode): Outcome => ({
  ...{ seq: 2, leaf: 40, tick: 9, code, entity: undefined, value: undefined },
})

describe('a command that operators give to a node', () => {
  let clock: HandClock
  let done: boolean | undefined
  let commands: Commands
  let answers: CommandAnswer[]
  beforeEach(() => {
    clock = new HandClock()
    done = false
    answers = []
    commands = new Commands({ clock, isDone: () => done })
  })
  const action = new Stage().commandOf({ kind: 'ban', number: 4 }) as CommandAction
  const bring = (): void => commands.bring(action, answer => answers.push(answer))

  it('is answered when the certified log has it', () => {
    bring()
    commands.next()!.said(outcome('ok'))
    assert.equal(commands.next(), undefined, 'it is said once')
    commands.shown()
    assert.deepEqual(answers, [], 'committed is not final')
    done = true
    commands.shown()
    assert.deepEqual(answers, [{ kind: 'decided', outcome: outcome('ok'), isFinal: true }])
    clock.pass(60_000)
    assert.equal(answers.length, 1)
  })

  it('is answered as committed where the certificate does not come in time', () => {
    bring()
    commands.next()!.said(outcome('ok'))
    clock.pass(21_000)
    assert.deepEqual(answers, [{ kind: 'decided', outcome: outcome('ok'), isFinal: false }])
  })

  it('is answered at once when it was refused', () => {
    bring()
    commands.next()!.said(outcome('nonce-used'))
    assert.deepEqual(answers, [{ kind: 'decided', outcome: outcome('nonce-used'), isFinal: false }])
  })

  it('is offered again until somebody has said it, and given up after 20 s', () => {
    bring()
    assert.deepEqual(commands.next()!.action, commands.next()!.action)
    clock.pass(21_000)
    assert.deepEqual(answers, [{ kind: 'unanswered' }])
    assert.equal(commands.next(), undefined)
  })

  it('waits with seven others at most, and goes in their order', () => {
    for (let i = 0; i < 9; i++) bring()
    assert.deepEqual(answers, [{ kind: 'busy' }])
    for (let i = 0; i < 8; i++) commands.next()!.said(outcome('no-effect'))
    assert.equal(answers.length, 9)
  })

  it('is answered when the node ends', () => {
    bring()
    commands.stop()
    assert.deepEqual(answers, [{ kind: 'unanswered' }])
  })
})
