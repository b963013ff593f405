import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { buildProgram } from '../../cli/program.ts'
import { readGenesis } from '../../daemon/genesis/genesis.ts'
import { placesOf } from '../../daemon/genesis/schema.ts'
import { createNodeKeys, readNodeKeys } from '../../daemon/identity/node-keys.ts'
import { writeRunFile } from '../../daemon/identity/run-file.ts'
import { fakeNode, LEAVES, ORIGIN } from '../http/fake-node.ts'
import { type Served, serve } from '../http/harness.ts'
import { type Ended, freehold } from './harness.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'freehold-cli-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function assertRefused({ code, stdout, stderr }: Ended, expectedCode: number, message: RegExp): void {
  assert.match(stderr, message)
  assert.equal(code, expectedCode, stderr)
  assert.equal(stdout, '')
  assert.ok(!/\n\s+at /.test(stderr), 'no stack')
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)]
}

describe('freehold', () => {
  it('tells what it can do, in 80 columns', async () => {
    const shown = [await freehold(['--help']), await freehold(['start', '--help'])].map(
      ({ code, stdout }) => {
        assert.equal(code, 0)
        return stdout
      },
    )
    for (const text of [...shown, ...allCommands(buildProgram()).map(command => command.helpInformation())]) {
      assert.ok(text.startsWith('Usage: freehold'), text)
      for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`)
    }
    assert.match(shown[1]!, /--http-port <PORT>.*\(default: *7302\)[\s\S]*FREEHOLD_HTTP_PORT/)
  })

  it('ends with 2 on wrong usage and says what would be right', async () => {
    assertRefused(await freehold(['statsu']), 2, /unknown command 'statsu'[\s\S]*Did you mean status\?/)
    assertRefused(await freehold(['status', '--jsn']), 2, /unknown option '--jsn'[\s\S]*--json/)
    assertRefused(await freehold(['log', 'show']), 2, /\(freehold log show --help tells more\)/)
    assertRefused(
      await freehold(['testnet', '--nodes', '2', '--replicas', '3', '--dir', join(dir, 'net')]),
      2,
      /replicas is 3: .*1 to 2/,
    )
    assertRefused(await freehold(['log', 'prove', '--leaf', 'x']), 2, /whole number from 0 up/)
    assertRefused(await freehold(['log', 'prove', '--leaf', '5']), 2, /a receipt, or a leaf with --authority/)
    assertRefused(await freehold(['testnet', '--nodes', '0']), 2, /whole number from 1 to 100/)
    assertRefused(await freehold(['status', '--url', 'nowhere']), 2, /must look like http/)
  })

  it('ends with 69 when no node answers', async () => {
    const served = await serve()
    await served.server.close()
    assertRefused(
      await freehold(['status', '--url', served.server.url]),
      69,
      /^freehold: No node answers at .*ECONNREFUSED/,
    )
    assertRefused(await freehold(['peers', '--data-dir', dir]), 69, /^freehold: No node runs on .*: start it/)
    assertRefused(await freehold(['stop', '--data-dir', dir]), 69, /^freehold: No node runs on /)
  })

  it('ends with 78 on a bad setting, and with 2 when it stands in the command', async () => {
    const start = (args: string[], env = {}) => freehold(['start', '--data-dir', dir, ...args], env)
    assertRefused(await start(['--http-port', '99999']), 2, /^freehold: --http-port: .*65535/)
    assertRefused(
      await start([], { FREEHOLD_GATEWAY_PORT: 'x' }),
      78,
      /^freehold: FREEHOLD_GATEWAY_PORT is "x"/,
    )
    writeFileSync(join(dir, 'config.json'), '{"logLevel":3}')
    assertRefused(await start([]), 78, /^freehold: "logLevel" in .*config\.json/)
  })
})

describe('freehold init', () => {
  it('founds a network of several nodes, each with its own keys and ports', async () => {
    const args = [
      'init',
      '--network',
      'sea',
      '--nodes',
      '5',
      '--areas',
      '4',
      '--dir',
      dir,
      '--port',
      '7500',
      '--json',
    ]
    const { code, stdout, stderr } = await freehold(args)
    assert.equal(code, 0, stderr)
    const answer = JSON.parse(stdout)
    const genesis = readGenesis(join(dir, 'node-5', 'genesis.json'))
    assert.equal(answer.genesisHash, genesis.hashHex)
    assert.equal(placesOf(genesis.file).length, 4)
    for (const node of genesis.file.nodes) {
      const home = join(dir, `node-${node.number}`)
      assert.equal(readNodeKeys(join(home, 'node-keys.json')).peerId, node.peerId)
      const config = JSON.parse(readFileSync(join(home, 'config.json'), 'utf8'))
      assert.deepEqual(config.listen, node.addresses)
      assert.equal(config.httpPort, 7500 + 3 * (node.number - 1) + 2)
    }
    assertRefused(await freehold(args), 78, /node-1 already holds a node/)
  })

  it('puts a single node where freehold start looks for it', async () => {
    const { code, stdout } = await freehold(['init'], { XDG_DATA_HOME: dir })
    assert.equal(code, 0)
    assert.match(stdout, /Start it: freehold start\n$/)
    assert.equal(statSync(join(dir, 'freehold/local/node-keys.json')).mode & 0o777, 0o600)
    assert.equal(readGenesis(join(dir, 'freehold/local/genesis.json')).file.authorities[0]!.members.length, 1)
  })

  it('refuses what does not fit together, and leaves nothing behind', async () => {
    const home = join(dir, 'x')
    assertRefused(
      await freehold(['init', '--nodes', '2', '--replicas', '3', '--dir', home]),
      2,
      /replicas is 3: .*1 to 2/,
    )
    assertRefused(await freehold(['init', '--areas', '999', '--dir', home]), 2, /areas is 999: .*1 to 256/)
    assertRefused(await freehold(['init', '--network', 'No Such', '--dir', home]), 2, /network/i)
    assert.ok(!existsSync(home))
  })
})

describe('the commands that read', () => {
  let served: Served
  const read = (...args: string[]) => freehold([...args, '--url', served.server.url])
  const readJson = async (...args: string[]) => {
    const { code, stdout, stderr } = await read(...args, '--json')
    assert.equal(code, 0, stderr)
    assert.equal(stdout.trimEnd().split('\n').length, 1)
    return JSON.parse(stdout)
  }
  before(async () => {
    served = await serve()
  })
  after(() => served.server.close())

  it('print for people, in 80 columns', async () => {
    const shown: [string[], RegExp][] = [
      [['status'], /network +sea[\s\S]*up 1d 1h[\s\S]*2 +you +away +never/],
      [['peers'], /2 +12 ms +1m 1s +→ \/ip4\/192\.0\.2\.7/],
      [
        ['authorities'],
        /area\/0000 +1 +1,2 +1\/3 +305 +300 +200 +12 +cdcdcdcdcdcd\narea\/0001 +1 +1,2 +1\/3 +- /,
      ],
      [['evidence'], /ID +PROVES +NODE[\s\S]*0123456789abcdef +two-faces +2 +\d+d \d+h +9 +sea\/area/],
      [['evidence', 'get', '0123'], /^freehold\.evidence\/v1 two-faces\n$/],
      [['log', 'show', 'area/0000', '--limit', '2'], /298 +input +1 +3 B[\s\S]*299/],
    ]
    for (const [command, expected] of shown) {
      const { code, stdout, stderr } = await read(...command)
      assert.equal(code, 0, stderr)
      assert.match(stdout, expected)
      for (const line of stdout.split('\n')) assert.ok([...line].length <= 80, line)
    }
  })

  it('print one line of JSON for programs', async () => {
    const node = fakeNode()
    assert.deepEqual(await readJson('status'), { ...node.status(), nodes: node.nodes(), leaderless: 0 })
    assert.deepEqual(await readJson('peers'), { peers: node.peers() })
    assert.deepEqual(await readJson('evidence'), { evidence: node.evidence() })
    assert.equal((await readJson('evidence', 'get', '0123')).file, 'freehold.evidence/v1 two-faces\n')
    assert.deepEqual(await readJson('authorities'), { authorities: node.authorities() })
    const page = await readJson('log', 'show', 'area/0000', '--from', '5', '--limit', '1')
    assert.equal(page.leaves[0].index, 5)
  })

  it('find the node that runs on a data directory', async () => {
    const info = { number: 1, peerId: 'p', network: 'sea', gatewayUrl: '', listen: [], startedAt: '' }
    writeRunFile(join(dir, 'run.json'), { ...info, pid: process.pid, httpUrl: served.server.url })
    assert.equal((await freehold(['status', '--data-dir', dir])).code, 0)
  })

  it('pass on what the node says about a wrong question', async () => {
    assertRefused(
      await read('log', 'show', 'area/0009'),
      1,
      /^freehold: There is no authority area\/0009\.\n$/,
    )
  })

  it('export a log with every tile, bundle and body that its checkpoint covers', async () => {
    const { size, bodies } = await readJson('log', 'export', 'area/0000', dir)
    assert.deepEqual({ size, bodies }, { size: LEAVES, bodies: true })
    const log = join(dir, 'log', ORIGIN)
    assert.equal(statSync(join(log, 'tile/0/000')).size, 256 * 32)
    assert.equal(statSync(join(log, 'tile/0/001.p/44')).size, 44 * 32)
    assert.equal(statSync(join(log, 'bodies/001.p/44')).size, 44 * 23)
    assert.ok(readFileSync(join(log, 'checkpoint'), 'utf8').startsWith(ORIGIN))
    assert.ok(existsSync(join(dir, 'genesis.json')))
  })
})

describe('freehold stop', () => {
  it('ends the process that runs on the data directory, and waits for its end', async () => {
    const node = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await once(node, 'spawn')
    const ended = once(node, 'exit')
    createNodeKeys(join(dir, 'node-keys.json'), 'sea')
    writeRunFile(join(dir, 'run.json'), {
      ...{
        pid: node.pid!,
        number: 7,
        peerId: 'p',
        network: 'sea',
        httpUrl: '',
        gatewayUrl: '',
        listen: [],
        startedAt: '',
      },
    })
    const { code, stdout, stderr } = await freehold(['stop', '--data-dir', dir])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /Node 7 has stopped/)
    assert.deepEqual(await ended, [null, 'SIGTERM'])
  })
})
