import assert from 'node:assert/strict'
import fc from 'fast-check'
import { GroupHost } from '../../../consensus/groups/host.ts'
import { recoverGroup } from '../../../consensus/groups/raft-disk.ts'
import { nextReplacementStep } from '../../../consensus/groups/replacement.ts'
import type { GroupStatus, Members, MembersChange } from '../../../consensus/groups/types.ts'
import { MemoryStore } from '../../../storage/store-memory.ts'
import { bytes, Wired } from './wired.ts'

const INSTANCE = { group: 1, epoch: 1, view: 0 }
const ALL = [1, 2, 3, 4, 5]

/** Five hosts with a replica each; the group begins with nodes 1 to 3, and node 1 leads. */
function led(): Wired {
  const wired = new Wired(ALL)
  for (const host of wired.hosts.values()) {
    host.open({ ...INSTANCE, voters: [1, 2, 3], learners: [], introduced: ALL })
  }
  wired.elect(1)
  return wired
}

function change(wired: Wired, members: Members): void {
  assert.equal(wired.host(1).changeMembers(1, members).ok, true)
  wired.settle()
}

const told = (wired: Wired, of: number): MembersChange[] =>
  wired.effects.filter(({ node }) => node === of).flatMap(({ effects }) => effects.members)

const votersOn = (wired: Wired, node: number): readonly number[] => wired.host(node).status(1)!.members.voters

describe('the members of a group', () => {
  it('come and go one by one at once, and more than one by way of both sets together; every replica is told', () => {
    const wired = led()
    change(wired, { voters: [1, 2, 3], learners: [4] })
    change(wired, { voters: [1, 2, 3, 4], learners: [] })
    change(wired, { voters: [1, 4, 5], learners: [2] })
    const steps = [
      { voters: [1, 2, 3], votersOutgoing: [], learners: [4] },
      { voters: [1, 2, 3, 4], votersOutgoing: [], learners: [] },
      { voters: [1, 4, 5], votersOutgoing: [1, 2, 3, 4], learners: [] },
      { voters: [1, 4, 5], votersOutgoing: [], learners: [2] },
    ]
    for (const node of [1, 2, 4]) {
      const seen = told(wired, node).map(({ voters, votersOutgoing, learners }) => ({
        ...{ voters, votersOutgoing, learners },
      }))
      assert.deepEqual(seen, steps, `on node ${node}`)
    }
    assert.deepEqual(
      told(wired, 3).map(({ isMember }) => isMember),
      [true, true, true, false],
    )
    wired.host(1).propose(1, bytes('x'))
    wired.settle()
    for (const node of [1, 2, 4, 5]) assert.deepEqual(wired.texts(node), ['x'])
  })

  it('are not changed by who does not lead, twice at a time, or into what makes no sense', () => {
    const wired = led()
    const code = (node: number, members: Partial<Members>): string => {
      const result = wired.host(node).changeMembers(1, { voters: [1, 2, 4], learners: [], ...members })
      return result.ok ? 'ok' : result.code
    }
    assert.equal(code(2, {}), 'not-leader')
    assert.equal(code(1, { voters: [] }), 'malformed')
    assert.equal(code(1, { voters: [1, 1] }), 'malformed')
    assert.equal(code(1, { voters: [1, 2.5] }), 'malformed')
    assert.equal(code(1, { learners: [4] }), 'malformed')
    assert.equal(code(1, { voters: Array.from({ length: 33 }, (_, i) => i + 1) }), 'too-many-members')
    assert.equal(code(1, { voters: [3, 2, 1] }), 'unchanged')
    assert.equal(wired.host(1).changeMembers(2, { voters: [1], learners: [] }).ok, false)
    assert.equal(code(1, {}), 'ok')
    assert.equal(code(1, { voters: [1, 2, 3, 4] }), 'change-under-way')
    wired.settle()
    wired.host(1).transfer(1, 2)
    assert.equal(code(1, { voters: [1, 2, 3] }), 'busy')
  })

  it('change in the order of the log: what is proposed before and after stays where it was', () => {
    const wired = led()
    wired.host(1).propose(1, bytes('before'))
    const proposed = wired.host(1).changeMembers(1, { voters: [1, 2, 3, 4], learners: [] })
    wired.host(1).propose(1, bytes('after'))
    wired.settle()
    const { index } = proposed as { index: number }
    const at = (text: string): number =>
      wired.committed.get(1)!.find(entry => Buffer.from(entry.data).toString() === text)!.index
    assert.deepEqual([at('before'), at('after')], [index - 1, index + 1])
    assert.equal(told(wired, 2)[0]!.index, index)
    assert.deepEqual(wired.texts(4), ['before', 'after'])
  })

  it('are found again after a restart at each point of their changes, compacted or not', async () => {
    const numbers = fc.subarray(ALL, { minLength: 0 })
    const sets = fc.array(fc.tuple(numbers, numbers, fc.boolean()), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(sets, async changes => {
        const wired = led()
        for (const [voters, learners, compacts] of changes) {
          const all = [1, ...voters.filter(each => each !== 1)]
          wired
            .host(1)
            .changeMembers(1, { voters: all, learners: learners.filter(each => !all.includes(each)) })
          wired.host(1).propose(1, bytes('x'))
          wired.settle()
          if (compacts) wired.host(1).compact(1, wired.host(1).status(1)!.applied - 1, bytes('m'))
          wired.settle()
        }
        await restartedEverywhere(wired)
      }),
      { numRuns: 40 },
    )
  })

  it('are left by the joint way out also when the leader was handing over at that moment', () => {
    const wired = led()
    wired.host(1).changeMembers(1, { voters: [1, 4, 5], learners: [] })
    // It begins to hand over, to a node that will not answer, just before it would leave the joint configuration.
    wired.hosts.get(1)!.transfer(1, 3)
    wired.hosts.delete(3)
    wired.settle()
    assert.deepEqual(wired.host(1).status(1)!.members.votersOutgoing, [1, 2, 3])
    for (let i = 0; i < 200; i++) {
      for (const host of wired.hosts.values()) host.tick()
      wired.settle()
    }
    assert.deepEqual(wired.host(1).status(1)!.members.votersOutgoing, [])
    assert.deepEqual(votersOn(wired, 4), [1, 4, 5])
  })

  it('are led on by another when the leader leaves', () => {
    const wired = led()
    change(wired, { voters: [2, 3], learners: [] })
    assert.equal(wired.host(1).status(1)!.role, 'follower')
    wired.hosts.delete(1)
    const leads = (): boolean => [2, 3].some(node => wired.host(node).status(1)!.role === 'leader')
    for (let i = 0; i < 300 && !leads(); i++) {
      for (const host of wired.hosts.values()) host.tick()
      wired.settle()
    }
    assert.ok(leads())
  })
})

/** The node's disk, opened again as if its state machine had kept everything up to each index that it can have. */
async function restartedEverywhere(wired: Wired): Promise<void> {
  const store = new MemoryStore()
  const ops = wired.effects
    .filter(({ node }) => node === 1)
    .flatMap(({ effects }) => effects.write?.ops ?? [])
  await new Promise<void>(resolve => store.write(ops, { sync: true }, () => resolve()))
  const recovered = (await recoverGroup(store, INSTANCE))!
  const base = recovered.snapshot?.index ?? 0
  const last = wired.host(1).status(1)!.applied
  for (let applied = base; applied <= last; applied++) {
    const host = new GroupHost({ self: 1, random: () => 0 })
    host.open({ ...INSTANCE, voters: [1, 2, 3], learners: [], applied }, recovered)
    const { voters, votersOutgoing, learners } = host.status(1)!.members
    const known = told(wired, 1).findLast(({ index }) => index <= applied)
    const expected = known ?? { voters: [1, 2, 3], votersOutgoing: [], learners: [] }
    assert.deepEqual(
      [voters, votersOutgoing, learners],
      [expected.voters, expected.votersOutgoing, expected.learners],
      `as of ${applied}, from ${base}`,
    )
  }
}

describe('the steps from some members to others', () => {
  const sets = fc
    .tuple(fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }), fc.subarray([1, 2, 3, 4, 5, 6, 7]))
    .map(([voters, others]) => ({ voters, learners: others.filter(each => !voters.includes(each)) }))

  it('end, give no vote to whoever lacks entries, and let a leader go only after it has handed over', () => {
    fc.assert(
      fc.property(sets, sets, fc.nat(), (from, goal, seed) => {
        let members: Members = from
        let leader = from.voters[seed % from.voters.length]!
        const lacking = new Set([1, 2, 3, 4, 5, 6, 7].filter(each => !from.voters.includes(each)))
        for (let i = 0; i < 8; i++) {
          const step = nextReplacementStep(goal, statusOf(members, leader, lacking))
          if (step.kind === 'done') return sameMembers(members, goal)
          if (step.kind === 'wait') lacking.clear()
          if (step.kind === 'transfer') {
            assert.ok(members.voters.includes(step.to) && goal.voters.includes(step.to))
            leader = step.to
          }
          if (step.kind !== 'change') continue
          const added = step.members.voters.filter(voter => !members.voters.includes(voter))
          assert.ok(!added.some(voter => lacking.has(voter)), `${added} lack entries`)
          const stays = members.voters.some(voter => step.members.voters.includes(voter))
          if (stays) assert.ok(step.members.voters.includes(leader), 'the leader goes without handing over')
          members = step.members
          if (!members.voters.includes(leader)) leader = members.voters[0]!
        }
        return false
      }),
    )
  })

  it('wait for another leader, and for a change that is under way', () => {
    const status = statusOf({ voters: [1, 2, 3], learners: [] }, 1, new Set())
    const goal = { voters: [1, 2], learners: [] }
    assert.deepEqual(nextReplacementStep(goal, { ...status, role: 'follower' }), {
      kind: 'wait',
      for: 'leader',
    })
    const joint = { ...status.members, votersOutgoing: [1, 2] }
    assert.deepEqual(nextReplacementStep(goal, { ...status, members: joint }), {
      kind: 'wait',
      for: 'change',
    })
  })
})

function statusOf({ voters, learners }: Members, self: number, lacking: ReadonlySet<number>): GroupStatus {
  return {
    ...INSTANCE,
    self,
    role: 'leader',
    term: 3,
    leader: self,
    commit: 1000,
    applied: 1000,
    firstIndex: 1,
    lastIndex: 1000,
    uncommittedBytes: 0,
    asleep: false,
    rejoining: undefined,
    isMember: true,
    members: { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false },
    peers: [...voters, ...learners].map(peer => ({
      peer,
      match: lacking.has(peer) ? 100 : 990,
      state: 'replicate',
      active: true,
      inflightMessages: 0,
      inflightBytes: 0,
      learner: learners.includes(peer),
    })),
  }
}

function sameMembers(a: Members, b: Members): boolean {
  const key = ({ voters, learners }: Members): string => [[...voters].sort(), [...learners].sort()].join('|')
  return key(a) === key(b)
}
