import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Handshake, type HandshakeRules } from '../../daemon/network/handshake.ts'
import { sleep, startNode, stopAll, type TestNode, until, worldA, worldB } from './nodes.ts'

function refusals(node: TestNode): Record<string, unknown>[] {
  return node.log.filter(line => line.level === 'warn' && 'refusedBy' in line.facts).map(line => line.facts)
}

async function refusedBoth(
  a: TestNode,
  b: TestNode,
): Promise<[Record<string, unknown>, Record<string, unknown>]> {
  await until('both logged the refusal', () => refusals(a).length > 0 && refusals(b).length > 0)
  return [refusals(a)[0] as Record<string, unknown>, refusals(b)[0] as Record<string, unknown>]
}

describe('the handshake', function () {
  this.timeout(10_000)

  afterEach(stopAll)

  it('refuses a node of another world, with a clear reason on both sides, and does not hurry to try again', async () => {
    const a = await startNode({ genesisHash: worldA })
    const b = await startNode({ genesisHash: worldB, bootstrap: [a.bootstrap()] })
    const seen: string[] = []
    a.network.onPeer(peer => seen.push(peer))
    b.network.onPeer(peer => seen.push(peer))
    const [atA, atB] = await refusedBoth(a, b)
    assert.equal(atA['code'], 'other-genesis')
    assert.equal(atB['code'], 'other-genesis')
    assert.match(String(atA['reason']), /another world.*bbbbbbbbbbbbbbbb.*aaaaaaaaaaaaaaaa/)
    assert.match(String(atB['reason']), /another world.*aaaaaaaaaaaaaaaa.*bbbbbbbbbbbbbbbb/)
    await until('the connection is closed', () => a.network.stats().greeting === 0)
    await sleep(700)
    assert.deepEqual(seen, [])
    assert.equal(a.counts.get('network_handshake_refused other-genesis us'), 1)
    assert.equal(b.counts.get('network_handshake_refused other-genesis us'), 1)
    assert.equal(b.counts.get('network_dialled connected'), 1)
  })

  it('refuses a node whose protocol versions do not overlap with ours', async () => {
    const a = await startNode({ protocol: { min: 1, max: 2 } })
    const b = await startNode({ protocol: { min: 3, max: 4 }, bootstrap: [a.bootstrap()] })
    const [atA, atB] = await refusedBoth(a, b)
    assert.equal(atA['code'], 'no-common-protocol')
    assert.match(String(atA['reason']), /it speaks 3 to 4, this node 1 to 2/)
    assert.equal(atB['code'], 'no-common-protocol')
    assert.deepEqual([a.network.peers(), b.network.peers()], [[], []])
  })

  it('settles on the newest version that both speak', async () => {
    const a = await startNode({ protocol: { min: 1, max: 3 } })
    const b = await startNode({ protocol: { min: 2, max: 5 }, role: 'gateway', bootstrap: [a.bootstrap()] })
    await until('they are connected', () => a.network.peers().length === 1 && b.network.peers().length === 1)
    assert.equal(a.network.stats().peers[0]?.protocol, 3)
    assert.equal(b.network.stats().peers[0]?.protocol, 3)
    assert.equal(a.network.stats().peers[0]?.role, 'gateway')
  })

  it('tells a peer that is not admitted that it is not', async () => {
    const a = await startNode({ allow: peer => peer.role !== 'banned' })
    const b = await startNode({ role: 'banned', bootstrap: [a.bootstrap()] })
    const [atA, atB] = await refusedBoth(a, b)
    assert.deepEqual([atA['code'], atA['refusedBy']], ['not-allowed', 'us'])
    assert.deepEqual([atB['code'], atB['refusedBy']], ['not-allowed', 'them'])
  })

  it('says what is wrong when the other side is of a network with another name', async () => {
    const a = await startNode({ networkName: 'one' })
    const b = await startNode({ networkName: 'two', bootstrap: [a.bootstrap()] })
    await until('the dialler knows', () => refusals(b).length > 0)
    assert.equal(refusals(b)[0]?.['code'], 'other-network')
    assert.match(String(refusals(b)[0]?.['reason']), /\/freehold\/two\/hello\/1/)
  })

  it('never throws on a frame of a stranger, and never ends well with garbage', () => {
    const rules: HandshakeRules = {
      genesisHash: worldA,
      protocol: { min: 1, max: 1 },
      role: 'node',
      softwareVersion: '1',
      addresses: () => [],
      allow: () => true,
      hasRoomFor: () => true,
    }
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (frames, dialler) => {
          const handshake = new Handshake(rules, 'peer', dialler)
          handshake.start()
          for (const frame of frames) {
            const { outcome } = handshake.receive(frame)
            if (outcome !== undefined) assert.ok('refusal' in outcome)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
