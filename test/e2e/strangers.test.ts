import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join, normalize } from 'node:path'
import { auditAuthority } from '../../audit/audit.ts'
import { readGenesis } from '../../audit/genesis.ts'
import { verifyFile } from '../../audit/verify-file.ts'
import { proofTrust } from '../../audit/verify-proof.ts'
import { exportLog } from '../../cli/log-export.ts'
import { nodeApi } from '../../cli/node-api.ts'
import { nodeSource } from '../../client/sdk/node-source.ts'
import { proofOfLeaf } from '../../client/sdk/proofs.ts'
import type { AuthorityView } from '../../daemon/http/view.ts'
import type { NodeProcess } from '../../testnet/local/processes.ts'
import { freeholdHere } from '../cli/harness.ts'
import { readCheckpoint } from './support/logs.ts'
import { TestNetwork } from './support/network.ts'
import { until } from './support/processes.ts'

interface Checked {
  readonly origin: string
  readonly size: number
  readonly root: string
  readonly records: number
  readonly proofs: number
  readonly since: number
  readonly signers: readonly string[]
}

interface Verdict {
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
}

const sources = join(import.meta.dirname, '../interop/sumdb')

/** Tools that others wrote read our logs over HTTP: Go's sumdb/note and sumdb/tlog. */
describe("a log that is read with the tools of Go's checksum database", function () {
  this.timeout(120_000)
  let network: TestNetwork | undefined
  let program: string
  let mirror: Server | undefined

  before(async function () {
    if (spawnSync('go', ['version']).status !== 0) {
      console.log('      go is not here: nothing is shown about the tools of others')
      return this.skip()
    }
    network = await TestNetwork.found({ nodes: 4, areas: 1, replicas: 3 })
    program = join(network.dir, 'sumdb')
    const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: sources, encoding: 'utf8' })
    assert.equal(built.status, 0, built.stderr)
    // The fourth comes later: while it is away nobody takes the place of a member that is.
    await network.startAgain(...network.local.nodes.slice(0, 3))
    network.startPlayers(8, 4)
  })
  after(async () => {
    mirror?.close()
    await network?.end()
  })

  const origin = () => network!.originOf(network!.areas[0]!)
  const logUrl = (root: string) => `${root}/log/${origin()}`

  async function vkeys(): Promise<string[]> {
    const views = await network!.local.authoritiesOf(network!.node(2))
    return views![0]!.members.map(member => member.vkey)
  }

  /** Not in this process's own time, which may serve what is read. */
  function check(root: string, keys: readonly string[], seen?: string): Promise<Verdict> {
    const args = ['-log', logUrl(root), ...keys.flatMap(key => ['-vkey', key])]
    return new Promise(resolve => {
      execFile(program, [...args, ...(seen === undefined ? [] : ['-seen', seen])], (error, stdout, stderr) =>
        resolve({ ok: error === null, stdout, stderr }),
      )
    })
  }

  async function passes(root: string, keys: readonly string[], seen?: string): Promise<Checked> {
    const { ok, stdout, stderr } = await check(root, keys, seen)
    assert.ok(ok, stderr)
    return JSON.parse(stdout)
  }

  /** A node that serves at least so much. */
  async function reaches(node: NodeProcess, size: number): Promise<void> {
    await until(`node ${node.number} serves ${size} leaves`, async () => {
      const checkpoint = await readCheckpoint(node.httpUrl, origin()).catch(() => undefined)
      return checkpoint !== undefined && checkpoint.size >= size
    })
  }

  async function leader(): Promise<NodeProcess> {
    let view: AuthorityView | undefined
    await until('there is a leader', async () => {
      const up = network!.local.nodes.find(node => node.child !== undefined)!
      view = (await network!.local.authoritiesOf(up))?.[0]
      return view !== undefined && view.leader !== 0
    })
    return network!.node(view!.leader)
  }

  it('proves every record of it, and each checkpoint from the one before, on every node and across changes of leader', async () => {
    const seen = join(network!.dir, 'seen.json')
    const keys = await vkeys()
    let size = 300
    for (let change = 0; change < 2; change++) {
      for (const number of [1, 2, 3]) {
        const node = network!.node(number)
        await reaches(node, size)
        const checked = await passes(node.httpUrl, keys, seen)
        assert.equal(checked.origin, origin())
        assert.equal(checked.records, checked.size)
        assert.ok(checked.proofs > 2 && checked.signers.length > 0)
        assert.equal(checked.since > 0, node.number > 1 || change > 0, 'from the second run on')
        size = checked.size
      }
      const old = await leader()
      await network!.sigkill(old)
      await network!.moreCommitted(40)
      await network!.startAgain(old)
    }
  })

  it('goes on where other members decide, and is proven to whoever knows the founders alone', async () => {
    const seen = join(network!.dir, 'seen.json')
    const before = await vkeys()
    const { size } = await passes(network!.node(2).httpUrl, before, seen)
    await network!.startAgain(network!.node(4))
    const operator = join(network!.dir, 'operator-keys.json')
    const retire = ['network', 'retire', '1', '--key', operator, '--yes', '--url', network!.node(2).httpUrl]
    const retired = await freeholdHere(retire)
    assert.equal(retired.code, 0, retired.stderr)
    const inForce = async (node: NodeProcess): Promise<string> => {
      const view = (await network!.local.authoritiesOf(node))?.[0]
      return `${view?.epoch} ${view?.members.map(({ number }) => number)}`
    }
    for (const number of [2, 3, 4]) {
      const node = network!.node(number)
      await until(`node ${number} knows who decides`, async () => (await inForce(node)) === '2 2,3,4')
    }
    await network!.moreCommitted(40)
    await reaches(network!.node(4), size + 40)
    const keys = [...new Set([...before, ...(await vkeys())])]
    for (const number of [4, 2]) {
      const checked = await passes(network!.node(number).httpUrl, keys, seen)
      assert.ok(checked.since > 0 && checked.records > size)
    }
    const [authority, from, genesis] = [origin(), network!.node(4).httpUrl, network!.local.genesisPath]
    const proving = { source: nodeSource(from), trust: proofTrust(readGenesis(genesis)) }
    const file = join(network!.dir, 'record.proof')
    writeFileSync(file, await proofOfLeaf(authority, size + 20, proving))
    const verdict = await verifyFile({ file, genesis })
    assert.ok(verdict.ok && verdict.facts['epoch'] === 2, verdict.message)
    const report = await auditAuthority({ authority, from, genesis })
    assert.ok(report.ok, JSON.stringify(report.findings))
    assert.ok(report.decidedSize > size)
    assert.deepEqual(report.signedBy, [4])
    const [checkpoint, certificates] = ['checkpoint', 'certificates'].map(name => join(network!.dir, name))
    for (const path of [checkpoint!, certificates!])
      writeFileSync(path, await (await fetch(`${logUrl(from)}/${basename(path)}`)).text())
    assert.equal((await verifyFile({ file: checkpoint!, genesis })).facts['code'], 'not-a-member')
    const shown = await verifyFile({ file: checkpoint!, genesis, certificates })
    assert.match(shown.message, /signed by node 4, a member since epoch 2/)
  })

  it('is refused when nobody whose key is known has signed it', async () => {
    const node = network!.node(2)
    const other = 'other/log+6a2e9c1b+AQ=='
    assert.match((await check(node.httpUrl, [other])).stderr, /vkey/)
    assert.match((await check(node.httpUrl, [])).stderr, /checkpoint/)
  })

  it('can be mirrored as files by any web server, and no changed byte of the mirror passes', async () => {
    const node = network!.node(2)
    const keys = await vkeys()
    const dir = join(network!.dir, 'mirror')
    await exportLog(nodeApi({ url: node.httpUrl }), origin(), dir)
    const root = await serveFiles(dir)
    assert.ok((await passes(root, keys)).records > 300)
    for (const path of ['tile/0/000', 'tile/entries/000', 'checkpoint']) {
      const file = join(dir, 'log', origin(), path)
      const honest = readFileSync(file)
      const changed = Buffer.from(honest)
      changed[40]! ^= 1
      writeFileSync(file, changed)
      assert.equal((await check(root, keys)).ok, false, path)
      writeFileSync(file, honest)
    }
    assert.ok((await passes(root, keys)).records > 300)
  })

  async function serveFiles(dir: string): Promise<string> {
    mirror = createServer((request, response) => {
      try {
        response.end(readFileSync(join(dir, normalize(request.url!))))
      } catch {
        response.writeHead(404).end()
      }
    })
    await new Promise<void>(resolve => mirror!.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`
  }
})
