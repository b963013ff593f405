import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { auditAuthority } from '../../../audit/audit.ts'
import { type ExportFormat, exportAuthority } from '../../../audit/export/export.ts'
import { restoreLog } from '../../../audit/export/restore.ts'
import { parseCertificate } from '../../../audit/verify/certificate.ts'
import { formatLinks } from '../../../client/protocol/proof-file.ts'
import { type LogRecord, recordKind } from '../../../storage/log/record.ts'
import { isMoving, positionAt } from '../../../world/codec.ts'
import { certify, decidedTown, founders } from '../support/decided.ts'
import { exportTo, newReplica, publish, removeTown, serveHttp, type Town } from '../support/log.ts'

const formats: readonly ExportFormat[] = ['json', 'sqlite']

describe('an export of a log', function () {
  this.timeout(30_000)
  let town: Town
  let records: readonly LogRecord[]
  let certificate: Uint8Array
  let folder: string

  before(async () => {
    const { records: played, ...decided } = decidedTown(700)
    ;({ town, certificate } = decided)
    records = played
    folder = await exportTo(town, await publish(town, records, 0, certificate), 'log')
  })
  after(() => removeTown(town))

  const path = (name: string) => join(town.folder, name)

  function exportAs(format: ExportFormat, name: string, from = folder) {
    return exportAuthority({
      authority: 'area/0000',
      from,
      genesis: town.genesisPath,
      file: path(name),
      format,
    })
  }

  for (const format of formats) {
    it(`as ${format} holds every record, and what is restored from it is the same log, byte by byte`, async () => {
      const report = await exportAs(format, `all.${format}`)
      assert.ok(report.ok, report.message)
      const dir = path(`restored-${format}`)
      const restored = await restoreLog({ file: path(`all.${format}`), genesis: town.genesisPath, dir })
      assert.deepEqual(restored, { origin: town.origin, size: records.length, dir })
      const filesOf = (root: string) => readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
      assert.deepEqual(filesOf(dir), filesOf(folder))
      for (const file of filesOf(dir)) {
        if (statSync(join(dir, file)).isDirectory()) continue
        assert.ok(readFileSync(join(dir, file)).equals(readFileSync(join(folder, file))), file)
      }
      const audited = await auditAuthority({ authority: 'area/0000', from: dir, genesis: town.genesisPath })
      assert.deepEqual(
        audited,
        await auditAuthority({ authority: 'area/0000', from: folder, genesis: town.genesisPath }),
      )
    })
  }

  it('as json can be read: players, actions and outcomes stand in it in words', async () => {
    await exportAs('json', 'words.json')
    const lines = readFileSync(path('words.json'), 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.equal(lines.length, 1 + records.length)
    const move = lines.find(line => line.input?.action.kind === 'move')
    assert.match(move.input.player, /^[0-9a-f]{64}$/)
    assert.equal(move.outcome.seq, move.input.seq)
    assert.equal(
      lines.filter(line => line.kind === 'input').length,
      records.filter(it => it.kind === recordKind.input).length,
    )
  })

  it('as sqlite tells in one query where an entity was between two times', async () => {
    await exportAs('sqlite', 'where.sqlite')
    const db = new DatabaseSync(path('where.sqlite'), { readOnly: true })
    const query = db.prepare(
      'SELECT * FROM whereabouts WHERE entity = ? AND from_ms < ? AND coalesce(to_ms, 9e15) > ? ORDER BY from_ms, from_tick',
    )
    // Held against a replica that is asked after each record.
    const replica = newReplica(town)
    let [checked, moving] = [0, 0]
    for (const record of records) {
      replica.applyRecords([record], [])
      const world = replica.area!
      if (world.timeMs === 0 || checked > 3_000) continue
      for (const { id, kind, motion } of world.entities()) {
        if (kind === 'resource') continue
        const rows = query.all(id, world.timeMs + 1, world.timeMs - 1) as Record<string, number>[]
        const { xMm, yMm } = positionAt(motion, world.tick)
        const row = rows.find(
          it =>
            it['x_mm'] === motion.xMm && it['y_mm'] === motion.yMm && it['from_tick'] === motion.sinceTick,
        )
        assert.ok(row !== undefined, `${id} at tick ${world.tick}`)
        const between = (at: number, a: number, b: number) => at >= Math.min(a, b) && at <= Math.max(a, b)
        assert.ok(between(xMm, row['x_mm']!, row['to_x_mm']!) && between(yMm, row['y_mm']!, row['to_y_mm']!))
        checked++
        if (isMoving(motion)) moving++
      }
    }
    assert.ok(checked > 500 && moving > 50)
    const seals = db.prepare('SELECT count(*) AS n, max(height) AS height FROM seals').get()!
    assert.equal(seals['n'], seals['height'])
    assert.ok(Number(seals['n']) > 3)
    const players = db.prepare("SELECT count(DISTINCT player) AS n FROM records WHERE kind = 'input'").get()!
    assert.ok(Number(players['n']) > 3)
    const plan = db
      .prepare('EXPLAIN QUERY PLAN SELECT * FROM whereabouts WHERE entity = ? AND from_ms < ?')
      .all('x', 1)
    assert.match(JSON.stringify(plan), /courses_by_entity/)
    db.close()
  })

  for (const format of formats) {
    it(`as ${format} is not made of a log that is not in order, nor of half a log`, async () => {
      const damaged = await exportTo(town, await publish(town, records), `damaged-${format}`)
      const file = join(damaged, 'log', town.origin, 'bodies/000')
      const bytes = readFileSync(file)
      bytes[900]! ^= 1
      writeFileSync(file, bytes)
      assert.equal((await exportAs(format, `none.${format}`, damaged)).ok, false)
      assert.equal(existsSync(path(`none.${format}`)), false)
      await assert.rejects(exportAs(format, `nowhere.${format}`, path('nowhere')), { code: 'unreachable' })
      assert.equal(existsSync(path(`nowhere.${format}.partial`)), false)
    })
  }

  for (const format of formats) {
    it(`as ${format} leaves nothing behind when it is broken off, at whatever record`, async () => {
      for (const at of [0, 300]) {
        const until = new AbortController()
        const { url, server } = await serveHttp({
          ...(await publish(town, records)),
          refuses: asked => {
            if (asked.endsWith(at === 0 ? 'checkpoint' : 'bodies/001')) until.abort()
            return false
          },
        })
        const file = path(`broken-${at}.${format}`)
        const options = { authority: 'area/0000', from: url, genesis: town.genesisPath, file, format }
        await assert.rejects(exportAuthority({ ...options, until: until.signal }), {
          code: 'broken-off',
          message: 'Broken off: nothing was written.',
        })
        server.close()
        assert.deepEqual(
          readdirSync(town.folder).filter(name => name.startsWith(`broken-${at}.${format}`)),
          [],
        )
      }
    })
  }

  it('is not restored when a record of it was changed, left out or moved', async () => {
    await exportAs('json', 'whole.json')
    const lines = readFileSync(path('whole.json'), 'utf8').trimEnd().split('\n')
    const refused = async (changed: readonly string[]) => {
      writeFileSync(path('changed.json'), `${changed.join('\n')}\n`)
      const options = { file: path('changed.json'), genesis: town.genesisPath, dir: path('never') }
      await assert.rejects(restoreLog(options), { code: 'bad-backup' })
      assert.equal(existsSync(join(path('never'), 'log', town.origin, 'checkpoint')), false)
    }
    await refused(lines.slice(0, -1))
    await refused(lines.filter((_, i) => i !== 50))
    await refused(lines.map((line, i) => (i === 50 ? lines[51]! : line)))
    await refused(lines.map((line, i) => (i === 50 ? line.replace(/"salt":"./, '"salt":"/') : line)))
    await refused(lines.map((line, i) => (i === 0 ? line.replace(/\\n— .*\\n/, '\\n— x AAAA\\n') : line)))
    const { seal } = parseCertificate(certificate)!
    for (const other of [
      certify({ ...seal, size: seal.size + 1 }, founders(town)),
      certify(seal, founders(town), { signers: 1 }),
    ]) {
      const certificates = formatLinks({ activations: [], certificate: other })
      await refused([JSON.stringify({ ...JSON.parse(lines[0]!), certificates }), ...lines.slice(1)])
    }
    await refused(['{}'])
    await refused(['not json'])
    await refused([])
  })
})
