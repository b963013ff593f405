import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../daemon/config/settings.ts'
import type { DirectoryStatusView } from '../../daemon/http/directory-view.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { writeFileDurably } from '../../daemon/identity/durable-file.ts'
import { createNodeKeys } from '../../daemon/identity/node-keys.ts'
import { createLogger } from '../../daemon/log.ts'
import { type RunningNode, startNode } from '../../daemon/node.ts'
import { freePorts } from '../e2e/support/ports.ts'
import { until } from '../e2e/support/processes.ts'
import { freeholdHere } from './harness.ts'

/** One founder and three newcomers in this process, with real networks, disks and clocks. */
describe('a network whose founders have all gone', function () {
  this.timeout(90_000)
  const dir = mkdtempSync(join(tmpdir(), 'freehold-founders-'))
  const file = (name: string): string => join(dir, name)
  const running: RunningNode[] = []
  const waited: string[] = []
  const key = ['--key', file('operator-keys.json')]

  const network = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await freeholdHere(['network', ...args])
    assert.equal(code, 0, stderr)
    return stdout
  }
  const start = async (dataDir: string): Promise<RunningNode> => {
    const config = loadConfig({ flags: { dataDir, electionMs: 300 }, env: {} })
    const node = await startNode(config, {
      log: createLogger('silent'),
      onWaiting: sentence => waited.push(sentence),
      onFatal: error => assert.fail(error),
    })
    running.push(node)
    return node
  }
  const statusAt = async ({ httpUrl }: RunningNode): Promise<DirectoryStatusView | undefined> => {
    const { code, stdout } = await freeholdHere(['network', 'status', '--url', httpUrl, '--json'])
    return code === 0 ? (JSON.parse(stdout) as DirectoryStatusView) : undefined
  }
  after(async () => {
    for (const node of running.reverse()) await node.stop(2_000)
    rmSync(dir, { recursive: true, force: true })
  })

  it('goes on with those whom the operators admitted, who command it as before', async () => {
    const port = await freePorts(6)
    const dirs = ['--dir', dir, '--areas', '1', '--port', `${port}`]
    await network('init', '--network', 'sea', '--operator', 'ann', ...dirs)
    const home = file('node-1')
    const founder = await start(home)
    const at = ['--url', founder.httpUrl]
    await until('the directory is known', async () => (await statusAt(founder)) !== undefined)
    await network('policy', '--admission', 'operators', ...at, ...key)

    for (const number of [2, 3, 4]) {
      const own = file(`newcomer-${number}`)
      const listen = [`/ip4/127.0.0.1/tcp/${port + 1 + number}`]
      const settings = { network: 'sea', listen, gatewayPort: 0, httpPort: 0 }
      createNodeKeys(dataDirFiles(own).nodeKeys, 'sea')
      writeFileDurably(dataDirFiles(own).config, JSON.stringify(settings))
      writeFileDurably(dataDirFiles(own).genesis, readFileSync(dataDirFiles(home).genesis))
      const record = file(`${number}.json`)
      writeFileSync(record, await network('record', '--data-dir', own, '--operator', `op ${number}`))
      const starting = start(own)
      if (number === 2)
        await until('it hears that it must be admitted', () => waited.some(it => it.includes('word alone')))
      const done = await network('admit', record, ...at, ...key)
      assert.match(done, new RegExp(`^Done\\. It is node ${number}\\.`))
      assert.equal((await starting).view.status().number, number)
    }
    const newcomer = running.at(-1)!
    await until('they have leases', async () => {
      const nodes = (await statusAt(founder))?.nodes ?? []
      return nodes.length === 4 && nodes.every(({ leaseMs }) => leaseMs !== null)
    })

    await network('retire', '1', ...at, ...key, '--yes')
    await until(
      'the founder is retired',
      async () => {
        const nodes = (await statusAt(newcomer))?.nodes
        return nodes?.find(({ number }) => number === 1)?.status === 'retired'
      },
      60_000,
    )
    await running.shift()!.stop(2_000)
    const { nodes } = (await statusAt(newcomer))!
    assert.deepEqual(
      nodes.map(({ number, held }) => [number, held]),
      [1, 2, 3, 4].map(number => [number, number === 1 ? 0 : 2]),
    )
    assert.match(
      await network('policy', '--npcs', '5', '--url', newcomer.httpUrl, ...key),
      /^Done\. .*, final\.$/m,
    )
  })
})
