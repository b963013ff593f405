import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { checkpointSigner } from '../../daemon/hosting/log-view.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { readNodeKeys } from '../../daemon/identity/node-keys.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { openNote, signNote } from '../../storage/log/note.ts'
import { noteVerifier } from '../../storage/log/note-keys.ts'
import { parseVkey } from '../../storage/log/vkey.ts'
import type { NodeProcess } from '../../testnet/local/processes.ts'
import { TestNetwork } from './support/network.ts'
import { freePorts } from './support/ports.ts'
import { freeholdMain, type Running, startFreehold, startProgram, until } from './support/processes.ts'

const sources = join(import.meta.dirname, '../interop/litewitness')
const strangersName = 'witness.example/lite'

describe('witnesses of a network that is played on', function () {
  this.timeout(240_000)
  let network: TestNetwork
  const running: Running[] = []

  before(async () => {
    network = await TestNetwork.found({ nodes: 3, areas: 1, replicas: 3 })
    await network.local.start()
    network.startPlayers(6, 3)
  })
  after(async () => {
    for (const { child } of running) child.kill('SIGKILL')
    await network.end()
  })

  const origin = () => network.originOf(network.areas[0]!)

  function freehold(node: NodeProcess, ...args: string[]): Record<string, unknown> {
    const out = execFileSync(process.execPath, [freeholdMain, ...args, '--data-dir', node.dataDir, '--json'])
    return JSON.parse(out.toString())
  }

  async function checkpointOf(node: NodeProcess): Promise<string> {
    return await (await fetch(`${node.httpUrl}/log/${origin()}/checkpoint`)).text()
  }

  /** Leaves under a checkpoint that this node serves with a cosignature by this key; at least `least`. */
  async function cosignedSize(node: NodeProcess, vkey: string, least = 1): Promise<number> {
    let size = 0
    await until(`node ${node.number} serves ${least} leaves with a cosignature of ${vkey}`, async () => {
      const opened = openNote(await checkpointOf(node), [noteVerifier(parseVkey(vkey)!)])
      if (opened.ok) size = Number(opened.text.split('\n')[1])
      return size >= least
    })
    return size
  }

  it("cosign what a node publishes when they are asked to, across a change of leader, by another node's `freehold witness`", async () => {
    const [asking, , cosigning] = network.local.nodes
    const witness = startFreehold(['witness', '--port', '0', '--json', '--data-dir', cosigning!.dataDir])
    running.push(witness)
    await until('it listens', () => witness.stdout().endsWith('\n'))
    const { url, vkey, logs } = JSON.parse(witness.stdout())
    assert.equal(logs, 2, 'of the area and of the directory')

    freehold(asking!, 'log', 'witness', 'add', url, '--vkey', vkey)
    assert.deepEqual(freehold(asking!, 'log', 'witness', 'list'), { witnesses: [{ url, vkey }] })
    const size = await cosignedSize(asking!, vkey)
    const leader = (await network.local.authoritiesOf(asking!))![0]!.leader
    if (leader !== asking!.number) {
      await network.sigkill(network.node(leader))
      await network.moreCommitted(30)
      await network.startAgain(network.node(leader))
    }
    const later = await cosignedSize(asking!, vkey, size + 30)

    await showOtherFace(asking!, url)
    await until('the other nodes know what the witness has found', async () => {
      const others = network.local.nodes.filter(node => node !== cosigning)
      const known = await Promise.all(
        others.map(async ({ httpUrl }) => (await fetch(`${httpUrl}/api/v1/evidence`)).json()),
      )
      return known.every(({ evidence }) => evidence[0]?.accused[0] === asking!.number)
    })

    // The witness forgets nothing when it is killed.
    witness.child.kill('SIGKILL')
    await witness.ended
    const port = new URL(url).port
    const again = startFreehold(['witness', '--port', port, '--json', '--data-dir', cosigning!.dataDir])
    running.push(again)
    await cosignedSize(asking!, vkey, later + 30)
    const metrics = await (await fetch(`${asking!.httpUrl}/metrics`)).text()
    assert.match(metrics, /freehold_witness_answers_total\{code="cosigned"\} [1-9]/)

    freehold(asking!, 'log', 'witness', 'remove', url)
    assert.deepEqual(freehold(asking!, 'log', 'witness', 'list'), { witnesses: [] })
    again.child.kill('SIGTERM')
    assert.equal(await again.ended, 0)
  })

  it('may be programs that others wrote: litewitness cosigns our logs', async function () {
    const missing = ['go version', 'ssh-agent -h', 'ssh-add -h'].find(tool => {
      const [program, ...args] = tool.split(' ')
      return spawnSync(program!, args).error !== undefined
    })
    if (missing !== undefined) {
      console.log(`      ${missing.split(' ')[0]} is not here: nothing is shown about witnesses of others`)
      return this.skip()
    }
    const [, asking] = network.local.nodes
    const { url, vkey } = await startLitewitness()
    freehold(asking!, 'log', 'witness', 'add', url, '--vkey', vkey)
    const size = await cosignedSize(asking!, vkey)
    const later = await cosignedSize(asking!, vkey, size + 50)
    const [head] = headsOf()
    assert.equal(head!.origin, origin())
    assert.ok(Number(head!.tree_size) >= later)
    freehold(asking!, 'log', 'witness', 'remove', url)
  })

  /** Signs for the node another root of the size that the witness has cosigned last, which grows meanwhile. */
  async function showOtherFace(node: NodeProcess, witnessUrl: string): Promise<void> {
    const { log } = readNodeKeys(dataDirFiles(node.dataDir).nodeKeys)
    const evidence = join(network.local.nodes[2]!.dataDir, 'witness', 'evidence')
    let size = 1
    await until('the witness has seen two faces', async () => {
      const text = formatCheckpoint({ origin: origin(), size, root: new Uint8Array(32), extensions: [] })
      const body = `old 0\n\n${signNote(text, [checkpointSigner(origin(), log)])}`
      const answer = await fetch(`${witnessUrl}/add-checkpoint`, { method: 'POST', body })
      assert.equal(answer.status, 409)
      size = Number(await answer.text())
      return existsSync(evidence)
    })
  }

  const database = () => join(network.dir, 'litewitness.db')

  function headsOf() {
    const db = new DatabaseSync(database())
    try {
      return db.prepare('SELECT origin, tree_size FROM log').all()
    } finally {
      db.close()
    }
  }

  /** As its own README says, but for witnessctl, whose two INSERTs are made here. */
  async function startLitewitness(): Promise<{ url: string; vkey: string }> {
    const program = join(network.dir, 'litewitness')
    const build = ['build', '-o', program, 'filippo.io/torchwood/cmd/litewitness']
    const built = spawnSync('go', build, { cwd: sources, encoding: 'utf8' })
    assert.equal(built.status, 0, built.stderr)
    const key = join(network.dir, 'witness-key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const fingerprint = execFileSync('ssh-keygen', ['-lf', key]).toString().split(' ')[1]!
    const socket = join(network.dir, 'agent')
    running.push(startProgram('ssh-agent', ['-D', '-a', socket]))
    const env = { ...process.env, SSH_AUTH_SOCK: socket }
    await until('the agent has the key', () => spawnSync('ssh-add', ['-q', key], { env }).status === 0)

    const port = await freePorts(1)
    const witness = startProgram(program, [
      ...['-db', database(), '-ssh-agent', socket, '-key', fingerprint],
      ...['-name', strangersName, '-listen', `127.0.0.1:${port}`],
    ])
    running.push(witness)
    await until('litewitness listens', () => witness.stderr().includes('listening'))
    const vkey = /vkey=(\S+)/.exec(witness.stderr())![1]!
    const views = await network.local.authoritiesOf(network.node(1))
    const db = new DatabaseSync(database())
    const empty = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    db.prepare('INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)').run(origin(), empty)
    for (const { vkey } of views![0]!.members)
      db.prepare('INSERT INTO key (origin, key) VALUES (?, ?)').run(origin(), vkey)
    db.close()
    return { url: `http://127.0.0.1:${port}`, vkey }
  }
})
