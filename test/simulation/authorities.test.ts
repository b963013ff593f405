import assert from 'node:assert/strict'
import { FAULT_NAMES, FAULTS } from '../../testnet/simulation/authorities/faults/list.ts'
import {
  runAuthorities,
  type SimulationPlan,
  type SimulationResult,
} from '../../testnet/simulation/authorities/run.ts'
import { commandOf } from '../../testnet/simulation/options.ts'

const PLAN = { nodes: 5, clients: 6, groups: 3, seconds: 12, faults: FAULT_NAMES }

async function run(plan: Partial<SimulationPlan> & { seed: number }): Promise<SimulationResult> {
  const whole = { ...PLAN, ...plan }
  try {
    return await runAuthorities(whole)
  } catch (error) {
    throw new Error(`${(error as Error).message}\nreplay: ${commandOf(whole)}`, { cause: error })
  }
}

/** Notes the stack of every call of `of[name]`. Returns what undoes it. */
function spied<K extends string>(of: Record<K, unknown>, name: K, asked: string[]): () => void {
  const honest = of[name] as (...args: unknown[]) => unknown
  of[name] = (...args: unknown[]) => {
    asked.push(new Error(name).stack ?? name)
    return honest.apply(of, args)
  }
  return () => {
    of[name] = honest
  }
}

describe('authorities on the simulator', function () {
  this.timeout(60_000)

  it('keep every promise, once, and come together again after crashes, cuts and slow disks', async () => {
    const faults = new Map<string, number>()
    const counters = new Map<string, number>()
    for (const seed of [1, 4, 6]) {
      const result = await run({ seed })
      for (const [name, value] of result.faults) faults.set(name, (faults.get(name) ?? 0) + value)
      for (const [name, value] of result.counters) counters.set(name, (counters.get(name) ?? 0) + value)
    }
    const happened = FAULT_NAMES.filter(name => FAULTS[name].counters.some(counter => faults.has(counter)))
    assert.ok(happened.length >= 12, `of all faults only ${happened.join(', ')} happened`)
    for (const way of ['catch-ups', 'restored-from-snapshot', 'sessions-replaced', 'gateway-switches'])
      assert.ok((counters.get(way) ?? 0) > 0, `nothing went the way of ${way}`)
    assert.ok(counters.get('promises')! > 500)
    assert.ok(counters.get('final-applied')! >= counters.get('promises')!)
    assert.ok(counters.get('final-sealed-roots')! > 20)
  })

  it('ask no clock, no dice and no timer but those that they are handed', async () => {
    const asked: string[] = []
    const restore = [
      spied(Date, 'now', asked),
      spied(performance, 'now', asked),
      spied(Math, 'random', asked),
      spied(globalThis, 'setTimeout', asked),
      spied(globalThis, 'setInterval', asked),
    ]
    try {
      await run({ seed: 9, seconds: 3 })
      Math.random()
    } finally {
      for (const each of restore) each()
    }
    assert.ok(asked.some(stack => stack.startsWith('Error: random')))
    // The test runner has timers of its own.
    const ours = asked.filter(stack => /\/(?:testnet|daemon|consensus|storage|world|client)\//.test(stack))
    assert.deepEqual(ours, [])
  })

  it('come together again too where one or two nodes are all there are', async () => {
    for (const nodes of [1, 2]) await run({ seed: 4, nodes, groups: 1, seconds: 3 })
  })

  it('come back wherever a fault caught them: a node was told to stop while it stood still, and stops when all faults are over', async () => {
    await run({ seed: 4, nodes: 3, groups: 1, clients: 1, seconds: 4, faults: ['stop', 'pause'] })
  })

  it('run the same way again from the same seed, and another way from another', async () => {
    const [first, again, other] = [
      await run({ seed: 7, seconds: 4 }),
      await run({ seed: 7, seconds: 4 }),
      await run({ seed: 8, seconds: 4 }),
    ]
    assert.equal(again.trace, first.trace)
    assert.notEqual(other.trace, first.trace)
  })
})
