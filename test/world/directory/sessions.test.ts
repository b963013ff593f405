import assert from 'node:assert/strict'
import { createDirectory } from '../../../world/directory/directory.ts'
import { DIRECTORY_INPUT_MAX_BYTES } from '../../../world/directory/limits.ts'
import { BEGIN_MS, charterOf, factsOf, hexEntries, host, identityOf, Stage } from './support.ts'

const open = { kind: 'open' } as const
const leave = { kind: 'leave' } as const

describe('a node that speaks to the directory', () => {
  it('opens a session first, and takes part from then on', () => {
    const stage = new Stage()
    stage.tickBy(1)
    assert.equal(stage.directory.state.nodes.get(1)!.status, 'admitted')
    assert.equal(stage.ask(1, leave).code, 'no-session')
    assert.deepEqual([stage.ask(1, open).code, stage.directory.state.nodes.get(1)!.status], ['ok', 'active'])
  })

  it('is told its number when it opens', () => {
    const stage = new Stage()
    stage.tickBy(1)
    assert.equal(stage.ask(3, open).value, 3)
  })

  it('is nobody as long as nobody admits it', () => {
    const stage = new Stage()
    stage.tickBy(1)
    const before = hexEntries(stage.directory)
    assert.equal(stage.ask(9, open).code, 'not-admitted')
    assert.deepEqual(stage.directory.check(stage.bodyOf(9, open)), { code: 'not-admitted' })
    assert.deepEqual(hexEntries(stage.directory), before)
  })

  it('signs each input itself: what another one signed in its name uses no seq', () => {
    const stage = new Stage().open(1, 2)
    const before = hexEntries(stage.directory)
    assert.equal(stage.ask(1, leave, { by: identityOf(2) }).code, 'forged')
    assert.deepEqual(stage.directory.check(stage.bodyOf(1, leave, { by: identityOf(2) })), { code: 'forged' })
    assert.deepEqual(hexEntries(stage.directory), before)
    assert.equal(stage.ask(1, leave).code, 'ok')
  })

  it('can repeat an input: it is applied once, and its outcome is known', () => {
    const stage = new Stage().open(1)
    const body = stage.bodyOf(1, { kind: 'want', quadkey: '0001' })
    const first = stage.apply(body).outcome!
    const again = stage.apply(body).outcome!
    assert.deepEqual([first.code, again.code, again.value], ['ok', 'duplicate', 2])
    assert.deepEqual(stage.directory.outcomeOf(body, body.subarray(32), 2), first)
    assert.deepEqual(stage.directory.check(body), { code: 'duplicate', seq: 2 })
    assert.equal(stage.directory.lastSeq(body, body, 32), 2)
  })

  it('keeps the order of its inputs: one that is missing is asked for', () => {
    const stage = new Stage().open(1)
    const outcome = stage.ask(1, leave, { seq: 4 })
    assert.deepEqual([outcome.code, outcome.value], ['gap', 2])
  })

  it('closes its session by opening one of a higher number, and never opens it again', () => {
    const stage = new Stage().open(1)
    assert.equal(stage.ask(1, open, { session: BEGIN_MS + 5 }).code, 'ok')
    assert.equal(stage.ask(1, leave, { session: BEGIN_MS, seq: 2 }).code, 'session-closed')
    assert.equal(stage.ask(1, open, { session: BEGIN_MS, seq: 1 }).code, 'session-closed')
    const tooFar = BEGIN_MS + 3 * 24 * 60 * 60 * 1000
    assert.equal(stage.ask(1, open, { session: tooFar }).code, 'session-ahead')
  })

  it('cannot be made to say in this network what it said in another one', () => {
    const stage = new Stage().open(1)
    const body = stage.bodyOf(1, leave)
    body[52]! ^= 1
    assert.deepEqual(stage.directory.check(body), { code: 'other-log' })
    assert.deepEqual(stage.apply(body).ignored, { code: 'other-log' })
  })

  it('cannot be brought back to an old session when it was admitted anew', () => {
    const stage = new Stage().open(1, 2)
    stage.ask(1, { kind: 'admit', node: factsOf(9) })
    stage.ask(9, open, { session: BEGIN_MS + 1 })
    const old = stage.bodyOf(9, leave, { session: BEGIN_MS + 1 })
    assert.equal(stage.apply(old).outcome!.code, 'ok')
    stage.pass(1)
    assert.equal(stage.directory.state.nodeOf(identityOf(9).publicKey)!.status, 'retired')
    assert.equal(stage.ask(9, open, { session: BEGIN_MS + 2 }).code, 'retired')
    const back = stage.ask(1, { kind: 'admit', node: factsOf(9) })
    assert.deepEqual([back.code, back.value], ['ok', 6])
    assert.equal(stage.ask(9, open, { session: BEGIN_MS + 1, seq: 1 }).code, 'duplicate')
    assert.equal(stage.apply(old).outcome!.code, 'duplicate')
    assert.equal(stage.ask(9, open, { session: BEGIN_MS + 2 }).code, 'ok')
  })

  it('cannot fill the log with what comes to nothing: after 256 such inputs it waits for the next world block', () => {
    const stage = new Stage().open(1)
    const inVain = { kind: 'want', quadkey: '0231' } as const
    for (let times = 1; times < 256; times++) assert.equal(stage.ask(1, inVain).code, 'tile-held')
    const before = hexEntries(stage.directory)
    assert.equal(stage.ask(1, inVain).code, 'too-many-inputs')
    assert.deepEqual(stage.directory.check(stage.bodyOf(1, inVain)), { code: 'too-many-inputs' })
    assert.equal(stage.ask(1, open, { session: BEGIN_MS + 1 }).code, 'too-many-inputs')
    assert.deepEqual(hexEntries(stage.directory), before)
    stage.pass(10, 1)
    assert.equal(stage.ask(1, { kind: 'want', quadkey: '0001' }).code, 'ok')
  })

  it('cannot fill the log with first inputs of sessions that it does not open, which nobody counts', () => {
    const stage = new Stage().open(1)
    const other = stage.bodyOf(1, leave, { session: BEGIN_MS + 1, seq: 1 })
    assert.deepEqual(stage.directory.check(other), { code: 'no-session' })
    const tooFar = stage.bodyOf(1, open, { session: BEGIN_MS + 3 * 24 * 60 * 60 * 1000 })
    assert.deepEqual(stage.directory.check(tooFar), { code: 'session-ahead' })
    assert.deepEqual(stage.directory.check(stage.bodyOf(2, leave, { seq: 1 })), { code: 'no-session' })
    assert.equal(stage.directory.check(stage.bodyOf(1, open, { session: BEGIN_MS + 1 })), undefined)
    assert.equal(stage.directory.check(stage.bodyOf(1, leave)), undefined)
  })

  it('is not listened to beyond the size that an input may have', () => {
    const directory = createDirectory(host, charterOf())
    assert.equal(directory.maxInputBytes, DIRECTORY_INPUT_MAX_BYTES)
    const tooLong = new Uint8Array(DIRECTORY_INPUT_MAX_BYTES + 1)
    assert.deepEqual(directory.check(tooLong), { code: 'malformed' })
    assert.deepEqual(directory.apply(3, tooLong, 1).ignored, { code: 'malformed' })
  })
})
