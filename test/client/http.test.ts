import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { httpSource, IMPATIENT } from '../../audit/source/http.ts'
import { NodeApi } from '../../cli/node-api.ts'
import { browserPorts } from '../../client/map/model/poller.ts'
import { askHttp, type HttpAnswer } from '../../client/protocol/http.ts'
import { nodeSource } from '../../client/sdk/node-source.ts'
import { isReady } from '../../testnet/local/api.ts'

const limits = { timeoutMs: 5_000, maxBytes: 1_000 }
const mebibyte = 1024 * 1024

describe('what a stranger answers over HTTP', function () {
  this.timeout(20_000)
  let server: Server
  let root: string
  let answer: (response: ServerResponse) => void
  /** Bytes that the stranger could get rid of. */
  let takenBytes = 0

  before(async () => {
    server = createServer((_request, response) => answer(response))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const says = (body: string, status = 200, headers: Record<string, string> = {}): void => {
    answer = response => response.writeHead(status, headers).end(body)
  }
  function endless(response: ServerResponse): void {
    takenBytes = 0
    const part = Buffer.alloc(mebibyte, 0x20)
    const more = (): void => {
      while (!response.destroyed && response.write(part)) takenBytes += part.length
      if (!response.destroyed) takenBytes += part.length
    }
    response.on('drain', more).on('error', () => {})
    more()
  }
  const failure = (asking: Promise<unknown>): Promise<string> =>
    asking.then(
      () => 'nothing went wrong',
      (error: Error) => error.message,
    )

  it('is read up to its limit and no further', async () => {
    says('x'.repeat(1_000))
    const whole = await askHttp(root, limits)
    assert.deepEqual([whole.status, whole.body.length, whole.isWhole], [200, 1_000, true])
    says('x'.repeat(1_001))
    const longer = await askHttp(root, limits)
    assert.deepEqual([longer.body.length, longer.isWhole], [1_001, false])
    answer = endless
    const most = await askHttp(root, limits)
    assert.deepEqual([most.body.length, most.isWhole], [1_001, false])
    assert.ok(takenBytes < 16 * mebibyte, `${takenBytes} bytes`)
  })

  it('is waited for until its last byte, and no longer than is said', async () => {
    answer = response => void response.writeHead(200).write('x')
    assert.equal(await failure(askHttp(root, { ...limits, timeoutMs: 100 })), 'no answer within 0.1 s')
    answer = () => {}
    assert.equal(await failure(askHttp(root, { ...limits, timeoutMs: 100 })), 'no answer within 0.1 s')
  })

  it('comes from there and from nowhere else', async () => {
    says('', 302, { location: `${root}/elsewhere` })
    assert.equal(await failure(askHttp(root, limits)), 'unexpected redirect')
    const closed = createServer()
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise(resolve => closed.close(resolve))
    assert.equal(await failure(askHttp(`http://127.0.0.1:${port}`, limits)), 'ECONNREFUSED')
  })

  it('says how long to wait in seconds; what cannot be read is one', async () => {
    const waits: HttpAnswer[] = []
    for (const said of ['1', '86400', 'tomorrow', '-1', '']) {
      says('', 429, { 'retry-after': said })
      waits.push(await askHttp(root, limits))
    }
    assert.deepEqual(
      waits.map(({ status, retryAfterMs }) => [status, retryAfterMs]),
      [1000, 86_400_000, 1000, 1000, 1000].map(ms => [429, ms]),
    )
  })

  /** Everything in the program that asks a node, and what it says of one that never ends. */
  const askers: Record<string, [() => Promise<unknown>, RegExp]> = {
    'the commands': [() => new NodeApi(root).bytes('log/x/checkpoint'), /more than 32 MiB/],
    'the SDK': [() => nodeSource(root).bytes('log/x/checkpoint'), /more than 32 MiB/],
    'the map': [() => browserPorts.fetchJson(`${root}/api/v1/nodes`, 5_000), /answered 200/],
    'a testnet': [() => isReady(root).then(ready => assert.ok(ready)), /falsy/],
    'an audit': [
      async () => assert.equal((await httpSource(root, IMPATIENT).read('log/x/checkpoint', 99))?.length, 99),
      /100 !== 99/,
    ],
  }
  for (const [who, [ask, says]] of Object.entries(askers)) {
    it(`fills no memory of ${who}, however much it is`, async () => {
      answer = endless
      assert.match(await failure(ask()), says)
      assert.ok(takenBytes < 64 * mebibyte, `${takenBytes} bytes`)
    })
  }

  it('is in one sentence where it is no node: another program, another form, a refusal', async () => {
    const api = new NodeApi(root)
    says('<html>')
    assert.equal(await failure(api.json('status')), `${root} is no node: its answer is not the JSON of one.`)
    says('null')
    assert.equal(await failure(api.json('status')), `${root} is no node: its answer is not the JSON of one.`)
    says('{}')
    assert.equal(await failure(api.list('peers')), `${root} is no node: its answer has no peers.`)
    says('null', 500)
    assert.equal(await failure(api.json('status')), 'The node answered 500.')
    says('{"error":{"code":7,"message":["x"]}}', 400)
    assert.equal(await failure(api.json('status')), 'The node answered 400.')
    says('{"error":{"code":"busy","message":"Ask again."}}', 400)
    assert.equal(await failure(api.json('status')), 'Ask again.')
  })

  it('is nothing where there is nothing, or nothing yet', async () => {
    says('', 404)
    assert.equal(await new NodeApi(root).bytes('x'), undefined)
    assert.equal(await nodeSource(root).bytes('x'), undefined)
    says('', 503)
    assert.equal(await nodeSource(root).bytes('x'), undefined)
  })

  it('is asked for again soon, however long it says that it has too much to do', async () => {
    let asked = 0
    answer = response => {
      if (++asked === 1) response.writeHead(429, { 'retry-after': '86400' }).end()
      else response.end('at last')
    }
    const startMs = performance.now()
    assert.equal(Buffer.from((await nodeSource(root).bytes('x'))!).toString(), 'at last')
    assert.ok(performance.now() - startMs < 4_000)
  })
})
