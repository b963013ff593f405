import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { plainLine, plainText } from '../../client/protocol/plain-text.ts'
import { freeholdHere } from './harness.ts'

/** Names the window, clears the screen, goes to its top; by an 8-bit control sequence; and a line turned around. */
const COMMANDS = '\u001b]0;owned\u0007\u001b[2J\u001b[1;1H\u009b31m\u202etxet'

describe("what a stranger's node says", () => {
  let server: Server
  let url: string
  let answers: Record<string, unknown>
  let status: number

  before(async () => {
    server = createServer((request, response) => {
      const what = request.url!.replace('/api/v1/', '')
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answers[what] ?? answers))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => server.close())

  it('tells a terminal nothing when it is an error, and no more than a sentence', async () => {
    status = 400
    answers = {
      error: { code: `x${COMMANDS}`, message: `${COMMANDS}\nfreehold: all is well${'!'.repeat(1e6)}` },
    }
    const { code, stderr } = await freeholdHere(['status', '--url', url])
    assert.equal(code, 1)
    assert.match(stderr, /^freehold: .*all is well.*…\n$/)
    assert.ok(stderr.length < 400)
    assert.equal(stderr, `${plainLine(stderr.slice(0, -1))}\n`)
  })

  it('tells a terminal nothing when it stands in a table, where each cell stays on its line', async () => {
    status = 200
    const peer = {
      ...{ number: 1, peerId: COMMANDS, address: `a\nNODE 2${COMMANDS}`, direction: 'in' },
      ...{ connectedMs: 1, roundTripMs: 1 },
    }
    answers = { peers: { peers: [peer] } }
    const { stdout } = await freeholdHere(['peers', '--url', url])
    assert.equal(stdout, plainText(stdout))
    assert.equal(stdout.split('\n').length, 3)
    const json = await freeholdHere(['peers', '--url', url, '--json'])
    assert.equal(JSON.parse(json.stdout).peers[0].address, peer.address)
    assert.doesNotMatch(json.stdout.trimEnd(), /\p{Cc}/u)
  })

  it('is shown as it is where it is text', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter(it => !/[\p{Cc}\p{Cf}\p{Z}]/u.test(it))
    fc.assert(
      fc.property(text, it => plainLine(it) === it && plainText(`${it}\n\t${it}`) === `${it}\n\t${it}`),
    )
  })
})
