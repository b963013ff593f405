import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { formatTwoFaces } from '../../daemon/evidence/two-faces.ts'
import { fakeRoot, Town } from '../checkpoints/support.ts'
import { freehold } from './harness.ts'

describe('freehold evidence get', function () {
  this.timeout(20_000)
  let town: Town
  let server: Server
  let url: string
  let proof: string

  before(async () => {
    town = new Town()
    const [older, newer] = [1, 2].map(seed => town.sign(2, town.origins[0]!, 9, fakeRoot(seed)))
    proof = formatTwoFaces({ older: older!, newer: newer!, path: [] })
    const evidence = [{ id: '9f3c0b7a51d2e846', kind: 'two-faces', accused: [2], signers: [2] }]
    server = createServer((request, response) =>
      response.end(request.url!.includes('?id=') ? proof : JSON.stringify({ evidence })),
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.close()
    town.remove()
  })

  it('says how to verify what it has written, in a command that can be copied', async () => {
    const folder = join(town.folder, "an auditor's")
    mkdirSync(folder)
    const genesis = join(folder, 'genesis.json')
    writeFileSync(genesis, town.genesis.bytes)
    for (const [i, named] of [
      ['--genesis', genesis],
      ['--data-dir', folder],
    ].entries()) {
      const file = join(folder, `${i}.evidence`)
      const { code, stdout, stderr } = await freehold([
        'evidence',
        'get',
        '9f3c',
        file,
        '--url',
        url,
        ...named,
      ])
      assert.equal(code, 0, stderr)
      const [, hint] = /^Verify it: freehold (.*)\n$/.exec(stdout)!
      const words = hint!.replaceAll("'\\''", '\0').match(/'[^']*'|\S+/g)!
      const verified = await freehold(words.map(word => word.replaceAll("'", '').replaceAll('\0', "'")))
      assert.equal(verified.code, 0, verified.stderr)
      assert.match(verified.stdout, /^Proven: /)
    }
  })
})

describe('freehold evidence add', function () {
  this.timeout(20_000)
  let town: Town
  before(() => {
    town = new Town()
    writeFileSync(join(town.folder, 'genesis.json'), town.genesis.bytes)
  })
  after(() => town.remove())

  it('puts a proof where the node of the data directory takes it from, and nothing that proves nothing', async () => {
    const [older, newer] = [1, 2].map(seed => town.sign(2, town.origins[0]!, 9, fakeRoot(seed)))
    const add = async (text: string) => {
      const file = join(town.folder, 'given')
      writeFileSync(file, text)
      return await freehold(['evidence', 'add', file, '--data-dir', town.folder])
    }
    const proof = formatTwoFaces({ older: older!, newer: newer!, path: [] })
    const { code, stdout, stderr } = await add(proof)
    assert.equal(code, 0, stderr)
    const [name] = readdirSync(join(town.folder, 'evidence'))
    assert.match(stdout, new RegExp(`${name}\nA running node takes it`))
    assert.equal(readFileSync(join(town.folder, 'evidence', name!), 'utf8'), proof)

    const refused = await add(formatTwoFaces({ older: older!, newer: older!, path: [] }))
    assert.equal(refused.code, 3)
    assert.match(refused.stderr, /proves no lie: .*do not contradict each other/)
    assert.deepEqual(readdirSync(join(town.folder, 'evidence')), [name])
  })
})
