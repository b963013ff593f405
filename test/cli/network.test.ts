import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../daemon/config/settings.ts'
import { nodeDirs } from '../../daemon/genesis/found.ts'
import type { DirectoryStatusView } from '../../daemon/http/directory-view.ts'
import { createLogger } from '../../daemon/log.ts'
import { type RunningNode, startNode } from '../../daemon/node.ts'
import { freePorts } from '../e2e/support/ports.ts'
import { until } from '../e2e/support/processes.ts'
import { type Ended, freehold, freeholdHere } from './harness.ts'

/** Four nodes in this process, with real networks, disks and clocks, and two operators. */
describe('freehold network', function () {
  this.timeout(60_000)
  const dir = mkdtempSync(join(tmpdir(), 'freehold-operators-'))
  const file = (name: string): string => join(dir, name)
  const running: RunningNode[] = []
  let url: string

  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await freeholdHere(['network', ...args])
    assert.equal(code, 0, stderr)
    return stdout
  }
  const refused = async (says: RegExp, ...args: string[]): Promise<Ended> => {
    const ended = await freeholdHere(['network', ...args])
    assert.match(ended.stderr, says)
    assert.equal(ended.stdout, '')
    assert.ok(ended.code !== 0 && !/\n\s+at /.test(ended.stderr))
    return ended
  }
  const status = async (): Promise<DirectoryStatusView> =>
    JSON.parse(await ok('status', '--url', url, '--json'))
  const nodeOf = async (number: number) => (await status()).nodes.find(node => node.number === number)!

  before(async () => {
    writeFileSync(file('bob.card'), await ok('key', file('bob.key'), '--name', 'bob'))
    const port = await freePorts(12)
    await ok(
      ...['init', '--network', 'sea', '--operator', 'ann', '--card', file('bob.card'), '--dir', dir],
      ...['--nodes', '4', '--areas', '1', '--replicas', '3', '--port', `${port}`],
    )
    for (const dataDir of nodeDirs(dir, 4)) {
      const config = loadConfig({ flags: { dataDir, electionMs: 300 }, env: {} })
      const onFatal = (error: Error): never => assert.fail(error)
      running.push(await startNode(config, { log: createLogger('silent'), onFatal }))
    }
    url = running[0]!.httpUrl
    await until('the directory knows who is there', async () => {
      const { code, stdout } = await freeholdHere(['network', 'status', '--url', url, '--json'])
      if (code !== 0) return false
      const { nodes } = JSON.parse(stdout) as DirectoryStatusView
      return nodes.every(({ status, leaseMs }) => status === 'active' && leaseMs !== null)
    })
  })
  after(async () => {
    for (const node of running.reverse()) await node.stop(2_000)
    rmSync(dir, { recursive: true, force: true })
  })

  it('keeps keys to their owner, and writes over none', async () => {
    for (const name of ['operator-keys.json', 'bob.key'])
      assert.equal(statSync(file(name)).mode & 0o777, 0o600)
    await refused(/is there already/, 'key', file('bob.key'), '--name', 'bob')
    assert.equal(await ok('key', file('bob.key')), readFileSync(file('bob.card'), 'utf8'))
  })

  it('shows how the network stands, in 80 columns', async () => {
    const text = await ok('status', '--url', url)
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line)
    assert.match(text, /^operators +ann, bob \(2 of them sign\)$/m)
    assert.match(text, /^coordinator +node \d, vice node \d$/m)
    assert.match(text, /^1 +ann +active +\d+s +\d+ +\d +2: area\/0000 directory$/m)
    assert.match(text, /^4 +ann +active/m)
  })

  const retire2 = ['retire', '2', '--url']

  it('takes nothing from one operator of two, from a stranger, or unasked', async () => {
    await ok('key', file('eve.key'), '--name', 'eve')
    const ann = ['--key', file('operator-keys.json')]
    await refused(/2 of the 2 operators of sea have to sign, and 1 does: .*--out/, ...retire2, url, ...ann)
    await refused(
      /eve\.key has the keys of eve, which are no operator's of sea: they are ann, bob/,
      ...[...retire2, url, ...ann, '--key', file('eve.key')],
    )
    await refused(/sea has no node 9/, 'retire', '9', '--url', url, ...ann)
    await refused(/would change nothing: node 2 is active/, 'unban', '2', '--url', url, ...ann)
    const both = [...ann, '--key', file('bob.key')]
    const unasked = await freehold(['network', ...retire2, url, ...both])
    assert.match(unasked.stderr, /Retires node 2 of ann \(active[\s\S]*Nobody is there to answer: say --yes/)
    assert.equal(unasked.code, 1)
    assert.equal((await nodeOf(2)).status, 'active')
  })

  it('writes a command that one signs after the other, and takes it once and unchanged', async () => {
    const command = file('policy.command')
    const ann = ['--key', file('operator-keys.json')]
    const written = await ok('policy', '--npcs', '5', '--url', url, ...ann, '--out', command)
    assert.match(written, /signed by 1 of the 2 that it needs\.\nNext: freehold network sign/)
    await refused(/have to sign, and 1 does/, 'submit', command, '--url', url)
    await refused(/signed the command already/, 'sign', command, '--url', url, ...ann)

    const text = readFileSync(command, 'utf8')
    writeFileSync(command, text.replace('"npcCount": 5', '"npcCount": 6'))
    await refused(
      /was changed after somebody signed it/,
      'sign',
      command,
      '--url',
      url,
      '--key',
      file('bob.key'),
    )
    writeFileSync(command, text)

    // Bob's machine runs no node.
    await ok('sign', command, '--data-dir', file('nowhere'), '--key', file('bob.key'))
    assert.match(
      await ok('submit', command, '--url', url),
      /^Done\. It stands at leaf \d+ of sea\/directory\/0, final\.$/m,
    )
    assert.equal((await status()).policy.npcCount, 5)
    const again = await refused(
      /refused it \(nonce-used\): This command was given before/,
      'submit',
      command,
      '--url',
      url,
    )
    assert.equal(again.code, 1)
  })

  it('retires a founder: its seats go to others, and it has left', async () => {
    const keys = ['--key', file('operator-keys.json'), '--key', file('bob.key')]
    const { held } = await nodeOf(2)
    assert.equal(held, 2)
    await ok(...retire2, url, ...keys, '--yes')
    await until('node 2 is retired', async () => (await nodeOf(2)).status === 'retired', 45_000)
    const { nodes, orderCount, darkCount, epoch } = await status()
    assert.deepEqual(
      nodes.map(({ number, held }) => [number, held]),
      [1, 2, 3, 4].map(number => [number, number === 2 ? 0 : 2]),
    )
    assert.deepEqual([orderCount, darkCount, epoch], [0, 0, 2])
    await refused(/would change nothing: node 2 is retired/, ...retire2, url, ...keys)
  })
})
