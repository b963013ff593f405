import assert from 'node:assert/strict'
import { parseGenesis } from '../../audit/genesis.ts'
import { verifyBytes } from '../../audit/verify-file.ts'
import {
  connect,
  nodeSource,
  proofOf,
  proofTrustOf,
  type ReceiptFile,
  randomSeed,
  stateProofOf,
} from '../../client/index.ts'
import { decodeCertificate, verifyQuorum } from '../../consensus/finality/certificate.ts'
import type { AuthorityView } from '../../daemon/http/view.ts'
import { verifySignature } from '../../daemon/identity/signing-key.ts'
import { openNote } from '../../storage/log/note.ts'
import { noteVerifier } from '../../storage/log/note-keys.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { parseVkey } from '../../storage/log/vkey.ts'
import type { NodeProcess } from '../../testnet/local/processes.ts'
import { join } from './support/client.ts'
import { readCheckpoint, readLog } from './support/logs.ts'
import { TestNetwork } from './support/network.ts'
import { until } from './support/processes.ts'

const NOTHING = { kind: 'gather', resource: '0'.repeat(32) } as const

describe('the members of an area, in a network under play', function () {
  this.timeout(60_000)
  let network: TestNetwork
  before(async () => {
    network = await TestNetwork.found({ ...{ nodes: 4, areas: 1, replicas: 4 } })
    await network.local.start()
    network.startPlayers(6, 2)
  })
  after(() => network.end())

  async function area(node: NodeProcess): Promise<AuthorityView> {
    return (await network.local.authoritiesOf(node))![0]!
  }

  async function finalFrom(height: number): Promise<void> {
    await until(`height ${height} is final everywhere`, async () => {
      const views = await Promise.all(
        network.local.nodes.map(
          async node => (await network.local.authoritiesOf(node))?.[0]?.finalHeight ?? 0,
        ),
      )
      return views.every(final => final >= height)
    })
  }

  it('decide its seals, so that what is final follows what is committed', async () => {
    await finalFrom(3)
    const [node] = network.local.nodes
    const { size, finalSize, certifiedHeight, finalHeight, sealHeight } = await area(node!)
    assert.ok(finalSize > 0 && finalSize <= size)
    assert.ok(finalHeight <= certifiedHeight && certifiedHeight <= sealHeight)
  })

  it('show what they have decided and nothing above, cosigned by each of them, the same on every node', async () => {
    const origin = network.originOf(network.areas[0]!)
    for (const node of network.local.nodes) {
      const { members } = await area(node)
      const verifiers = members.map(member => noteVerifier(parseVkey(member.cosigner)!))
      await until(`node ${node.number} serves a checkpoint with four cosignatures`, async () => {
        const note = await (await fetch(`${node.httpUrl}/log/${origin}/checkpoint`)).text()
        const opened = openNote(note, verifiers)
        return opened.ok && opened.verified.length === 4
      })
      const { size } = await readCheckpoint(node.httpUrl, origin)
      assert.ok(size <= (await area(node)).finalSize)
    }
  })

  it('prove to a client what has become final of its own, through a gateway of any node', async () => {
    for (const node of network.local.nodes) {
      const client = await connect({
        ...{ gateways: node.gatewayUrl, player: randomSeed() },
        genesis: network.local.genesis.bytes,
      })
      const spawned = await client.spawn(`Final-${node.number}`)
      const [first, second] = await Promise.all([client.act(NOTHING), client.act(NOTHING)])
      const finals = await Promise.all([spawned.final, first.final, second.final])
      assert.deepEqual(
        finals.map(({ leaf }) => leaf),
        [spawned, first, second].map(({ outcome }) => outcome.leaf),
      )
      assert.ok(finals.every(({ leaf, seal }) => leaf < seal.size))
      client.close()
    }
  })

  it('go on deciding after all of them were killed at once, and serve a certificate that proves itself', async () => {
    const before = (await area(network.local.nodes[0]!)).finalHeight
    const promise = await promiseOf(network.local.nodes[1]!)
    await network.sigkill(...network.local.nodes)
    await network.startAgain(...network.local.nodes)
    await finalFrom(before + 3)
    const { name } = network.areas[0]!
    const node = network.local.nodes[0]!
    const response = await fetch(`${node.httpUrl}/api/v1/certificate?authority=${name}`)
    const certificate = decodeCertificate(new Uint8Array(await response.arrayBuffer()))!
    const voters = network.local.genesis.file.nodes.map(({ number, keys }) => {
      return { node: number, key: new Uint8Array(Buffer.from(keys.vote, 'base64')) }
    })
    assert.ok(verifyQuorum(certificate, voters, verifySignature))
    const { leafHashes } = await readLog(node.httpUrl, network.originOf(network.areas[0]!))
    const log = new MerkleLog(async () => undefined)
    const { size, root } = certificate.seal
    log.append(new Uint8Array(Buffer.from(leafHashes.slice(0, size).join(''), 'hex')))
    assert.deepEqual(Buffer.from(log.root()), Buffer.from(root))
    await assertProvable(promise, node)
  })

  /** Of a player who has come and gone. */
  async function promiseOf(node: NodeProcess): Promise<ReceiptFile> {
    const client = await join(node.gatewayUrl, network.local.genesisPath)
    const { receipt, body } = await client.spawn('holder')
    client.close()
    return { receipt, body }
  }

  async function assertProvable(promise: ReceiptFile, { httpUrl }: NodeProcess): Promise<void> {
    const trust = proofTrustOf(network.local.genesis.bytes)
    const options = { source: nodeSource(httpUrl), trust }
    const { origin } = promise.receipt
    const player = promise.body.slice(0, 32)
    const absent = new Uint8Array(16)
    const texts = [
      await proofOf(promise, options),
      await stateProofOf(origin, player, options),
      await stateProofOf(origin, absent, options),
    ]
    const genesis = parseGenesis(new Uint8Array(network.local.genesis.bytes), 'genesis.json')
    const verdicts = await Promise.all(texts.map(text => verifyBytes(Buffer.from(text), genesis)))
    assert.deepEqual(
      verdicts.map(({ ok, kind, facts }) => [ok, kind, facts['outcome'] ?? facts['exists']]),
      [
        [true, 'record-proof', 'ok'],
        [true, 'state-proof', 'yes'],
        [true, 'state-proof', 'no'],
      ],
    )
  }
})
