import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatKept } from '../../audit/log/kept.ts'
import { parseLinks } from '../../client/protocol/proof-file.ts'
import { createMetrics } from '../../daemon/metrics/metrics.ts'
import { exposeNode } from '../../daemon/metrics/node-metrics.ts'
import { fakeEntity, fakeEvidence, fakeLeaf, fakeNode, LEAVES, ORIGIN } from './fake-node.ts'
import { type Served, serve } from './harness.ts'

describe('the HTTP API', () => {
  let served: Served
  let pageDir: string

  before(async () => {
    pageDir = mkdtempSync(join(tmpdir(), 'freehold-page-'))
    mkdirSync(join(pageDir, 'assets'))
    writeFileSync(join(pageDir, 'index.html'), '<!doctype html><title>map</title>')
    writeFileSync(join(pageDir, 'assets', 'main-a1B2c3D4.js'), 'export {}')
    writeFileSync(join(pageDir, '.secret'), 'no')
    served = await serve({ pageDir })
    exposeNode(served.metrics, fakeNode())
  })
  after(async () => {
    await served.server.close()
    rmSync(pageDir, { recursive: true, force: true })
  })

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${served.server.url}${path}`, { headers })
  const bytes = async (response: Response) => Buffer.from(await response.arrayBuffer())

  it('says that it lives, and whether it is ready and why not', async () => {
    assert.equal((await get('/livez')).status, 200)
    assert.deepEqual(await (await get('/readyz')).json(), { ready: true, reasons: [] })
    const starting = await serve({ view: fakeNode({ notReady: () => ['No leader for area/0000.'] }) })
    try {
      const response = await fetch(`${starting.server.url}/readyz`)
      assert.equal(response.status, 503)
      assert.deepEqual(await response.json(), { ready: false, reasons: ['No leader for area/0000.'] })
      assert.equal((await fetch(`${starting.server.url}/livez`)).status, 200)
    } finally {
      await starting.server.close()
    }
  })

  it('shows what the node knows', async () => {
    const node = fakeNode()
    for (const [path, expected] of [
      ['status', node.status()],
      ['nodes', { nodes: node.nodes() }],
      ['peers', { peers: node.peers() }],
      ['authorities', { authorities: node.authorities() }],
      ['evidence', { evidence: node.evidence() }],
      ['config', { maxSessions: 7 }],
    ] as const) {
      const response = await get(`/api/v1/${path}`)
      assert.equal(response.headers.get('cache-control'), 'no-store')
      assert.deepEqual(await response.json(), expected)
    }
    assert.equal(await (await get('/api/v1/genesis')).text(), '{"format":1}\n')
  })

  it('looks up one authority without putting together what it knows of all: a node has thousands', async () => {
    const authorities = () => assert.fail('all authorities were put together')
    const large = await serve({ view: fakeNode({ authorities }) })
    try {
      const of = `authority=${ORIGIN}`
      const id = '0'.repeat(32)
      const paths = [
        'proof?leaf=0',
        'certificate?',
        'activations?',
        'leaves?',
        `entity?id=${id}`,
        `state-proof?id=${id}`,
      ]
      for (const path of paths) {
        const response = await fetch(`${large.server.url}/api/v1/${path}&${of}`)
        assert.equal(response.status, 200, path)
        await response.arrayBuffer()
      }
    } finally {
      await large.server.close()
    }
  })

  it('gives evidence as the file that it is', async () => {
    const response = await get(`/api/v1/evidence?id=${fakeEvidence.id}`)
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(await response.text(), 'freehold.evidence/v1 two-faces\n')
    assert.equal((await get(`/api/v1/evidence?id=${'f'.repeat(16)}`)).status, 404)
    assert.equal((await get('/api/v1/evidence?id=x')).status, 400)
  })

  it('serves a log as C2SP tlog-tiles: types, caching, full and partial tiles', async () => {
    const checkpoint = await get(`/log/${ORIGIN}/checkpoint`)
    assert.equal(checkpoint.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(checkpoint.headers.get('cache-control'), 'no-store')
    assert.ok((await checkpoint.text()).startsWith(`${ORIGIN}\n${LEAVES}\n`))

    const full = await get(`/log/${ORIGIN}/tile/0/000`)
    assert.equal(full.headers.get('content-type'), 'application/octet-stream')
    assert.match(full.headers.get('cache-control')!, /immutable/)
    assert.deepEqual(await bytes(full), Buffer.alloc(256 * 32, 0))
    assert.deepEqual(await bytes(await get(`/log/${ORIGIN}/tile/0/001.p/44`)), Buffer.alloc(44 * 32, 1))

    const entries = await bytes(await get(`/log/${ORIGIN}/tile/entries/001.p/2`))
    assert.deepEqual(
      entries,
      Buffer.concat([Buffer.of(0, 36), fakeLeaf(256), Buffer.of(0, 36), fakeLeaf(257)]),
    )
    const bodies = await get(`/log/${ORIGIN}/bodies/001.p/2`)
    assert.equal(bodies.headers.get('cache-control'), 'no-store')
    assert.equal((await bytes(bodies)).length, 2 * 23)
    assert.equal(await (await get(`/log/${ORIGIN}/charter`)).text(), '{"kind":"area"}')
  })

  it('has nothing where a log has nothing', async () => {
    for (const path of [
      `${ORIGIN}/tile/0/001`,
      `${ORIGIN}/tile/0/001.p/45`,
      `${ORIGIN}/tile/0/x001/000`,
      `${ORIGIN}/tile/0/x000/001`,
      `${ORIGIN}/tile/0/0`,
      `${ORIGIN}/tile/00/000`,
      `${ORIGIN}/tile/64/000`,
      `${ORIGIN}/tile/0/000.p/0`,
      `${ORIGIN}/tile/0/000.p/256`,
      `${ORIGIN}/tile/0/-01`,
      `${ORIGIN}/tile/0/x999/x999/x999/x999/x999/x999/999`,
      `${ORIGIN}/else`,
      'sea/area/0009/0/checkpoint',
      '%2e%2e/checkpoint',
      '',
    ]) {
      const response = await get(`/log/${path}`)
      assert.equal(response.status, 404, path)
      assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'not-found', path)
    }
  })

  it('gives the newest final certificate of an authority, as bytes', async () => {
    const response = await get('/api/v1/certificate?authority=area/0000')
    assert.equal(response.headers.get('content-type'), 'application/octet-stream')
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.equal(await response.text(), 'a certificate')
    assert.equal((await get('/api/v1/certificate?authority=area/0001')).status, 404)
    assert.equal(await (await get('/api/v1/certificate?authority=area/0000&leaf=7')).text(), 'over leaf 7')
    assert.equal((await get(`/api/v1/certificate?authority=area/0000&leaf=${LEAVES}`)).status, 404)
    assert.equal((await get('/api/v1/certificate')).status, 400)
  })

  it('proves a leaf that is under the checkpoint, and says so when it is not yet', async () => {
    const proof = await get('/api/v1/proof?authority=area/0000&leaf=7')
    assert.equal(proof.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.match(await proof.text(), /^c2sp.org\/tlog-proof@v1\nindex 7\n/)
    const answers: [string, number, RegExp][] = [
      [`authority=${ORIGIN}&leaf=300`, 404, /not under the checkpoint yet/],
      ['authority=area/0001&leaf=0', 404, /no replica of area\/0001; ask node 1, 2/],
      ['authority=area/0009&leaf=0', 404, /no authority area\/0009/],
      ['authority=area/0000', 400, /leaf/],
      ['authority=area/0000&leaf=-1', 400, /leaf: must be a whole number/],
      ['authority=area/0000&leaf=1e3', 400, /whole number/],
      ['authority=area/0000&leaf=7&x=1', 400, /x/],
      ['authority=area/0000&authority=area/0001&leaf=7', 400, /authority/],
    ]
    for (const [query, status, message] of answers) {
      const response = await get(`/api/v1/proof?${query}`)
      assert.equal(response.status, status, query)
      assert.match(((await response.json()) as { error: { message: string } }).error.message, message)
    }
  })

  it('shows an entity as its owner has it, and marks what is only as this node has it', async () => {
    const id = 'ab'.repeat(16)
    const player = 'cd'.repeat(32)
    const read = async (query: string) => (await get(`/api/v1/entity?authority=area/0000&${query}`)).json()
    const at = { size: LEAVES + 5, tick: 1234 }
    const none = { entity: null, bytes: null }
    assert.deepEqual(await read(`id=${id}`), { consistency: 'linearizable', by: 'quorum', ...at, ...none })
    assert.deepEqual(await read(`id=${id}&consistency=local`), {
      ...{ consistency: 'local', by: null },
      ...at,
      ...none,
    })
    const seen = (await read(`player=${player}`)) as { entity: { kind: string }; bytes: string }
    assert.equal(seen.entity.kind, 'structure')
    assert.deepEqual(Buffer.from(seen.bytes, 'base64'), Buffer.from(fakeEntity))
    const answers: [string, number, RegExp][] = [
      [`authority=area/0001&id=${id}&consistency=local`, 404, /no replica of area\/0001; ask node 1, 2/],
      [`authority=area/0009&id=${id}`, 404, /no authority area\/0009/],
      ['authority=area/0000', 400, /either id or player/],
      [`authority=area/0000&id=${id}&player=${player}`, 400, /either id or player/],
      ['authority=area/0000&id=AB', 400, /id: must be 32/],
      [`authority=area/0000&id=${id}&consistency=stale`, 400, /consistency/],
    ]
    for (const [query, status, message] of answers) {
      const response = await get(`/api/v1/entity?${query}`)
      assert.equal(response.status, status, query)
      assert.match(((await response.json()) as { error: { message: string } }).error.message, message)
    }
  })

  it('proves what the state had at a final seal, and says why when it does not', async () => {
    const id = 'ab'.repeat(16)
    const path = `/api/v1/state-proof?authority=area/0000`
    const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64')
    const proven = { path: base64('a path'), certificate: base64('a certificate') }
    assert.deepEqual(await (await get(`${path}&id=${id}`)).json(), { value: base64(fakeEntity), ...proven })
    const player = await (await get(`${path}&player=${'cd'.repeat(32)}`)).json()
    assert.deepEqual(player, { value: null, ...proven })
    const answers: [string, number, RegExp][] = [
      [`${path}&id=${id}&height=6`, 409, /newest final seal is held: height 7/],
      [`${path}&id=${id}&height=8`, 503, /ask again/],
      [`/api/v1/state-proof?authority=area/0001&id=${id}`, 404, /no replica of area\/0001/],
      [path, 400, /either id or player/],
      [`${path}&id=${id}&height=-1`, 400, /height: must be a whole number/],
    ]
    for (const [query, status, message] of answers) {
      const response = await get(query)
      assert.equal(response.status, status, query)
      assert.match(((await response.json()) as { error: { message: string } }).error.message, message)
    }
  })

  it('lists leaves across bundles with what is public of them', async () => {
    type Leaves = { size: number; leaves: { index: number }[] }
    const answer = (await (
      await get('/api/v1/leaves?authority=area/0000&from=250&limit=10')
    ).json()) as Leaves
    assert.equal(answer.size, LEAVES)
    assert.deepEqual(
      answer.leaves.map(leaf => leaf.index),
      [250, 251, 252, 253, 254, 255, 256, 257, 258, 259],
    )
    assert.deepEqual(answer.leaves[6], {
      ...{ index: 256, kind: 3, kindName: 'input', rulesVersion: 1, bodyHash: '00'.repeat(32) },
      ...{ bodyBytes: 3, dropped: false },
    })
    const end = (await (await get('/api/v1/leaves?authority=area/0000&from=295&limit=1000')).json()) as Leaves
    assert.equal(end.leaves.length, 5)
    assert.equal((await get('/api/v1/leaves?authority=area/0000&limit=1001')).status, 400)
  })

  it('says of bodies that were dropped that they were, and where they begin', async () => {
    const kept = fakeNode().log(ORIGIN)!
    const bodies = async () => undefined
    const log = { ...kept, bodies, bodiesFrom: async (leaf: number) => Math.max(leaf, 270) }
    const bare = await serve({ view: fakeNode({ log: () => log }) })
    try {
      const response = await fetch(`${bare.server.url}/log/${ORIGIN}/bodies/000`)
      assert.equal(response.status, 410)
      const { error } = (await response.json()) as { error: { code: string; bodiesFrom: number } }
      assert.equal(error.code, 'dropped')
      assert.equal(error.bodiesFrom, 270)
      assert.equal((await fetch(`${bare.server.url}/log/${ORIGIN}/bodies/001.p/44`)).status, 410)
      assert.equal((await fetch(`${bare.server.url}/log/${ORIGIN}/bodies/007`)).status, 404)
    } finally {
      await bare.server.close()
    }
  })

  it('says what it keeps of a log, and serves states and certificates below it, as files that can be mirrored', async () => {
    const text = async (path: string) => await (await get(`/log/${ORIGIN}/${path}`)).text()
    assert.equal(await text('kept'), formatKept({ bodiesFrom: 0, snapshots: [256] }))
    assert.equal(await text('snapshot/256/manifest'), 'piece manifest')
    assert.equal(await text('snapshot/256/12'), 'piece 12')
    const bytes = (word: string) => new Uint8Array(Buffer.from(word))
    assert.deepEqual(parseLinks(await text('certificates')), {
      activations: [bytes('an activation')],
      certificate: bytes('a certificate'),
    })
    for (const path of ['snapshot/255/manifest', 'snapshot/256/01', 'snapshot/0/0', 'snapshot/256', 'kept/0'])
      assert.equal((await get(`/log/${ORIGIN}/${path}`)).status, 404, path)
    const hidden = await serve({ view: fakeNode({ discloses: () => false }) })
    try {
      const statusOf = async (path: string) =>
        (await fetch(`${hidden.server.url}/log/${ORIGIN}/${path}`)).status
      assert.deepEqual(await Promise.all(['snapshot/256/0', 'snapshot/9/manifest', 'kept'].map(statusOf)), [
        ...[403, 403],
        200,
      ])
    } finally {
      await hidden.server.close()
    }
  })

  it('reads no bundle and no body for a list of leaves', async () => {
    const log = { ...fakeNode().log(ORIGIN)! }
    log.entries = log.bodies = async () => assert.fail('a whole bundle was read')
    const bare = await serve({ view: fakeNode({ log: () => log }) })
    try {
      const answer = await fetch(`${bare.server.url}/api/v1/leaves?authority=area/0000&from=7&limit=2`)
      const { leaves } = (await answer.json()) as { leaves: { index: number; bodyBytes: number }[] }
      assert.deepEqual(
        leaves.map(({ index, bodyBytes }) => [index, bodyBytes]),
        [
          [7, 3],
          [8, 3],
        ],
      )
    } finally {
      await bare.server.close()
    }
  })

  it('serves the page and nothing beside it', async () => {
    const page = await get('/')
    assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.match(
      page.headers.get('content-security-policy')!,
      /script-src 'self';.*connect-src 'self' http: https: ws:/,
    )
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
    const again = await get('/index.html', { 'if-none-match': page.headers.get('etag')! })
    assert.equal(again.status, 304)
    assert.match((await get('/assets/main-a1B2c3D4.js')).headers.get('cache-control')!, /immutable/)
    for (const path of ['/.secret', '/assets/', '/assets/../.secret', '/..%2f..%2fetc/passwd', '/%2e%2e/x']) {
      assert.equal((await get(path)).status, 404, path)
    }
  })

  it("lets any page verify a log, and only the network's own pages read the API", async () => {
    const origins: [string, string, string | null][] = [
      [`/log/${ORIGIN}/checkpoint`, 'https://auditor.example', '*'],
      ['/api/v1/status', 'https://auditor.example', null],
      ['/api/v1/status', 'http://127.0.0.1:9', 'http://127.0.0.1:9'],
      ['/api/v1/status', 'http://localhost:1', 'http://localhost:1'],
      ['/api/v1/status', 'http://192.0.2.7:7302', 'http://192.0.2.7:7302'],
      ['/api/v1/status', 'http://192.0.2.8:7302', null],
      ['/api/v1/status', 'http://127.0.0.1.example.org', null],
      ['/api/v1/status', 'null', null],
      ['/metrics', 'http://127.0.0.1:9', null],
    ]
    for (const [path, origin, allowed] of origins) {
      const response = await get(path, { origin })
      assert.equal(response.headers.get('access-control-allow-origin'), allowed, `${origin} ${path}`)
    }
  })

  it('looks at all authorities once for each scrape of the metrics, and anew at the next', async () => {
    const metrics = createMetrics({ process: false })
    const node = fakeNode()
    let looks = 0
    exposeNode(metrics, {
      ...node,
      authorities: () => {
        looks++
        return node.authorities().map(authority => ({ ...authority, term: looks }))
      },
    })
    const [first, second] = [await metrics.text(), await metrics.text()]
    assert.equal(looks, 2)
    const term = /^freehold_authority_term\{.*\} (\d+)$/m
    assert.deepEqual([term.exec(first)?.[1], term.exec(second)?.[1]], ['1', '2'])
  })

  it('shows the metrics in the format of Prometheus, by its conventions', async () => {
    served.metrics.observe('commit', 0.003)
    served.metrics.count('gateway_inputs_total')
    served.metrics.count('network_malformed', { where: 'raft' })
    const response = await get('/metrics')
    assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    for (const line of [
      'freehold_ready 1',
      'freehold_gateway_inputs_total 1',
      'freehold_network_malformed_total{where="raft"} 1',
      'freehold_authority_leaves{authority="area/0000"} 305',
      'freehold_authority_queue_length{authority="area/0000",queue="input"} 2',
      'freehold_commit_seconds_count 1',
      '# TYPE freehold_commit_seconds histogram',
    ]) {
      assert.ok(text.includes(`${line}\n`), line)
    }
    assert.ok(!text.includes('area/0001'), 'an authority that is not hosted here has no numbers here')
    const silent = await serve({ serveMetrics: false })
    assert.equal((await fetch(`${silent.server.url}/metrics`)).status, 404)
    await silent.server.close()
  })
})
