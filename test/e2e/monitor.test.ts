import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { encodeNotes } from '../../daemon/checkpoints/message.ts'
import { checkpointSigner } from '../../daemon/hosting/log-view.ts'
import type { EvidenceView } from '../../daemon/http/view.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { readNodeKeys } from '../../daemon/identity/node-keys.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { signNote } from '../../storage/log/note.ts'
import type { NodeProcess } from '../../testnet/local/processes.ts'
import { Intruder } from './support/intruder.ts'
import { readCheckpoint } from './support/logs.ts'
import { TestNetwork } from './support/network.ts'
import { type Running, startFreehold, until } from './support/processes.ts'

describe('a member that shows two faces', function () {
  this.timeout(60_000)
  let network: TestNetwork
  let liar: Server
  const running: Running[] = []

  before(async () => {
    network = await TestNetwork.found({ nodes: 3, areas: 1, replicas: 3 })
    await network.local.start()
    network.startPlayers(4, 3)
  })
  after(async () => {
    for (const { child } of running) child.kill('SIGKILL')
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

  it('is found by freehold monitor within 5 s, which is content with honest nodes and leaves evidence that freehold verify accepts', async () => {
    const own = ['--data-dir', join(network.dir, 'auditor'), '--genesis', network.local.genesisPath]
    const urls = network.local.nodes.map(node => node.httpUrl)
    const honest = startFreehold(['monitor', ...urls, '--json', '--every-ms', '300', ...own])
    running.push(honest)
    const seen = () => honest.stdout().match(/first-seen/g)?.length ?? 0
    await until('it has seen both logs', () => seen() === network.local.genesis.file.authorities.length)
    await network.moreCommitted(60)
    honest.child.kill('SIGINT')
    assert.equal(await honest.ended, 0, honest.stdout())
    assert.equal(honest.stdout().trim().split('\n').length, 2, honest.stdout())

    const lying = startFreehold(['monitor', urls[0]!, await startLiar(), ...own])
    running.push(lying)
    await until('the contradiction is found', () => lying.stdout().includes('TWO FACES'), 5_000)
    lying.child.kill('SIGINT')
    assert.equal(await lying.ended, 3)
    const [, file] = /Evidence: (\S+)/.exec(lying.stdout())!
    const verified = startFreehold(['verify', file!, '--genesis', network.local.genesisPath])
    assert.equal(await verified.ended, 0, verified.stderr())
    assert.match(verified.stdout(), /has two faces[\s\S]*signed by node 3/)
  })

  const evidenceOf = async (node: NodeProcess): Promise<EvidenceView[]> =>
    (await (await fetch(`${node.httpUrl}/api/v1/evidence`)).json()).evidence

  it('to two nodes, one each, is named by both, in whatever noise it makes, and nobody else is', async () => {
    const origin = network.originOf(network.areas[0]!)
    const honest = [network.node(1), network.node(2)]
    // While all was well, nobody accused anybody.
    for (const node of honest) assert.deepEqual(await evidenceOf(node), [])
    const keys = readNodeKeys(dataDirFiles(network.node(3).dataDir).nodeKeys)
    await network.sigkill(network.node(3))
    const faces = await Promise.all(
      honest.map(node => Intruder.enter(network.local.genesis, node.number, keys.identity.seed)),
    )
    for (const face of faces) face.subscribe('checkpoints')
    await until('they are heard', () => faces.every(face => face.hears('checkpoints')))
    const { size, root } = await readCheckpoint(honest[0]!.httpUrl, origin)
    const signer = checkpointSigner(origin, keys.log)
    const forger = { ...signer, sign: () => new Uint8Array(64) }
    const say = (face: Intruder, seen: Uint8Array, by = signer) => {
      const note = signNote(formatCheckpoint({ origin, size, root: seen, extensions: [] }), [by])
      return face.publish('checkpoints', encodeNotes([note]).bytes)
    }
    await say(faces[0]!, root)
    await say(faces[1]!, new Uint8Array(32).fill(7))
    for (let i = 0; i < 30; i++) {
      for (const face of faces) await say(face, new Uint8Array(32).fill(i), forger)
      await faces[0]!.publish('checkpoints', new Uint8Array(i))
    }
    const proofs = async (): Promise<(EvidenceView | undefined)[]> => {
      const lists = await Promise.all(honest.map(evidenceOf))
      return lists.map(list => list.find(({ accused }) => accused.length > 0))
    }
    // On a busy machine; how soon in virtual time: test/checkpoints/board.test.ts.
    await until('both can prove it', async () => !(await proofs()).includes(undefined), 20_000)
    for (const face of faces) await face.leave()

    for (const [i, node] of honest.entries()) {
      const others = (await evidenceOf(node)).filter(({ accused }) => accused.some(number => number !== 3))
      assert.deepEqual(others, [])
      const { id, kind, accused, place } = (await proofs())[i]!
      assert.deepEqual([kind, accused, place], ['two-faces', [3], String(size)])
      const file = join(network.dir, `of-${node.number}.evidence`)
      await freehold('evidence', 'get', id, file, '--url', node.httpUrl)
      assert.deepEqual(
        readFileSync(file),
        readFileSync(join(dataDirFiles(node.dataDir).evidence, `${id}.evidence`)),
      )
      const verified = await freehold('verify', file, '--genesis', network.local.genesisPath)
      assert.match(verified, /has two faces[\s\S]*signed by node 3/)
    }
  })

  async function freehold(...args: string[]): Promise<string> {
    const { ended, stdout, stderr } = startFreehold(args)
    assert.equal(await ended, 0, stderr())
    return stdout()
  }
})
