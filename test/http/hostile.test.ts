import assert from 'node:assert/strict'
import { connect } from 'node:net'
import * as fc from 'fast-check'
import { fakeNode } from './fake-node.ts'
import { type Served, sendRaw, serve } from './harness.ts'

describe('the HTTP API under attack', () => {
  let served: Served
  beforeEach(async () => {
    served = await serve()
  })
  afterEach(() => served.server.close())

  async function stillServes(): Promise<void> {
    assert.equal((await fetch(`${served.server.url}/livez`)).status, 200)
  }

  async function refuses(request: string | Uint8Array, status: number, code: string): Promise<void> {
    const answer = await sendRaw(served.port, request)
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), `${status} ${code}: ${answer.slice(0, 300)}`)
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
    assert.equal(body.error.code, code)
    assert.ok(body.error.message.length > 5)
    assert.equal(await served.metrics.counted('http_refused', { code }), 1)
    await stillServes()
  }

  const request = (line: string, ...headers: string[]) =>
    [line, 'Host: 127.0.0.1', ...headers, '', ''].join('\r\n')

  it('answers what is not HTTP with an error and closes', () =>
    refuses('\x16\x03\x01\x02garbage\r\n\r\n', 400, 'not-http'))
  it('refuses an unknown method', () => refuses(request('FOO / HTTP/1.1'), 400, 'not-http'))
  it('refuses to be written to', () =>
    refuses(request('DELETE /api/v1/status HTTP/1.1'), 405, 'method-not-allowed'))
  const post = (length: number | string, ...headers: string[]) =>
    request('POST /api/v1/directory/commands HTTP/1.1', `Content-Length: ${length}`, ...headers)
  it('refuses a command from a page, whoever served it', () =>
    refuses(post(0, `Origin: ${served.server.url}`), 403, 'not-from-here'))
  it('refuses a command that is too long by its announced length', () =>
    refuses(post(99_999_999), 413, 'too-long'))
  it('refuses a command of no length', () =>
    refuses(
      request('POST /api/v1/directory/commands HTTP/1.1', 'Transfer-Encoding: chunked'),
      411,
      'length-required',
    ))
  it('refuses what is no command', () =>
    refuses(`${post(2, 'Content-Type: text/plain', 'Connection: close')}{}`, 400, 'bad-command'))
  it('takes nothing elsewhere', () =>
    refuses(request('POST /api/v1/directory HTTP/1.1', 'Content-Length: 2'), 405, 'method-not-allowed'))
  it('refuses rare methods alike', () => refuses(request('PROPFIND / HTTP/1.1'), 405, 'method-not-allowed'))
  it('refuses a long URL', () => refuses(request(`GET /${'a'.repeat(2000)} HTTP/1.1`), 414, 'url-too-long'))
  it('refuses large headers', () =>
    refuses(request('GET / HTTP/1.1', `X-A: ${'a'.repeat(20_000)}`), 431, 'headers-too-large'))
  it('refuses a body by its announced length, without reading it', () =>
    refuses(request('GET /livez HTTP/1.1', 'Content-Length: 99999999999'), 413, 'body-not-allowed'))
  it('refuses a chunked body', () =>
    refuses(
      `${request('GET /livez HTTP/1.1', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      413,
      'body-not-allowed',
    ))
  it('refuses two lengths (request smuggling)', () =>
    refuses(request('GET /livez HTTP/1.1', 'Content-Length: 0', 'Content-Length: 5'), 400, 'not-http'))
  it('refuses a foreign name for a loopback address (DNS rebinding)', () =>
    refuses('GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n', 421, 'foreign-host'))
  it('refuses broken percent-encoding', () =>
    refuses(request('GET /api/v1/%zz HTTP/1.1', 'Connection: close'), 400, 'bad-request'))

  it('ends a request whose headers never come', async function () {
    this.timeout(12_000)
    const answer = await sendRaw(served.port, 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow:', 10_000)
    assert.match(answer, /^HTTP\/1\.1 408 /)
    assert.equal(await served.metrics.counted('http_refused', { code: 'request-timeout' }), 1)
    await stillServes()
  })

  it('slows an address down that asks too much, and says for how long', async () => {
    let nowMs = 0
    const limited = await serve({ rate: { perSecond: 1, burst: 3 }, nowMs: () => nowMs })
    try {
      const get = () => fetch(`${limited.server.url}/livez`)
      const statuses = [(await get()).status, (await get()).status, (await get()).status]
      const refused = await get()
      assert.deepEqual(statuses, [200, 200, 200])
      assert.equal(refused.status, 429)
      assert.equal(refused.headers.get('retry-after'), '1')
      assert.equal(await limited.metrics.counted('http_refused', { code: 'too-many-requests' }), 1)
      nowMs = 1100
      assert.equal((await get()).status, 200)
    } finally {
      await limited.server.close()
    }
  })

  it('survives whatever bytes are thrown at it', async function () {
    this.timeout(10_000)
    const raw = fc.uint8Array({ minLength: 1, maxLength: 300 })
    const line = fc
      .string({ unit: 'binary', maxLength: 60 })
      .map(path => Buffer.from(`GET /${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`))
    await fc.assert(
      fc.asyncProperty(fc.oneof(raw, line), async bytes => {
        await new Promise<void>(resolve => {
          const socket = connect(served.port, '127.0.0.1', () => socket.end(bytes))
          socket.on('error', () => {})
          socket.on('data', () => {})
          socket.on('close', () => resolve())
        })
      }),
      { numRuns: 150 },
    )
    await stillServes()
  })

  it('answers an error of the node itself without its details, and counts it', async () => {
    const broken = await serve({
      view: fakeNode({
        status: () => {
          throw new Error('secret detail')
        },
      }),
    })
    try {
      const response = await fetch(`${broken.server.url}/api/v1/status`)
      assert.equal(response.status, 500)
      assert.ok(!(await response.text()).includes('secret'))
      assert.equal(await broken.metrics.counted('http_failed'), 1)
    } finally {
      await broken.server.close()
    }
  })

  it('keeps the number of series bounded, whatever the labels', async () => {
    for (let i = 0; i < 1000; i++) served.metrics.count('refused', { code: `made-up-${i}` })
    const lines = (await served.metrics.text())
      .split('\n')
      .filter(text => text.startsWith('freehold_refused_total{'))
    assert.equal(lines.length, 201)
    assert.ok(lines.includes('freehold_refused_total{code="other"} 800'))
  })

  it('closes at once although connections are open', async () => {
    const idle = connect(served.port, '127.0.0.1')
    await new Promise(resolve => idle.once('connect', resolve))
    idle.on('error', () => {})
    const startedMs = performance.now()
    await served.server.close()
    assert.ok(performance.now() - startedMs < 1000)
    idle.destroy()
  })
})
