import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  exportTo,
  foundTown,
  playTown,
  publish,
  removeTown,
  type Served,
  serveHttp,
  type Town,
} from '../audit/support/log.ts'
import { freehold } from './harness.ts'

describe('freehold audit and verify', function () {
  this.timeout(30_000)
  let town: Town
  let served: Served
  let folder: string
  let common: string[]

  before(async () => {
    town = foundTown()
    served = await publish(town, playTown(town, 300))
    folder = await exportTo(town, served, 'export')
    common = ['--genesis', town.genesisPath, '--data-dir', join(town.folder, 'auditor'), '--json']
  })
  after(() => removeTown(town))

  const audit = (from: string, ...more: string[]) =>
    freehold(['audit', 'area/0000', '--from', from, ...common, ...more])

  it('end with 0 when all is in order, with one line of JSON', async () => {
    const { url, server } = await serveHttp(served)
    const [byFolder, byHttp] = await Promise.all([audit(folder), audit(url)])
    server.close()
    for (const { code, stdout, stderr } of [byFolder, byHttp]) {
      assert.equal(code, 0, stderr)
      const report = JSON.parse(stdout) as Record<string, unknown>
      assert.deepEqual([report['ok'], report['findings'], report['size']], [true, [], report['records']])
    }
    const given = join(town.folder, 'given')
    writeFileSync(given, (await served.published.proof(5))!)
    assert.equal((await freehold(['verify', given, ...common])).code, 0)
  })

  it('end with 3 and name the file and the leaf when a bit is flipped', async () => {
    const path = `log/${town.origin}/bodies/000`
    const bytes = readFileSync(join(folder, path))
    const damaged = Buffer.from(bytes)
    damaged[3]! ^= 1
    writeFileSync(join(folder, path), damaged)
    const { code, stdout } = await freehold([
      ...['audit', 'area/0000', '--from', folder, '--genesis', town.genesisPath],
      ...['--data-dir', join(town.folder, 'auditor-2')],
    ])
    writeFileSync(join(folder, path), bytes)
    assert.equal(code, 3)
    assert.match(stdout, /NOT in order/)
    assert.ok(stdout.includes(`${path}\n  leaf 0:`), stdout)
    const given = join(town.folder, 'given')
    writeFileSync(given, (await served.published.checkpoint())!.replace(/\n\d+\n/, '\n7\n'))
    assert.equal((await freehold(['verify', given, ...common])).code, 3)
  })

  it('end with 69 when nobody answers, and with 78 without a genesis file that can be trusted', async () => {
    const { url, server } = await serveHttp(served)
    await new Promise(resolve => server.close(resolve))
    const away = await audit(url)
    assert.equal(away.code, 69)
    assert.match(away.stderr, /^freehold: No node answers at http:[^\n]*\n$/)
    const bad = join(town.folder, 'bad.json')
    writeFileSync(bad, '{}')
    const refused = await audit(folder, '--genesis', bad)
    assert.equal(refused.code, 78)
    assert.match(refused.stderr, /^freehold: The genesis file [^\n]*\n$/)
    rmSync(bad)
    assert.equal(
      (await freehold(['verify', town.genesisPath, '--genesis', bad, '--data-dir', town.folder])).code,
      78,
    )
  })
})
