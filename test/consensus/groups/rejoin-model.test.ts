import assert from 'node:assert/strict'
import { SimRandom } from '../../../testnet/simulation/random.ts'
import { Model, type ModelPlan, type Omission } from './rejoin-model.ts'

/** Random schedules of 300 steps, until one ends badly. */
function search(plan: ModelPlan, schedules: number) {
  const seen = { rejoined: 0, committed: 0, violation: '' }
  for (let seed = 1; seed <= schedules && seen.violation === ''; seed++) {
    const random = new SimRandom(seed)
    const model = new Model(plan)
    for (let i = 0; i < 300 && model.violation === undefined; i++) model.step(random)
    seen.rejoined += model.rejoined
    seen.committed += model.committed.length
    seen.violation = model.violation ?? ''
  }
  return seen
}

describe('a model of replicas that lose their disks', function () {
  this.timeout(10_000)

  for (const [members, wipedAtOnce] of [
    [3, 1],
    [4, 1],
    [5, 2],
  ] as const) {
    it(`keeps one leader a term and all that was committed, ${wipedAtOnce} of ${members} at a time`, () => {
      const seen = search({ members, wipedAtOnce }, 3000)
      assert.equal(seen.violation, '')
      assert.ok(seen.rejoined > 500, `only ${seen.rejoined} came back`)
      assert.ok(seen.committed > 1000, `only ${seen.committed} entries were committed`)
    })
  }

  it('stands still and loses nothing when a majority has lost its disks', () => {
    assert.equal(search({ members: 3, wipedAtOnce: 2 }, 3000).violation, '')
  })

  const caught: [Omission, number, RegExp][] = [
    ['votes-at-once', 1, /lacks what was committed|two leaders/],
    ['votes-while-catching-up', 1, /lacks what was committed/],
    ['asks-a-quorum', 1, /two leaders/],
    ['trusts-the-wiped', 2, /two leaders|lacks what was committed/],
  ]
  for (const [omission, wipedAtOnce, violation] of caught) {
    it(`shows what goes wrong if a wiped member ${omission.replaceAll('-', ' ')}`, () => {
      assert.match(search({ members: 3, wipedAtOnce, omission }, 8000).violation, violation)
    })
  }

  it('shows what goes wrong if a wiped member takes old answers', () => {
    assert.equal(elects(undefined), undefined)
    assert.match(elects('takes-old-answers') ?? '', /two leaders in term 2: 3 and 2/)
  })
})

/** Member 1 loses its disk, comes back, votes, and loses it again, while answers from its first return are still under way. */
function elects(omission: Omission | undefined): string | undefined {
  const model = new Model({ members: 3, wipedAtOnce: 1, omission })
  const all = () => true
  model.stand(2)
  for (let i = 0; i < 2; i++) model.deliver(all)
  model.replicate(2)
  for (let i = 0; i < 2; i++) model.deliver(all)
  model.wipe(1)
  model.ask(1)
  model.deliver(all)
  model.ask(1)
  // The second answers of all are late.
  const isLate = (message: { kind: string; nonce?: number }, nonce: number): boolean =>
    message.kind === 'answer' && message.nonce === nonce
  model.deliver(message => message.kind === 'answer')
  model.deliver(message => message.kind === 'ask')
  model.replicate(2)
  model.deliver(message => message.kind === 'append')
  assert.equal(model.rejoined, 1)
  // Member 3 is elected with its vote, while 2 is cut off and still leads in term 1.
  model.stand(3)
  model.deliver(({ kind, to }) => kind === 'vote' && to === 1)
  model.deliver(({ kind }) => kind === 'granted')
  model.wipe(1)
  model.deliver(message => isLate(message, 1))
  model.replicate(2)
  model.deliver(({ kind, to }) => kind === 'append' && to === 1)
  model.restart(2)
  model.stand(2)
  model.deliver(({ kind, to, term, from }) => kind === 'vote' && to === 1 && from === 2 && term === 2)
  model.deliver(({ kind, to }) => kind === 'granted' && to === 2)
  return model.violation
}
