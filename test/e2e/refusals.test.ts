import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { recordLeafHash } from '../../audit/verify/record.ts'
import type { Client, Done } from '../../client/index.ts'
import { canonicalJson } from '../../daemon/genesis/canonical-json.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { readRunFile } from '../../daemon/identity/run-file.ts'
import { join as joinWorld } from './support/client.ts'
import { readLog } from './support/logs.ts'
import { TestNetwork } from './support/network.ts'
import { foundSingle, serving, startNode, stopNode, temporaryFolder } from './support/node.ts'
import { processesOn, type Running, until } from './support/processes.ts'

const origin = 'sea/area/0000/0'

/** It ended by itself with one line for a person, whatever it said before (such as where it listens). */
async function assertEnds(node: Running, code: number, line: RegExp, linesBefore = 0): Promise<void> {
  assert.equal(await node.ended, code, node.stderr())
  const said = node.said().slice(linesBefore)
  assert.equal(said.length, 1, node.stderr())
  assert.match(said[0]!, line)
  assert.match(said[0]!, /^freehold: .{30,400}\.$/)
  assert.equal(node.stdout(), '')
}

/** A node that goes on says what it knows, since that it does can't be seen twice when it is rare. */
async function endedSoon(node: Running, dataDir: string): Promise<void> {
  const ended = new AbortController()
  const late = sleep(50_000, 'late', { signal: ended.signal }).catch(() => 'ended')
  if ((await Promise.race([node.ended, late])) !== 'late') return ended.abort()
  const httpUrl = readRunFile(dataDirFiles(dataDir).run)?.httpUrl
  const metrics = httpUrl === undefined ? 'no run file' : await (await fetch(`${httpUrl}/metrics`)).text()
  const known = metrics
    .split('\n')
    .filter(line => /peer|gossip|advert|clock/.test(line) && !/^#| 0$/.test(line))
  node.child.kill('SIGKILL')
  assert.fail(`It goes on. ${known.join('\n')}\n${node.stderr().slice(-4_000)}`)
}

describe('a node that cannot go on says one line:', function () {
  this.timeout(120_000)
  const folder = temporaryFolder()
  /** A stopped node with a history: acknowledged actions, a table file and a log file. */
  let home: string
  let kept: readonly Done[]

  before(async () => {
    home = foundSingle(join(folder.path, 'home'))
    kept = await play(home)
    await play(home)
  })
  after(async () => {
    for (const pid of processesOn(folder.path)) process.kill(pid, 'SIGKILL')
    await until('all have ended', () => processesOn(folder.path).length === 0)
    folder.remove()
  })

  async function play(dataDir: string): Promise<Done[]> {
    const node = startNode(dataDir)
    const { gatewayUrl } = await serving(node, dataDir)
    const client = await joinWorld(gatewayUrl, dataDirFiles(dataDir).genesis)
    const done = [await client.spawn('diver')]
    done.push(...(await Promise.all(Array.from({ length: 20 }, (_, i) => client.act(step(i))))))
    client.close()
    await stopNode(node)
    return done
  }

  const step = (i: number) => ({ kind: 'move', vxMmPerTick: i % 5, vyMmPerTick: 0 }) as const

  function copyOfHome(name: string): string {
    const copy = join(folder.path, name)
    cpSync(home, copy, { recursive: true })
    return copy
  }

  const storeOf = (dataDir: string) => dataDirFiles(dataDir).store
  const storeFile = (dataDir: string, pattern: RegExp): string =>
    join(
      storeOf(dataDir),
      readdirSync(storeOf(dataDir))
        .filter(name => pattern.test(name))
        .sort(
          (a, b) => statSync(join(storeOf(dataDir), b)).size - statSync(join(storeOf(dataDir), a)).size,
        )[0]!,
    )

  function flipBit(path: string, share: number): void {
    const bytes = readFileSync(path)
    const at = Math.floor(bytes.length * share)
    bytes[at]! ^= 0x10
    writeFileSync(path, bytes)
  }

  const damages: [string, (dataDir: string) => void][] = [
    ['CURRENT is missing', dir => rmSync(join(storeOf(dir), 'CURRENT'))],
    ['CURRENT names nothing', dir => writeFileSync(join(storeOf(dir), 'CURRENT'), 'MANIFEST-999999\n')],
    ['a bit of the MANIFEST is flipped', dir => flipBit(storeFile(dir, /^MANIFEST/), 0.5)],
    ['a bit early in the write-ahead log is flipped', dir => flipBit(storeFile(dir, /\.log$/), 0.2)],
    ['a bit in the middle of the write-ahead log is flipped', dir => flipBit(storeFile(dir, /\.log$/), 0.5)],
    ['a bit early in a table is flipped', dir => flipBit(storeFile(dir, /\.ldb$/), 0.3)],
    ['a bit in the middle of a table is flipped', dir => flipBit(storeFile(dir, /\.ldb$/), 0.5)],
    ['a bit late in a table is flipped', dir => flipBit(storeFile(dir, /\.ldb$/), 0.8)],
    ["the last bit of a table's footer is flipped", dir => flipBit(storeFile(dir, /\.ldb$/), 0.99999)],
    ['half a table is missing', dir => truncateSync(storeFile(dir, /\.ldb$/), 1_000)],
    ['a table is missing', dir => rmSync(storeFile(dir, /\.ldb$/))],
  ]
  for (const [index, [what, damage]] of damages.entries()) {
    it(`its data is damaged: ${what}`, async () => {
      const copy = copyOfHome(`damaged-${index}`)
      damage(copy)
      await assertEnds(startNode(copy), 1, /damaged.*: run freehold start --wipe-store/)
    })
  }

  it('the genesis file is another one, or damaged, or names other rules', async () => {
    const other = foundSingle(join(folder.path, 'other'))
    const swapped = copyOfHome('swapped')
    const otherGenesis = dataDirFiles(other).genesis
    await assertEnds(
      startNode(swapped, ['--genesis', otherGenesis]),
      78,
      /belongs to the network with genesis .*, the genesis file given has .*: give the right --genesis/,
    )

    const file = JSON.parse(readFileSync(dataDirFiles(other).genesis, 'utf8'))
    const rules = { ...file.rules, contentHash: 'ab'.repeat(32) }
    writeFileSync(otherGenesis, `${canonicalJson({ ...file, rules }).trimEnd()}\n`)
    await assertEnds(startNode(other), 78, /This program's rules differ .*: run the version/)

    truncateSync(otherGenesis, 500)
    await assertEnds(startNode(other), 78, /genesis\.json/)
  })

  it('the keys are those of another node, though the data stays', async () => {
    const two = await TestNetwork.found({ nodes: 2, areas: 1, replicas: 2 })
    try {
      const [first, second] = two.local.nodes.map(node => node.dataDir) as [string, string]
      const network = startNode(first)
      await until('it listens', () => node1Listens(network))
      await stopNode(network)
      cpSync(dataDirFiles(second).nodeKeys, dataDirFiles(first).nodeKeys)
      await assertEnds(startNode(first), 78, /was begun by node .* keys .*: put its own keys back/)
    } finally {
      await two.end()
    }
  })
  const node1Listens = (node: Running) => node.said().length > 0

  it("the clock is a day behind its own log's last seal", async () => {
    const node = startNode(copyOfHome('yesterday'), [], clockOff(-86_400_000))
    await assertEnds(node, 1, /clock is 24\.0 hours behind the last seal in its log: set it/)
  })

  it('the clock is a day off those of the other nodes, which go on', async () => {
    const network = await TestNetwork.found({ nodes: 3, areas: 1, replicas: 3 })
    try {
      const [first, second, third] = network.local.nodes
      await network.startAgain(first!, second!)
      for (const [shiftMs, expected] of [
        [86_400_000, /clock is 24\.0 hours ahead of the other nodes: set it/],
        [-86_400_000, /clock is 24\.0 hours behind the (other nodes|last seal in its log): set it/],
      ] as const) {
        const node = startNode(third!.dataDir, [], clockOff(shiftMs))
        await endedSoon(node, third!.dataDir)
        const runs = node.said().filter(line => line.startsWith('Node 3 of testnet runs')).length
        await assertEnds(node, 1, expected, runs)
      }
      assert.equal(network.local.failed, undefined)
      await network.startAgain(third!)
    } finally {
      await network.end()
    }
  })

  it('the disk is full while it runs: it acknowledges nothing more, and has all that it did when there is room', async () => {
    const disk = smallDisk()
    try {
      const dataDir = join(disk.path, 'node')
      cpSync(home, dataDir, { recursive: true })
      const node = startNode(dataDir)
      const { gatewayUrl, pid } = await serving(node, dataDir)
      const client = await joinWorld(gatewayUrl, dataDirFiles(dataDir).genesis)
      const done = [await client.spawn('filler'), await client.act(step(1))]
      disk.fill(pid)
      const ended = { yet: false }
      void keepActing(client, done, ended)
      await assertEnds(node, 1, /The disk .* is full: free some space and start the node again/, 1)
      ended.yet = true
      client.close()

      disk.free()
      const again = startNode(dataDir)
      const { httpUrl } = await serving(again, dataDir)
      const all = [...kept, ...done].map(each => each.receipt)
      const last = Math.max(...all.map(receipt => receipt.leaf))
      await until('everything is sealed', async () => (await readLog(httpUrl, origin)).size > last)
      const { leafHashes } = await readLog(httpUrl, origin)
      assert.deepEqual(
        [...kept, ...done].filter(each => leafHashes[each.receipt.leaf] !== leafHashOf(each)),
        [],
      )
      await stopNode(again)
    } finally {
      disk.remove()
    }
  })

  async function keepActing(client: Client, done: Done[], ended: { yet: boolean }): Promise<void> {
    for (let i = 0; !ended.yet; i++) {
      client.act(step(i)).then(
        result => done.push(result),
        () => {},
      )
      await sleep(5)
    }
  }

  /** A file system of its own where this user may mount one; else a limit on the size of files. */
  function smallDisk(): { path: string; fill(pid: number): void; free(): void; remove(): void } {
    const path = join(folder.path, 'disk')
    mkdirSync(path)
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', path]).status === 0
    const ballast = join(path, 'ballast')
    return {
      path,
      fill: pid => {
        if (mounted) fillUp(ballast)
        else spawnSync('prlimit', ['--pid', `${pid}`, '--fsize=20000'])
      },
      free: () => rmSync(ballast, { force: true }),
      remove: () => {
        for (const pid of processesOn(path)) process.kill(pid, 'SIGKILL')
        if (mounted) spawnSync('umount', ['-l', path])
      },
    }
  }
})

function leafHashOf({ receipt, body }: Done): string {
  return Buffer.from(recordLeafHash(receipt.header, receipt.salt, body)).toString('hex')
}

function fillUp(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (const size of [65_536, 1]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(size))
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      }
    }
  } finally {
    closeSync(file)
  }
}

/** Runs node under a module that shifts its wall clock, as a wrong clock of the machine would. */
function clockOff(shiftMs: number): { node: string[] } {
  const source = `const now = Date.now; Date.now = () => now() + ${shiftMs}`
  return { node: ['--import', `data:text/javascript,${encodeURIComponent(source)}`] }
}
