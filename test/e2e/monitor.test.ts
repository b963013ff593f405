import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { checkpointSigner } from '../../daemon/hosting/log-view.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { readNodeKeys } from '../../daemon/identity/node-keys.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { signNote } from '../../storage/log/note.ts'
import { readCheckpoint } from './support/logs.ts'
import { TestNetwork } from './support/network.ts'
import { startFreehold, until } from './support/processes.ts'

describe('freehold monitor', function () {
  this.timeout(60_000)
  let network: TestNetwork
  let liar: Server

  before(async () => {
    network = await TestNetwork.found({ nodes: 3, areas: 1, replicas: 3 })
    await network.local.start()
    network.startPlayers(4, 3)
  })
  after(async () => {
    liar?.close()
    await network.end()
  })

  /** With a member's key it signs another root for each size that node 1 has. */
  async function startLiar(): Promise<string> {
    const origin = network.originOf(network.areas[0]!)
    const keys = readNodeKeys(dataDirFiles(network.node(3).dataDir).nodeKeys)
    const signer = checkpointSigner(origin, keys.log)
    liar = createServer((request, response) => {
      if (!request.url!.endsWith('/checkpoint')) {
        response.writeHead(404).end()
        return
      }
      void readCheckpoint(network.node(1).httpUrl, origin).then(({ size }) => {
        const root = new Uint8Array(32).fill(7)
        response.end(signNote(formatCheckpoint({ origin, size, root, extensions: [] }), [signer]))
      })
    })
    await new Promise<void>(resolve => liar.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(liar.address() as AddressInfo).port}`
  }

  it('is content with honest nodes, finds a member with two faces within 5 s, and leaves evidence that freehold verify accepts', async () => {
    const own = ['--data-dir', join(network.dir, 'auditor'), '--genesis', network.local.genesisPath]
    const urls = network.local.nodes.map(node => node.httpUrl)
    const honest = startFreehold(['monitor', ...urls, '--json', '--every-ms', '300', ...own])
    await until('it has seen the log', () => honest.stdout().includes('first-seen'))
    await network.moreCommitted(60)
    honest.child.kill('SIGINT')
    assert.equal(await honest.ended, 0, honest.stdout())
    assert.equal(honest.stdout().trim().split('\n').length, 1, honest.stdout())

    const lying = startFreehold(['monitor', urls[0]!, await startLiar(), ...own])
    await until('the contradiction is found', () => lying.stdout().includes('TWO FACES'), 5_000)
    lying.child.kill('SIGINT')
    assert.equal(await lying.ended, 3)
    const [, file] = /Evidence: (\S+)/.exec(lying.stdout())!
    const verified = startFreehold(['verify', file!, '--genesis', network.local.genesisPath])
    assert.equal(await verified.ended, 0, verified.stderr())
    assert.match(verified.stdout(), /has two faces[\s\S]*signed by node 3/)
  })
})
