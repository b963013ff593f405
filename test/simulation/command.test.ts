import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { FAULT_NAMES } from '../../testnet/simulation/authorities/faults/list.ts'
import { commandOf, simOptions } from '../../testnet/simulation/options.ts'
import { Story } from '../../testnet/simulation/story.ts'
import { Summary } from '../../testnet/simulation/summary.ts'

const MAIN = new URL('../../testnet/simulation/main.ts', import.meta.url).pathname
const SMALL = ['--nodes', '3', '--groups', '1', '--clients', '2', '--seconds', '2']

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = start(...args)
  const [out, err, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit'),
  ])
  return { code, out, err }
}

const traces = (out: string): string[] => out.match(/^trace [0-9a-f]{64} seed \d+$/gm) ?? []

describe('npm run sim', function () {
  this.timeout(60_000)

  it('prints the same trace for the same seed in whatever process it runs', async () => {
    const [alone, shared] = await Promise.all([
      run(...SMALL, '--seed', '6', '--seeds', '2'),
      run(...SMALL, '--seed', '6', '--seeds', '2', '--jobs', '2'),
    ])
    assert.equal(alone.code, 0, alone.err)
    assert.equal(traces(alone.out).length, 2)
    assert.deepEqual(traces(shared.out), traces(alone.out))
  })

  it('exits 1 on a failure, with the one command that replays it', async () => {
    const { code, out, err } = await run(...SMALL, '--bug', 'write-without-sync', '--json')
    assert.equal(code, 1)
    const replay =
      'npm run sim -- --seed 1 --nodes 3 --groups 1 --seconds 2 --clients 2 --bug write-without-sync'
    assert.ok(err.includes(`replay: ${replay}`), err)
    const summary = JSON.parse(out.trimEnd().split('\n').at(-1)!)
    assert.equal(summary.passed, 0)
    assert.deepEqual(
      summary.failed.map(({ seed, replay }: { seed: number; replay: string }) => [seed, replay]),
      [[1, replay]],
    )
  })

  it('writes down what happened, with what was found at its end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'freehold-story-'))
    try {
      const file = join(folder, 'story.txt')
      const { code } = await run(...SMALL, '--faults', 'crash', '--bug', 'ack-before-sync', '--story', file)
      assert.equal(code, 1)
      const [command, ...lines] = readFileSync(file, 'utf8').split('\n')
      assert.match(command!, /^npm run sim -- --seed 1 .* --bug ack-before-sync$/)
      const at = (what: RegExp): number => lines.findIndex(line => what.test(line))
      assert.match(lines[0]!, /^ +0\.000 {2}n1 +starts, life 1$/)
      assert.ok(at(/n\d area\/0000 +leads in term 1$/) > 0)
      assert.ok(at(/FOUND +\S/) > at(/leads in term 1$/))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('exits 2 with one sentence when it is asked for something else', async () => {
    const { code, out, err } = await run('--seconds', 'many')
    assert.deepEqual([code, out, err], [2, '', '--seconds must be a whole number, at least 1.\n'])
  })

  it('ends with all its processes when it is interrupted', async () => {
    const child = start(...SMALL, '--seeds', '1000', '--jobs', '2')
    await once(child.stdout!, 'data')
    child.kill('SIGINT')
    // Its output ends only when the last process that writes to it has ended.
    const [[code]] = await Promise.all([once(child, 'exit'), text(child.stdout!)])
    assert.equal(code, 130)
  })
})

describe("the simulator's options", () => {
  it('say how to run one seed again, with whatever was chosen', () => {
    const { plan } = simOptions([
      '--seed',
      '9',
      '--nodes',
      '3',
      '--groups',
      '2',
      '--faults',
      'pause,crash',
      '--clients',
      '4',
    ])
    const command =
      'npm run sim -- --seed 9 --nodes 3 --groups 2 --seconds 30 --clients 4 --faults pause,crash'
    assert.equal(commandOf(plan), command)
    assert.deepEqual(simOptions(command.split(' ').slice(4)).plan, plan)
    assert.match(commandOf(simOptions(['--faults', 'none']).plan), /--faults none$/)
  })

  it('draw the first seed anew when they are asked to', () => {
    const drawn = Array.from({ length: 4 }, () => simOptions(['--random']).plan.seed)
    assert.equal(new Set(drawn).size, 4)
    assert.throws(() => simOptions(['--random', '--seed', '4']), /--random draws the first seed/)
  })

  it('let members vote in every third of random seeds, unless faults were chosen', () => {
    const votes = (...args: string[]): boolean[] =>
      simOptions(['--random', '--seeds', '6', ...args]).plans.map(plan => plan.votes === true)
    assert.deepEqual(votes(), [false, false, true, false, false, true])
    assert.deepEqual(votes('--faults', 'crash'), Array(6).fill(false))
    const voting = simOptions(['--random', '--seeds', '3']).plans[2]!
    assert.deepEqual(simOptions(commandOf(voting).split(' ').slice(4)).plan, voting)
  })

  it('refuse faults and planted bugs that there are not', () => {
    assert.throws(() => simOptions(['--faults', 'crash,meteor']), /There is no fault meteor/)
    assert.throws(() => simOptions(['--bug', 'gremlin']), /There is no planted bug gremlin/)
  })
})

describe('the story of a run', () => {
  it('tells what is repeated once a second, and how far things came', () => {
    const story = new Story()
    for (let ms = 1_000; ms < 2_000; ms += 100) story.again(ms, 'n1', 'knocks')
    for (let index = 5; index <= 9; index++) story.reaches(1_950, 'n2', 'applies', index)
    story.tell(1_960, 'n3', 'crashes')
    story.end(1_990)
    assert.deepEqual(
      story.lines.map(line => line.trim().split(/ {2,}/)),
      [
        ['1960.000', 'n3', 'crashes'],
        ['1990.000', 'n1', 'knocks, 10 times'],
        ['1990.000', 'n2', 'applies 5..9'],
      ],
    )
  })

  it('keeps the beginning and the end of what would be too long', () => {
    const story = new Story()
    for (let i = 0; i < 30_000; i++) story.tell(i, 'n1', `event ${i}`)
    const { lines } = story
    assert.equal(lines.length, 20_001)
    assert.match(lines[0]!, /event 0$/)
    assert.match(lines[2_000]!, /10000 lines are left out/)
    assert.match(lines.at(-1)!, /event 29999$/)
  })
})

describe('the summary of many seeds', () => {
  const plan = { seed: 1, nodes: 5, groups: 3, seconds: 60, clients: 9, faults: FAULT_NAMES }
  const outcome = { trace: 'ab', virtualMs: 1, counters: [], problem: undefined }

  it('names faults that never happened, but only once enough seeds ran for them', () => {
    const summary = new Summary(Array.from({ length: 20 }, () => plan))
    for (let seed = 1; seed <= 19; seed++) summary.add({ ...outcome, seed, faults: [['crash', 2]] })
    assert.deepEqual(summary.absentFaults(), [])
    summary.add({ ...outcome, seed: 20, faults: [['partition', 1]] })
    const absent = summary.absentFaults()
    assert.ok(absent.includes('pause'))
    assert.ok(!absent.includes('crash') && !absent.includes('partition'))
    assert.equal(summary.faults.get('crash'), 38)
  })

  it('does not ask for faults in a run that left some out', () => {
    const summary = new Summary(Array.from({ length: 20 }, () => ({ ...plan, faults: ['crash'] })))
    for (let seed = 1; seed <= 20; seed++) summary.add({ ...outcome, seed, faults: [] })
    assert.deepEqual(summary.absentFaults(), [])
  })
})
