import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkHistory } from '../history/check.ts'
import { parseHistory } from '../history/operation.ts'
import { brokenPromises, readPromises } from './support/logs.ts'
import { freePorts } from './support/ports.ts'
import { processesOn, type Running, root, startProgram, until } from './support/processes.ts'

/** In this order: a run with chaos, one that goes on with its data, and then fresh ones that are ended in every way. */
describe('a testnet on one machine', function () {
  this.timeout(90_000)
  const nodes = 3
  let dir: string
  let port: number
  let running: Running | undefined

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-e2e-'))
    port = await freePorts(3 * nodes)
  })
  afterEach(async () => {
    if (running !== undefined) killGroup('SIGKILL')
    await until('nothing is left', () => {
      for (const pid of processesOn(dir)) process.kill(pid, 'SIGKILL')
      return processesOn(dir).length === 0
    })
    await running?.ended
    running = undefined
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  /** As `npm start -- …` does, in a process group of its own as a terminal gives it. */
  function start(...flags: string[]): Running {
    const size = ['--nodes', `${nodes}`, '--areas', '2', '--replicas', '3', '--bots', '12']
    const args = [join(root, 'scripts/run.mjs'), 'cli/main.ts', 'testnet', ...size, ...flags]
    running = startProgram(process.execPath, [...args, '--dir', dir, '--port', `${port}`], { ownGroup: true })
    return running
  }

  function killGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-running!.child.pid!, signal)
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH')
    }
  }

  const httpUrl = (node: number) => `http://127.0.0.1:${port + 3 * (node - 1) + 2}`
  const readGenesis = () => readFileSync(join(dir, 'node-1/genesis.json'), 'utf8')
  const origins = ['testnet/area/0000/0', 'testnet/area/0001/0']

  /** Everything ended within 5 s of the signal, children and all. */
  async function assertAllEnd(byMs: number): Promise<void> {
    await until('every process has ended', () => processesOn(dir).length === 0, byMs - performance.now())
  }

  it('survives two kills of the busiest leader and prints one line of JSON: nothing lost, nothing doubled', async () => {
    const historyPath = join(dir, 'history.jsonl')
    const { ended, stdout, stderr } = start('--duration', '12', '--chaos', '--json', '--history', historyPath)
    assert.equal(await ended, 0, `${stderr()}\n${stdout()}`)
    const history = checkHistory(parseHistory(readFileSync(historyPath, 'utf8')))
    assert.deepEqual(history.findings, [])
    assert.ok(history.ok > 200, JSON.stringify(history))
    assert.equal(stdout().split('\n').length, 2, stdout())
    const { actions, handovers, kills, audit, ...rest } = JSON.parse(stdout())
    assert.deepEqual(rest, { nodes, areas: 2, bots: 12 })

    const counted = ['submitted', 'committed', 'rejected', 'lost', 'duplicated', 'p50Ms', 'p99Ms']
    assert.deepEqual(Object.keys(actions), counted)
    assert.ok(actions.committed > 50 && actions.committed <= actions.submitted, stdout())
    assert.ok(actions.p50Ms > 0 && actions.p99Ms >= actions.p50Ms, stdout())
    assert.deepEqual([actions.lost, actions.duplicated], [0, 0], stdout())
    // The areas of clients whose history is judged keep to themselves.
    assert.deepEqual(handovers, { count: 0, p50Ms: 0, p99Ms: 0, lost: 0, doubled: 0 })

    assert.equal(kills.length, 2)
    for (const { node, leaderOf, recoveredMs } of kills) {
      assert.ok(node >= 1 && node <= nodes && leaderOf.length > 0)
      assert.ok(recoveredMs > 0 && recoveredMs < 15_000, stdout())
    }
    // Of two areas and of the directory.
    assert.deepEqual([audit.ok, audit.replicas], [true, 9], stderr())
    assert.ok(audit.records > actions.committed && audit.sealedRoots > 10, stdout())
    assert.deepEqual(processesOn(dir), [])
  })

  it('goes on from the data of the first start, and Ctrl-C in the middle of play ends everything within 5 s', async () => {
    const promises = readPromises(join(dir, 'promises.jsonl'))
    const genesisBefore = readGenesis()
    assert.ok(promises.length > 50)
    const { ended, stderr, child } = start()
    await until('players join', () => stderr().includes('players join'))
    for (let node = 1; node <= nodes; node++) {
      for (const origin of origins) {
        assert.deepEqual(await brokenPromises(httpUrl(node), origin, promises), [], `node ${node}, ${origin}`)
      }
    }
    assert.equal(readGenesis(), genesisBefore)
    assert.match(stderr(), /^Going on with a network of 3 nodes/m)
    assert.ok(processesOn(dir).length >= 2 + nodes, 'testnet, its launcher, nodes, bots')

    const byMs = performance.now() + 5_000
    process.kill(-child.pid!, 'SIGINT')
    await assertAllEnd(byMs)
    assert.equal(await ended, 0, stderr())
  })

  it('leaves no node behind when the testnet itself is killed by SIGKILL', async () => {
    const { child, ended } = start()
    await until('nodes run', () => processesOn(dir).length >= 2 + nodes)
    const testnet = processesOn(dir).filter(
      pid => !readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('--data-dir'),
    )
    const byMs = performance.now() + 8_000
    for (const pid of testnet) process.kill(pid, 'SIGKILL')
    await assertAllEnd(byMs)
    assert.equal(await ended, 'SIGKILL')
    assert.equal(child.signalCode, 'SIGKILL')
  })

  for (const pauseMs of [150, 600, 1_100, 1_600]) {
    it(`ends within 5 s, with no process left, on a Ctrl-C ${pauseMs} ms after a fresh start`, async () => {
      const { child, ended } = start('--fresh')
      await sleep(pauseMs)
      const byMs = performance.now() + 5_000
      process.kill(-child.pid!, 'SIGINT')
      await assertAllEnd(byMs)
      await ended
      assert.deepEqual(processesOn(dir), [])
    })
  }

  it('says in one line why it cannot start, and leaves no process behind', async () => {
    const taken = createServer().listen(port + 3, '127.0.0.1')
    await once(taken, 'listening')
    try {
      const { ended, said } = start('--fresh', '--json')
      assert.equal(await ended, 1)
      assert.match(said().at(-1)!, new RegExp(`^freehold: Node 2 .*Port ${port + 3} is in use`))
      assert.deepEqual(processesOn(dir), [])
    } finally {
      taken.close()
    }
  })

  it('starts over with --fresh, also after a founding that was cut short', async () => {
    const old = existsSync(join(dir, 'node-1/genesis.json')) ? readGenesis() : ''
    copyFileSync(join(root, 'package.json'), join(dir, 'something-else'))
    const { stdout, ended, stderr } = start('--fresh', '--duration', '1', '--json')
    assert.equal(await ended, 0, stderr())
    assert.match(stderr(), /^Founded a network/m)
    assert.notEqual(readGenesis(), old)
    assert.ok(JSON.parse(stdout()).audit.records < 2_000)
    assert.ok(existsSync(join(dir, 'something-else')), 'only its own data is thrown away')
  })
})
