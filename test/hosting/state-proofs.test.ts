import assert from 'node:assert/strict'
import type { Seal } from '../../consensus/finality/seal.ts'
import type { Replica } from '../../daemon/authority/replica.ts'
import { StateProofs } from '../../daemon/hosting/state-proofs.ts'
import type { Clock } from '../../daemon/ports.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { treeEntry, treeKey } from '../../storage/state/entry.ts'
import { verifyStateProof } from '../../storage/state/proof.ts'
import { decidedSeal } from '../audit/support/decided.ts'
import { foundTown, newReplica, playTown, removeTown, type Town } from '../audit/support/log.ts'

/** Time that stands still until it is told to go on. */
class HandClock implements Clock {
  nowMs = 0
  #due: { readonly atMs: number; readonly run: () => void }[] = []

  wallMs = () => this.nowMs
  monotonicMs = () => this.nowMs
  after = (delayMs: number, run: () => void) => {
    this.#due.push({ atMs: this.nowMs + delayMs, run })
    return () => {}
  }

  async pass(ms: number): Promise<void> {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; this.nowMs += 10) {
      const due = this.#due.filter(({ atMs }) => atMs <= this.nowMs)
      this.#due = this.#due.filter(({ atMs }) => atMs > this.nowMs)
      for (const { run } of due) run()
      await Promise.resolve()
    }
  }
}

describe('a proof of the state', function () {
  this.timeout(10_000)
  let town: Town
  let records: LogRecord[]
  let replica: Replica
  let clock: HandClock
  let proofs: StateProofs
  let final: { seal: Seal; certificate: Uint8Array } | undefined
  let next: number
  const player = () =>
    (records.find(({ kind }) => kind === recordKind.input)!.body as Uint8Array).slice(0, 32)

  before(() => {
    town = foundTown()
    records = playTown(town, 400)
  })
  after(() => removeTown(town))

  beforeEach(() => {
    replica = newReplica(town)
    next = 0
    final = undefined
    clock = new HandClock()
    proofs = new StateProofs({ replicaOf: () => replica, finalOf: () => final, clock })
  })

  /** Applies the log up to and with the next record of a kind. */
  function applyUpTo(kind: number): void {
    const end = records.findIndex((record, leaf) => leaf >= next && record.kind === kind) + 1
    replica.applyRecords(records.slice(next, end), [])
    next = end
  }

  function decide(): void {
    const seal = decidedSeal(town, replica.lastSeal!)
    final = { seal, certificate: Uint8Array.of(seal.height) }
  }

  const ask = (height?: number) => proofs.ask(1, player(), height)

  async function assertProves(answer: Awaited<ReturnType<typeof ask>>, height: number): Promise<void> {
    assert.ok(answer.kind === 'proof', answer.kind)
    assert.equal(answer.certificate[0], height)
    assert.equal(final!.seal.height, height)
    const key = Buffer.concat([Buffer.from('p'), player()])
    const value = answer.value && treeEntry(key, answer.value).value
    assert.ok(verifyStateProof(final!.seal.stateRoot, treeKey(key), value, answer.path))
  }

  it('is given at once when the newest seal is final', async () => {
    applyUpTo(recordKind.seal)
    decide()
    await assertProves(await ask(), 1)
  })

  it('is taken at once and given when its seal is final, though the state has gone on', async () => {
    applyUpTo(recordKind.seal)
    const answer = ask()
    await clock.pass(500)
    decide()
    applyUpTo(recordKind.mark)
    await clock.pass(100)
    await assertProves(await answer, 1)
  })

  it('waits for the seal after a mark', async () => {
    applyUpTo(recordKind.seal)
    decide()
    applyUpTo(recordKind.mark)
    const answer = ask()
    await clock.pass(200)
    applyUpTo(recordKind.seal)
    decide()
    await clock.pass(100)
    await assertProves(await answer, 2)
  })

  it('is taken anew when its seal was passed over before anybody looked', async () => {
    applyUpTo(recordKind.seal)
    const answer = ask()
    applyUpTo(recordKind.seal)
    decide()
    await clock.pass(100)
    await assertProves(await answer, 2)
  })

  it('can be asked for at one height: the newest, or one that is marked, and none below', async () => {
    applyUpTo(recordKind.seal)
    decide()
    await assertProves(await ask(1), 1)
    applyUpTo(recordKind.mark)
    const later = ask(2)
    await clock.pass(100)
    applyUpTo(recordKind.seal)
    decide()
    await clock.pass(100)
    await assertProves(await later, 2)
    assert.deepEqual(await ask(1), { kind: 'not-held', height: 2 })
  })

  it('is not waited for where no mark has come to its height: whoever asks so takes no place of others', async () => {
    applyUpTo(recordKind.seal)
    decide()
    for (let i = 0; i < 100; i++) assert.equal((await ask(2 + i)).kind, 'unavailable')
    await assertProves(await ask(), 1)
  })

  it('is not waited for without end, nor by more than there is room for', async () => {
    applyUpTo(recordKind.seal)
    const answers = Array.from({ length: 70 }, () => ask())
    assert.equal((await answers[69]!).kind, 'busy')
    await clock.pass(6_000)
    assert.deepEqual(
      new Set((await Promise.all(answers)).map(({ kind }) => kind)),
      new Set(['busy', 'unavailable']),
    )
    decide()
    await assertProves(await ask(), 1)
  })
})
