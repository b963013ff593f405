import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { foundNetwork } from '../../daemon/genesis/found.ts'
import { readRunFile } from '../../daemon/identity/run-file.ts'
import { type Ended, freehold } from './harness.ts'

const main = join(import.meta.dirname, '../../cli/main.ts')

describe('freehold start', function () {
  this.timeout(30_000)
  let dir: string
  let home: string
  let children: ChildProcess[]

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-start-'))
    home = found('sea')
    children = []
  })
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  })

  /** A network of one node on ports that the system chooses. */
  function found(network: string): string {
    const dataDir = join(dir, network)
    foundNetwork({
      ...{
        network,
        operator: 'me',
        operatorFile: join(dir, `${network}-operator.json`),
        dataDirs: [dataDir],
        host: '127.0.0.1',
        firstPort: 1,
        areas: 1,
        replicas: 1,
      },
      createdAt: new Date(),
      settings: { listen: ['/ip4/127.0.0.1/tcp/0'], gatewayPort: 0, httpPort: 0, electionMs: 300 },
    })
    return dataDir
  }

  async function startNode(): Promise<{
    child: ChildProcess
    ended: Promise<unknown[]>
    stderr: () => string
  }> {
    const child = spawn(process.execPath, [main, 'start', '--data-dir', home], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    children.push(child)
    let text = ''
    child.stderr!.on('data', chunk => {
      text += chunk
    })
    const ended = once(child, 'exit')
    await until(() => readRunFile(join(home, 'run.json')) !== undefined || child.exitCode !== null)
    assert.equal(child.exitCode, null, text)
    return { child, ended, stderr: () => text }
  }

  async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + 15_000
    while (!(await condition())) {
      assert.ok(performance.now() < deadlineMs, 'it did not come')
      await new Promise(resolve => setTimeout(resolve, 30))
    }
  }

  const isReady = async () =>
    (await fetch(`${readRunFile(join(home, 'run.json'))!.httpUrl}/readyz`)).status === 200

  function assertRefused({ code, stdout, stderr }: Ended, expectedCode: number, message: RegExp): void {
    const lines = stderr.split('\n').filter(line => line !== '' && !line.startsWith('{'))
    assert.equal(lines.length, 1, stderr)
    assert.match(lines[0]!, message)
    assert.deepEqual([code, stdout], [expectedCode, ''])
  }

  it('runs a node that other commands find, until a signal ends it in good order', async () => {
    const { child, ended } = await startNode()
    await until(isReady)
    const status = await freehold(['status', '--data-dir', home, '--json'])
    assert.equal(JSON.parse(status.stdout).network, 'sea', status.stderr)
    assertRefused(
      await freehold(['start', '--data-dir', home]),
      1,
      new RegExp(`in use by process ${child.pid}: stop`),
    )

    const startedMs = performance.now()
    child.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
    assert.ok(performance.now() - startedMs < 5000)
    for (const file of ['run.json', 'lock']) assert.ok(!existsSync(join(home, file)), file)
  })

  it('goes on after a SIGKILL with what it had', async () => {
    const first = await startNode()
    await until(isReady)
    const { stdout } = await freehold([
      'log',
      'show',
      'area/0000',
      '--data-dir',
      home,
      '--from',
      '0',
      '--json',
    ])
    first.child.kill('SIGKILL')
    await first.ended
    await startNode()
    await until(isReady)
    const again = await freehold(['log', 'show', 'area/0000', '--data-dir', home, '--from', '0', '--json'])
    const { leaves } = JSON.parse(stdout)
    assert.ok(leaves.length > 0)
    assert.deepEqual(JSON.parse(again.stdout).leaves.slice(0, leaves.length), leaves)
  })

  it("refuses another network's data, keys and genesis file", async () => {
    const { child, ended } = await startNode()
    child.kill('SIGTERM')
    await ended
    const other = found('lake')
    const otherGenesis = ['--genesis', join(other, 'genesis.json')]
    assertRefused(
      await freehold(['start', '--data-dir', home, ...otherGenesis]),
      78,
      /belongs to the network with genesis .*, the genesis file given has/,
    )
    writeFileSync(join(other, 'genesis.sha256'), `${'ab'.repeat(32)}\n`)
    assertRefused(
      await freehold(['start', '--data-dir', other]),
      78,
      /belongs to the network with genesis abababab/,
    )
    assertRefused(
      await freehold(['start', '--data-dir', join(dir, 'none')]),
      78,
      /genesis\.json cannot be read: make one/,
    )
  })

  it('says which port is taken', async () => {
    const taken: Server = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    try {
      const flags = [
        ['--http-port', `${port}`],
        ['--gateway-port', `${port}`],
        ['--listen', `/ip4/127.0.0.1/tcp/${port}`],
      ]
      for (const flag of flags) {
        assertRefused(await freehold(['start', '--data-dir', home, ...flag]), 1, new RegExp(`${port}.*: `))
      }
    } finally {
      taken.close()
    }
  })

  it('refuses a damaged store instead of starting over', async () => {
    const { child, ended } = await startNode()
    child.kill('SIGTERM')
    await ended
    const store = join(home, 'store')
    for (const name of readdirSync(store).filter(file => file.startsWith('MANIFEST')))
      truncateSync(join(store, name), 9)
    assertRefused(
      await freehold(['start', '--data-dir', home]),
      1,
      /damaged .*: run freehold start --wipe-store, which/,
    )
  })

  it('says that the disk is full', async function () {
    if (process.platform === 'win32') this.skip()
    // A limit on the size of files stands in for a disk that takes no more.
    const command = `ulimit -f 1; exec "${process.execPath}" "${main}" start --data-dir "${home}" --log-level silent`
    const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'] })
    children.push(child)
    let stderr = ''
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 1, stderr)
    assert.match(stderr, /^freehold: The disk .* is full: free some space and start the node again/m)
  })
})
