import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeGrant } from '../../daemon/disclosure/grant.ts'
import {
  type GrantEntry,
  maxGrants,
  readGrants,
  WithdrawnGrants,
  writeGrants,
} from '../../daemon/disclosure/grants.ts'
import { freeholdHere } from '../cli/harness.ts'

const dayMs = 24 * 3600 * 1000
const serialOf = (number: number): string => number.toString(16).padStart(32, '0')

/** The later ones expire first. */
function entryOf(number: number, withdrawn: boolean): GrantEntry {
  const expiresAtMs = Date.now() + dayMs + (maxGrants - number) * 1_000
  return {
    serial: serialOf(number),
    origin: 'sea/org/guild/0',
    member: 1,
    recipient: '',
    expiresAtMs,
    withdrawn,
  }
}

describe('a list of grants that is full', () => {
  let dir: string
  let list: string
  let file: string

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-grants-'))
    list = join(dir, 'grants.json')
    file = join(dir, 'foreign.grant')
    const expiresAtMs = Date.now() + dayMs
    const grant = {
      member: 2,
      expiresAtMs,
      serial: new Uint8Array(16).fill(255),
      signature: new Uint8Array(64),
    }
    writeFileSync(file, Buffer.from(encodeGrant(grant)).toString('base64'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  const fill = (withdrawn: (number: number) => boolean): void =>
    writeGrants(
      list,
      Array.from({ length: maxGrants }, (_, number) => entryOf(number, withdrawn(number))),
    )
  const remove = (which: string) => freeholdHere(['grant', 'remove', which, '--data-dir', dir])
  const isWithdrawn = (serial: string): boolean =>
    new WithdrawnGrants(list, error => assert.fail(error)).has(Buffer.from(serial, 'hex'))

  it("takes in another member's grant that is removed, for a good one that expires first", async () => {
    fill(number => number < 10 || number > 4_000)
    const { code, stderr } = await remove(file)
    assert.equal(code, 0, stderr)
    assert.match(stderr, /The list is full: 000000000000 is on it no more/)
    assert.equal(readGrants(list).length, maxGrants)
    assert.ok(isWithdrawn('ff'.repeat(16)))
    for (const number of [0, 9, 4_001, maxGrants - 1]) assert.ok(isWithdrawn(serialOf(number)))
    assert.ok(!readGrants(list).some(({ serial }) => serial === serialOf(4_000)))
    assert.equal((await freeholdHere(['grant', 'list', '--data-dir', dir])).code, 0)
  })

  it('lets no removed grant become good again for another: that is refused, and the list stays', async () => {
    fill(() => true)
    const { code, stderr } = await remove(file)
    assert.equal(code, 1)
    assert.match(stderr, /At most 4096 removed grants are remembered/)
    assert.equal(readGrants(list).length, maxGrants)
    assert.ok(isWithdrawn(serialOf(0)))
    assert.ok(!isWithdrawn('ff'.repeat(16)))
  })

  it('has its own grants removed as ever', async () => {
    fill(number => number > 0)
    const { code, stderr } = await remove(serialOf(0))
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stderr, /full/)
    assert.ok(isWithdrawn(serialOf(0)))
  })
})
