import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { parseGenesis } from '../../daemon/genesis/genesis.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { resolveDnsaddrs } from '../../daemon/joining/dnsaddr.ts'
import { fetchGenesis } from '../../daemon/joining/fetch.ts'
import {
  GenesisServer,
  genesisProtocol,
  genesisProtocolOptions,
} from '../../daemon/joining/genesis-exchange.ts'
import { formatLink, type JoinLink, parseLink } from '../../daemon/joining/link.ts'
import { isSettled, settle } from '../../daemon/joining/settle.ts'
import { foundSingle, temporaryFolder } from '../e2e/support/node.ts'
import { startNode, stopAll } from '../network/nodes.ts'

const someHash = 'ab'.repeat(32)

describe('a link to a world', () => {
  it('comes out as it went in, with the port left out where it is 7777', () => {
    const host = fc.oneof(
      fc.ipV4().map(ip => `/ip4/${ip}`),
      fc.constantFrom('/ip6/2001:db8::1', '/dns4/play.example.org', '/dns/a.b'),
    )
    const node = fc.oneof(
      fc.tuple(host, fc.integer({ min: 1, max: 65_535 })).map(([h, port]) => `${h}/tcp/${port}`),
      host.map(h => `${h}/tcp/7777`),
      fc.constant('/dnsaddr/example.org'),
    )
    const nodes = fc.uniqueArray(node, { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(nodes, fc.uint8Array({ minLength: 32, maxLength: 32 }), (list, bytes) => {
        const link = { network: 'sea', genesisHash: Buffer.from(bytes).toString('hex'), nodes: list }
        const text = formatLink(link)
        assert.deepEqual(parseLink(text), link)
        assert.ok(!/tcp\/7777(&|$)/.test(text))
      }),
    )
  })

  it('has one form, and everything else is refused in one sentence', () => {
    const good = `freehold:sea?genesis=${someHash}&node=/ip4/192.0.2.1`
    assert.deepEqual(parseLink(good).nodes, ['/ip4/192.0.2.1/tcp/7777'])
    for (const bad of [
      '',
      good.toUpperCase(),
      `${good} `,
      good.replace('ab', ''),
      good.replace('sea', 'Sea'),
      `${good}/tcp/7777`,
      `${good}/tcp/70000`,
      `${good}&node=/ip4/192.0.2.1`,
      good.replace('192.0.2.1', '192.0.2.1111'),
      good.replace('/ip4/192.0.2.1', '/ip4/example.org'),
      good.replace('/ip4/192.0.2.1', '/unix/tmp'),
      `${good}${'&node=/ip4/1.1.1.1'.repeat(9)}`,
      `${good}&node=/dns4/${'a'.repeat(3000)}`,
    ])
      assert.throws(() => parseLink(bad), { code: 'bad-link', exitCode: 2, message: /^[^\n]+\.$/ })
  })

  it('may name a dnsaddr, which stands for what its TXT records say, with all their traps', async () => {
    const records: Record<string, string[][]> = {
      '_dnsaddr.example.org': [
        ['dnsaddr=/dnsaddr/eu.example.org'],
        ['dnsaddr=/ip4/192.0.2.', '1/tcp/4001/p2p/12D3KooWFU8jtst5UJsaRAQLnZ7UPacsbSpYLwV6oCjd4RSPLkAd'],
        ['v=spf1 -all'],
        ['dnsaddr=/unix/tmp/x'],
      ],
      '_dnsaddr.eu.example.org': [['dnsaddr=/dnsaddr/example.org'], ['dnsaddr=/ip6/2001:db8::1/tcp/1']],
    }
    const resolve = async (name: string) => records[name] ?? Promise.reject(new Error('ENOTFOUND'))
    const nodes = await resolveDnsaddrs(
      ['/dnsaddr/example.org', '/dnsaddr/gone.org', '/ip4/1.1.1.1/tcp/7777'],
      resolve,
    )
    assert.deepEqual(nodes.sort(), [
      '/ip4/1.1.1.1/tcp/7777',
      '/ip4/192.0.2.1/tcp/4001',
      '/ip6/2001:db8::1/tcp/1',
    ])
  })
})

describe('a newcomer with a link', function () {
  this.timeout(20_000)
  const folder = temporaryFolder()
  after(() => folder.remove())
  afterEach(stopAll)

  async function serve(bytes: Uint8Array, genesisHash: Uint8Array): Promise<string> {
    const node = await startNode({ networkName: 'sea', genesisHash })
    const server = new GenesisServer(bytes, () => {})
    node.network.handle(genesisProtocol, genesisProtocolOptions, channel => server.accepted(channel))
    return node.network.listenAddresses()[0]!
  }

  it('gets the genesis file from the first node that has it, and a data directory with keys of its own', async () => {
    const founded = foundSingle(join(folder.path, 'founder'))
    const bytes = new Uint8Array(readFileSync(dataDirFiles(founded).genesis))
    const genesis = parseGenesis(bytes)
    const nodes = ['/ip4/127.0.0.1/tcp/1', await serve(bytes, genesis.hash)]
    const link: JoinLink = { network: 'sea', genesisHash: genesis.hashHex, nodes }
    const steps: string[] = []
    const fetched = await fetchGenesis(link, line => steps.push(line))
    assert.equal(steps.length, 2)
    assert.deepEqual(fetched, bytes)
    const dataDir = join(folder.path, 'newcomer')
    assert.equal(isSettled(dataDir, link), false)
    settle(dataDir, link, fetched)
    assert.equal(isSettled(dataDir, link), true)
    const { nodeKeys, config } = dataDirFiles(dataDir)
    assert.ok(existsSync(nodeKeys))
    assert.deepEqual(JSON.parse(readFileSync(config, 'utf8')).listen, ['/ip4/0.0.0.0/tcp/7777'])
    const other = { ...link, genesisHash: someHash }
    assert.throws(() => isSettled(dataDir, other), { code: 'other-world', exitCode: 78 })
  })

  it('takes no other file, and says what each node answered', async () => {
    const wanted = randomBytes(1_000_000)
    const digest = new Uint8Array(hash('sha256', wanted, 'buffer'))
    const whole = await serve(wanted, digest)
    const forged = await serve(randomBytes(1_000_000), digest)
    const elsewhere = await serve(wanted, randomBytes(32))
    const link = { network: 'sea', genesisHash: Buffer.from(digest).toString('hex') }
    await assert.rejects(
      fetchGenesis({ ...link, nodes: [forged, elsewhere] }, () => {}),
      {
        code: 'no-genesis',
        exitCode: 69,
        message: /did not give it \(other-file\).*did not let us in: It belongs to another world/,
      },
    )
    assert.deepEqual(
      await fetchGenesis({ ...link, nodes: [forged, whole] }, () => {}),
      new Uint8Array(wanted),
    )
  })
})
