import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { verifyFile } from '../../audit/verify-file.ts'

const folder = join(import.meta.dirname, 'fixtures')

/** What each file of an earlier version proves: a part of its facts. */
const kept: Record<string, Record<string, string | number>> = {
  'try/mine.proof': { leaf: 135, action: 'move', seq: '42', outcome: 'ok', promisedBy: 1, decidedBy: '1 3' },
  'try/leaf-100.proof': { leaf: 100, recordKind: 'attestation', size: 304, epoch: 1 },
  'try/ida.proof': { kind: 'character', name: 'Ida', exists: 'yes', height: 23, tick: 503 },
  'try/player.proof': { character: '939dbceb709a2e54da18752c4340a33b', seq: '42', exists: 'yes' },
  'try/not-there.proof': { entity: '939dbceb709a2e54da18752c4340a33b', exists: 'no', height: 1 },
  'town/third-epoch.proof': { leaf: 5, decidedBy: '2 3', epoch: 3, signers: '3', cosigners: '1' },
}

describe('a proof of an earlier version', () => {
  const given = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path =>
    path.endsWith('.proof'),
  )

  it('is here, whatever has been written since', () => {
    assert.deepEqual(given.sort(), Object.keys(kept).sort())
  })

  for (const [path, expected] of Object.entries(kept))
    it(`still proves what it proved: ${path}`, async () => {
      const network = path.split('/')[0]!
      const { ok, facts, message } = await verifyFile({
        file: join(folder, path),
        genesis: join(folder, network, 'genesis'),
      })
      assert.ok(ok, message)
      for (const [name, value] of Object.entries(expected)) assert.equal(facts[name], value, name)
    })
})
