import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { type AuditReport, auditAuthority } from '../../audit/audit.ts'
import { exportTo, foundTown, playTown, publish, removeTown, type Town } from './support/log.ts'

const leaves = 700

describe('an exported log', function () {
  this.timeout(30_000)
  let town: Town
  let folder: string
  let files: string[]

  before(async () => {
    town = foundTown()
    folder = await exportTo(town, await publish(town, playTown(town, leaves)), 'export')
    files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(path => statSync(join(folder, path)).isFile())
      .sort()
  })
  after(() => removeTown(town))

  const audit = () => auditAuthority({ authority: 'area/0000', from: folder, genesis: town.genesisPath })
  const inLog = (path: string) => join(folder, 'log', town.origin, path)

  /** Changes one file for as long as the audit takes. */
  async function auditWith(path: string, change: (bytes: Buffer) => Buffer): Promise<AuditReport> {
    const whole = readFileSync(join(folder, path))
    writeFileSync(join(folder, path), change(Buffer.from(whole)))
    try {
      return await audit()
    } finally {
      writeFileSync(join(folder, path), whole)
    }
  }

  it('is in order as the node wrote it, with every record replayed and every sealed root met', async () => {
    const report = await audit()
    assert.deepEqual(report.findings, [])
    assert.equal(report.ok, true)
    assert.equal(report.records, report.size)
    assert.ok(report.size >= leaves && report.inputs > leaves / 4)
    assert.ok(report.sealedRoots >= 3 && report.sealedRoots === report.lastHeight)
    assert.ok(report.message.split('\n').every(line => line.length <= 80))
  })

  it('with any one bit flipped names the file, and the leaf or the tile hash that it hit', async () => {
    const damage = fc.record({
      file: fc.nat({ max: files.length - 1 }),
      at: fc.double({ min: 0, max: 0.999999, noNaN: true }),
      bit: fc.nat({ max: 7 }),
    })
    await fc.assert(
      fc.asyncProperty(damage, async ({ file, at, bit }) => {
        const path = files[file]!
        let offset = 0
        let hit: [number, number] = [0, 0]
        const report = await auditWith(path, bytes => {
          offset = Math.floor(at * bytes.length)
          hit = leavesAt(path, bytes, offset)
          bytes[offset]! ^= 1 << bit
          return bytes
        })
        assert.equal(report.ok, false)
        assert.equal(report.findings.length, 1, report.message)
        const [found] = report.findings
        assert.equal(found!.file, path, report.message)
        assert.ok(report.message.includes(path))
        if (path.endsWith('checkpoint')) return
        assert.deepEqual([found!.firstLeaf, found!.lastLeaf], hit, `byte ${offset}: ${report.message}`)
      }),
      { numRuns: 130, examples: files.map((_, file) => [{ file, at: 0.3, bit: 3 }]) },
    )
  })

  it('names every file that is missing, and what of the log was in it', async () => {
    for (const path of files) {
      if (path === 'genesis.json') continue
      renameSync(join(folder, path), join(town.folder, 'away'))
      const report = await audit().catch(error => error as Error & { code: string })
      renameSync(join(town.folder, 'away'), join(folder, path))
      if (path.endsWith('checkpoint')) {
        assert.ok(report instanceof Error && report.code === 'not-found')
      } else {
        assert.ok(!(report instanceof Error))
        assert.deepEqual([...new Set(report.findings.map(finding => finding.file))], [path], report.message)
      }
    }
  })

  it('names a file that was cut short, or that goes on', async () => {
    for (const path of files) {
      for (const change of [
        (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2)),
        (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')]),
      ]) {
        const report = await auditWith(path, change)
        assert.deepEqual([...new Set(report.findings.map(finding => finding.file))], [path], report.message)
      }
    }
  })

  it('goes on being replayed when only a copy is damaged, and stops where a record is', async () => {
    const whole = await audit()
    const tile = await auditWith(`log/${town.origin}/tile/0/001`, flipAt(40))
    assert.equal(tile.records, whole.size)
    assert.equal(tile.sealedRoots, whole.sealedRoots)
    const entry = await auditWith(`log/${town.origin}/tile/entries/001`, flipAt(3))
    assert.equal(entry.records, whole.size)
    const body = await auditWith(`log/${town.origin}/bodies/001`, flipAt(3))
    assert.equal(body.records, 256)
    assert.match(body.message, /ended before leaf 256/)
  })

  it('with two of its three copies gone is found so, and its signer is not blamed', async () => {
    const memory = join(town.folder, 'memory')
    const remembering = () =>
      auditAuthority({ authority: 'area/0000', from: folder, genesis: town.genesisPath, memory })
    assert.equal((await remembering()).ok, true)
    const gone = ['tile/entries/001', 'tile/0/001']
    for (const path of gone) renameSync(inLog(path), inLog(`${path}.away`))
    const report = await remembering()
    for (const path of gone) renameSync(inLog(`${path}.away`), inLog(path))
    assert.deepEqual(
      report.findings.filter(({ code }) => code !== 'extra-file').map(({ code, file }) => [code, file]),
      gone.map(path => ['missing-file', `log/${town.origin}/${path}`]),
    )
    assert.equal((await remembering()).ok, true)
  })

  it('names a file that does not belong', async () => {
    writeFileSync(inLog('tile/0/900'), 'x')
    const report = await audit()
    rmSync(inLog('tile/0/900'))
    assert.deepEqual(
      report.findings.map(({ code, file }) => [code, file]),
      [['extra-file', `log/${town.origin}/tile/0/900`]],
    )
  })

  it('may keep partial tiles of a time when it was shorter, if they were its beginning', async () => {
    const tile = readFileSync(inLog('tile/0/001'))
    mkdirSync(inLog('tile/0/001.p'))
    writeFileSync(inLog('tile/0/001.p/9'), tile.subarray(0, 9 * 32))
    assert.equal((await audit()).ok, true)
    writeFileSync(inLog('tile/0/001.p/9'), flipAt(35)(Buffer.from(tile.subarray(0, 9 * 32))))
    const report = await audit()
    rmSync(inLog('tile/0/001.p'), { recursive: true })
    assert.deepEqual(
      report.findings.map(({ file, firstLeaf, lastLeaf }) => [file, firstLeaf, lastLeaf]),
      [[`log/${town.origin}/tile/0/001.p/9`, 256, 264]],
    )
  })

  it('without its bodies is not called in order, as nothing could be replayed', async () => {
    renameSync(inLog('bodies'), join(town.folder, 'bodies-away'))
    const report = await audit()
    renameSync(join(town.folder, 'bodies-away'), inLog('bodies'))
    assert.deepEqual(
      report.findings.map(({ code }) => code),
      ['bodies-withheld'],
    )
  })

  it('does not make the auditor throw, whatever stands in its files', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: files.length - 1 }),
        fc.uint8Array({ maxLength: 4000 }),
        async (i, junk) => {
          const report = await auditWith(files[i]!, () => Buffer.from(junk))
          assert.equal(report.ok, false)
          assert.deepEqual([...new Set(report.findings.map(finding => finding.file))], [files[i]])
        },
      ),
      { numRuns: 40 },
    )
  })
})

function flipAt(offset: number): (bytes: Buffer) => Buffer {
  return bytes => {
    bytes[offset]! ^= 1
    return bytes
  }
}

/** The leaves that a byte of a file is about. */
function leavesAt(path: string, bytes: Buffer, offset: number): [number, number] {
  const [, section, index] =
    /\/(bodies|tile\/entries|tile\/0|tile\/1)\/(\d{3})(?:\.p\/\d+)?$/.exec(path) ?? []
  if (section === undefined) return [0, 0]
  const first = 256 * Number(index)
  if (section === 'tile/1') {
    const tile = first + Math.floor(offset / 32)
    return [tile * 256, tile * 256 + 255]
  }
  if (section === 'tile/0') return both(first + Math.floor(offset / 32))
  if (section === 'tile/entries') return both(first + Math.floor(offset / 38))
  let leaf = first
  for (let at = 0; ; leaf++) {
    at += 20 + bytes.readUInt32BE(at + 16)
    if (offset < at) return both(leaf)
  }
}

function both(leaf: number): [number, number] {
  return [leaf, leaf]
}
