import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatTwoFaces } from '../../daemon/evidence/two-faces.ts'
import { fakeRoot, Town } from '../checkpoints/support.ts'
import { freehold } from './harness.ts'

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
