import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleText, logTail } from '../../daemon/doctor/bundle.ts'
import { examine, type Facts } from '../../daemon/doctor/findings.ts'
import { measureMachine } from '../../daemon/doctor/machine.ts'
import type { AuthorityView, PeerView, ReachView, StatusView } from '../../daemon/http/view.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { foundSingle, temporaryFolder } from '../e2e/support/node.ts'

const gibibyte = 2 ** 30
const machine = {
  ...{ dataDir: '/d', freeBytes: 100 * gibibyte, syncMedianMs: 1, syncWorstMs: 2, cores: 4, load: 1 },
  ...{ memoryBytes: 16 * gibibyte, freeMemoryBytes: 8 * gibibyte },
}
const reach: ReachView = {
  ...{ verdict: 'public', observed: [], portsDiffer: null, confirmed: ['/ip4/45.0.0.1/tcp/7777'] },
  ...{ candidates: [], mapped: [], relayed: [], served: 0 },
}
const resources = {
  ...{ cpu: { used: 100, given: 2_000 }, memory: { used: 200, given: 4_000 } },
  ...{ disk: { used: 900, given: 9_000 }, bandwidth: { used: 10, given: 100_000 } },
}
const status = {
  ...{ number: 1, network: 'sea', version: '1.2.3', listen: ['/ip4/192.168.1.2/tcp/7777'], reach },
  ...{ clockBehindMs: 3, resources },
} as unknown as StatusView
const peer = { address: '/ip4/45.0.0.9/tcp/1', relayed: false, version: '1.2.3' } as PeerView
const queues = { input: { length: 0, dropped: 0 } }
const area = { name: 'area/0', hosted: true, leader: 1, rejoining: null, queues } as unknown as AuthorityView
const healthy = {
  version: '1.2.3',
  machine,
  node: { status, peers: [peer], authorities: [area] },
} satisfies Facts

/** What is said, as `level about`, where it is not well. */
function complaints(facts: Facts): string[] {
  const found = examine(facts).filter(({ level }) => level !== 'ok')
  for (const { what, advice } of found) assert.match(`${what} ${advice}`, /^[A-Z0-9].*[.)7]$/)
  return found.map(({ level, about }) => `${level} ${about}`)
}

const withReach = (change: Partial<ReachView>): Facts => ({
  ...healthy,
  node: { ...healthy.node, status: { ...status, reach: { ...reach, confirmed: [], ...change } } },
})
const withStatus = (change: Partial<StatusView>): Facts => ({
  ...healthy,
  node: { ...healthy.node, status: { ...status, ...change } },
})

describe('the doctor', () => {
  const folder = temporaryFolder()
  after(() => folder.remove())

  it('finds nothing wrong with a healthy node, and one thing with each sick one', () => {
    assert.deepEqual(complaints(healthy), [])
    const relayed = ['/ip4/45.0.0.1/tcp/7777/p2p/x/p2p-circuit']
    const sick: [string, Facts][] = [
      ['bad node', { ...healthy, node: undefined }],
      ['warn reach', withReach({ verdict: 'private', relayed })],
      ['bad reach', withReach({ verdict: 'private' })],
      ['warn load', withStatus({ resources: { ...resources, disk: { used: 8_500, given: 9_000 } } })],
      ['warn reach', withStatus({ listen: ['/ip4/127.0.0.1/tcp/7777'] })],
      ['warn peers', { ...healthy, node: { ...healthy.node, peers: [] } }],
      ['warn clock', withStatus({ clockBehindMs: 5_000 })],
      ['bad clock', withStatus({ clockBehindMs: -90_000 })],
      ['warn version', { ...healthy, node: { ...healthy.node, peers: [{ ...peer, version: '1.10.0' }] } }],
      ['warn version', { ...healthy, version: '1.3.0' }],
      ['bad areas', { ...healthy, node: { ...healthy.node, authorities: [{ ...area, leader: 0 }] } }],
      ['warn disk', { ...healthy, machine: { ...machine, freeBytes: 5 * gibibyte } }],
      ['bad disk', { ...healthy, machine: { ...machine, syncMedianMs: 150 } }],
      ['warn load', { ...healthy, machine: { ...machine, load: 9 } }],
      ['warn load', { ...healthy, machine: { ...machine, freeMemoryBytes: 1 } }],
    ]
    for (const [expected, facts] of sick) assert.deepEqual(complaints(facts), [expected])
    const both = withReach({ verdict: 'private', relayed, portsDiffer: true })
    assert.deepEqual(complaints(both), ['warn reach', 'warn reach'])
    const odd = { ...healthy, node: { ...healthy.node, peers: [{ ...peer, version: 'newest' }] } }
    assert.deepEqual(complaints(odd), [])
  })

  it('measures the disk and leaves nothing on it', () => {
    const measured = measureMachine(join(folder.path, 'not', 'there'))
    assert.ok(measured.freeBytes > 0 && measured.syncMedianMs > 0)
    assert.ok(
      measured.syncWorstMs >= measured.syncMedianMs && measured.memoryBytes > measured.freeMemoryBytes,
    )
  })

  it('writes a bundle without secrets, or none', () => {
    const dataDir = foundSingle(join(folder.path, 'node'))
    const keys = JSON.parse(readFileSync(dataDirFiles(dataDir).nodeKeys, 'utf8'))
    const log = join(folder.path, 'node.log')
    writeFileSync(
      log,
      `${'x'.repeat(2_000_000)}\nAuthorization: Bearer ${'Q'.repeat(40)}\n{"seed":"${keys.log}"}\nend`,
    )
    const tail = logTail(log)
    assert.ok(tail.length < 1_100_000 && tail.endsWith('end'))
    assert.ok(!tail.includes('QQQQ') && !tail.includes(keys.log))
    assert.match(bundleText(dataDir, { log: tail }), /^\{\n "format": 1/)
    const hex = Buffer.from(keys.identity, 'base64').toString('hex')
    for (const secret of [keys.vote, hex])
      assert.throws(() => bundleText(dataDir, { odd: `a${secret}b` }), /stands in it; it was not written/)
  })
})
