import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { formatTwoFaces, parseTwoFaces } from '../../audit/evidence.ts'
import { parseGenesis } from '../../audit/genesis.ts'
import { verifyBytes } from '../../audit/verify-file.ts'
import { checkpointSigner } from '../../daemon/hosting/log-view.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { signNote } from '../../storage/log/note.ts'
import { foundTown, removeTown, type Town } from './support/log.ts'

describe('evidence of a log with two faces', () => {
  let town: Town

  before(() => {
    town = foundTown()
  })
  after(() => removeTown(town))

  function signed(size: number, fill: number, signer = 0): string {
    const root = new Uint8Array(32).fill(fill)
    const text = formatCheckpoint({ origin: town.origin, size, root, extensions: [] })
    return signNote(text, [checkpointSigner(town.origin, town.nodes[signer]!.log)])
  }

  const verify = (text: string) =>
    verifyBytes(
      Buffer.from(text),
      parseGenesis(new Uint8Array(readFileSync(town.genesisPath)), 'genesis.json'),
    )

  it('proves by itself what was signed, and by whom', async () => {
    const verdict = await verify(formatTwoFaces({ older: signed(9, 1), newer: signed(9, 2, 1), path: [] }))
    assert.ok(verdict.ok, verdict.message)
    assert.equal(verdict.facts['newerSize'], 9)
    assert.deepEqual([verdict.facts['olderSigners'], verdict.facts['newerSigners']], ['1', '2'])
  })

  it('accuses nobody by two checkpoints that do not contradict, or that no member signed', async () => {
    const stranger = foundTown()
    const other = signNote(`${signed(9, 2).split('\n\n')[0]!}\n`, [
      checkpointSigner(town.origin, stranger.nodes[0]!.log),
    ])
    removeTown(stranger)
    const pairs = [
      [signed(9, 1), signed(9, 1, 1)],
      [signed(9, 1), signed(8, 2)],
      [signed(9, 1), other],
    ]
    for (const [first, second] of pairs)
      assert.equal((await verify(formatTwoFaces({ older: first!, newer: second!, path: [] }))).ok, false)
  })

  it('has one form', () => {
    const text = formatTwoFaces({ older: signed(9, 1), newer: signed(9, 2), path: [] })
    assert.ok(parseTwoFaces(text))
    for (const bent of [`${text}\n`, text.slice(0, -1), text.replace('v1', 'v2'), text.replace('\n', '\r\n')])
      assert.equal(parseTwoFaces(bent), undefined)
  })
})
