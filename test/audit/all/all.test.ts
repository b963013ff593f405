import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { auditAll } from '../../../audit/all/all.ts'
import { auditAuthority } from '../../../audit/audit.ts'
import { parseGenesis } from '../../../audit/genesis.ts'
import { verifyBytes } from '../../../audit/verify-file.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import { publishDropped } from '../support/dropped.ts'
import {
  exportTo,
  foundTown,
  playTown,
  publish,
  removeTown,
  type Served,
  serveHttp,
  type Town,
} from '../support/log.ts'

describe('an audit of everything', function () {
  this.timeout(60_000)
  let town: Town
  let records: LogRecord[]
  let [whole, shorter, damaged] = ['', '', '']
  let runs = 0
  const servers: Server[] = []

  before(async () => {
    town = foundTown()
    records = playTown(town, 500)
    const seals = records.flatMap(({ kind }, leaf) => (kind === 7 ? [leaf + 1] : []))
    whole = await exportTo(town, await publish(town, records.slice(0, seals.at(-1))), 'whole')
    shorter = await exportTo(town, await publish(town, records.slice(0, seals.at(-3)), 1), 'shorter')
    damaged = await exportTo(town, await publish(town, records.slice(0, seals.at(-3)), 2), 'damaged')
    const file = join(damaged, 'log', town.origin, 'bodies/000')
    const bytes = readFileSync(file)
    bytes[2_000]! ^= 1
    writeFileSync(file, bytes)
  })
  after(() => {
    for (const server of servers) server.close()
    removeTown(town)
  })

  function audit(
    from: string[],
    options: { everyCopy?: boolean; memory?: string; until?: AbortSignal } = {},
  ) {
    const told: string[] = []
    return auditAll({
      ...{ from, genesis: town.genesisPath, everyCopy: options.everyCopy ?? false, threads: 2 },
      memory: options.memory ?? join(town.folder, `memory-${++runs}`),
      onProgress: line => told.push(line),
      until: options.until ?? new AbortController().signal,
    }).then(report => ({ ...report, told }))
  }

  it('replays the largest copy of each log, and is content with others that are behind', async () => {
    const report = await audit([shorter, whole])
    assert.ok(report.ok, report.message)
    assert.deepEqual(
      report.logs.map(({ source }) => source.includes('whole')),
      [true],
    )
    assert.match(report.message, /^Everything is in order\.\n1 of 1 logs/)
    assert.ok(report.told.includes('1 of 1 logs'))
  })

  it('finds what is wrong with any copy when every copy is replayed', async () => {
    assert.equal((await audit([whole, damaged])).wrong, false)
    const report = await audit([whole, damaged], { everyCopy: true })
    assert.deepEqual([report.ok, report.wrong, report.logs.length], [false, true, 2])
    assert.match(report.message, /damaged[\s\S]*wrong|damaged[\s\S]*not the one/)
  })

  it('does not do again what was finished and in order, but looks again at what was wrong', async () => {
    const memory = join(town.folder, 'memory-resumed')
    await audit([whole, damaged], { memory, everyCopy: true })
    const again = await audit([whole, damaged], { memory, everyCopy: true })
    assert.deepEqual(
      again.logs.map(({ before, report }) => [before, report.ok]),
      [
        [true, true],
        [false, false],
      ],
    )
  })

  it('looks again at what another version of this program found in order, and says so', async () => {
    const memory = join(town.folder, 'memory-other-version')
    await audit([whole], { memory })
    const file = join(memory, 'finished.json')
    const kept = JSON.parse(readFileSync(file, 'utf8'))
    for (const program of [undefined, '00'.repeat(8)]) {
      kept.finished = kept.finished.map(({ source, report }: { source: string; report: object }) => {
        return { source, ...(program && { program }), report }
      })
      writeFileSync(file, `${JSON.stringify(kept)}\n`)
      const again = await audit([whole], { memory })
      assert.deepEqual([again.ok, again.logs[0]!.before], [true, false])
      assert.match(again.told.join('\n'), /1 log was found in order by another version of this program/)
      const third = await audit([whole], { memory })
      assert.deepEqual([third.logs[0]!.before, third.told.join()], [true, ''])
    }
  })

  it('takes bodies that one source has dropped from another, and says of what nobody has that it was not replayed', async () => {
    const long = playTown(town, 900)
    const copied = async (name: string, log: Served) => await exportTo(town, log, name)
    const dropped = await copied('dropped', await publishDropped(town, long, 512))
    const behind = long.findIndex(({ kind }, leaf) => leaf > 600 && kind === 7) + 1
    const complete = await copied('complete', await publish(town, long.slice(0, behind)))
    const memory = join(town.folder, 'memory-filled')
    const alone = await audit([dropped], { memory })
    assert.ok(alone.ok && alone.logs[0]!.report.replayedFrom > 512, alone.message)
    assert.match(alone.message, /was replayed from leaf \d+ on;/)
    const filled = await audit([dropped, complete], { memory })
    assert.ok(filled.ok, filled.message)
    const { report, before, source } = filled.logs[0]!
    assert.deepEqual([report.replayedFrom, report.records, before], [0, long.length, false])
    assert.match(source, /dropped$/)
    const again = await audit([dropped], { memory })
    assert.deepEqual([again.logs[0]!.before, again.logs[0]!.report.replayedFrom], [true, 0])
  })

  it('does not blame a log for what another source says that it has of it, and names that source', async () => {
    const long = playTown(town, 900)
    const dropped = await publishDropped(town, long, 512)
    const complete = await publish(town, long, 1)
    const promising = (bodies: Uint8Array | undefined): Served => ({
      ...complete,
      async read(path) {
        if (path.endsWith('/kept')) return Buffer.from('freehold.kept/v1\nbodies 0\n')
        return path.includes('/bodies/') ? bodies : complete.read(path)
      },
    })
    const served = [dropped, promising(undefined), promising(Buffer.alloc(30_000, 1)), complete]
    const network = await Promise.all(served.map(serveHttp))
    servers.push(...network.map(({ server }) => server))
    const [honest, empty, junk, whole] = network.map(({ url }) => url)
    const folder = await exportTo(town, dropped, 'dropped-too')
    const [authority, genesis] = ['area/0000', town.genesisPath]
    for (const from of [honest!, folder]) {
      const alone = await auditAuthority({ authority, from, genesis })
      for (const liar of [empty!, junk!]) {
        const report = await auditAuthority({ authority, from, fillFrom: [liar], genesis })
        assert.deepEqual([report.findings, report.replayedFrom], [[], alone.replayedFrom])
        assert.match(report.notes.join(), new RegExp(`^${liar} says that it has the bodies`))
      }
      const filled = await auditAuthority({ authority, from, fillFrom: [empty!, junk!, whole!], genesis })
      assert.deepEqual([filled.findings, filled.replayedFrom], [[], 0])
    }
    const all = await audit([honest!, junk!])
    assert.ok(all.ok)
    assert.ok(all.message.includes(`${town.origin}: ${junk} says that`), all.message)
  })

  it('can be broken off', async () => {
    const report = await audit([whole], { until: AbortSignal.abort() })
    assert.deepEqual([report.ok, report.wrong, report.ended, report.logs.length], [false, false, true, 0])
    assert.match(report.message, /^Broken off: nothing wrong was found so far\.\n0 of the logs are in order/)
  })

  it('finds sources that show two faces, and leaves evidence that proves itself', async () => {
    const other = records.map((record, leaf) =>
      leaf === 100 ? { ...record, salt: new Uint8Array(16) } : record,
    )
    const liar = await exportTo(town, await publish(town, other, 1), 'liar')
    const report = await audit([whole, liar])
    assert.equal(report.wrong, true)
    const faces = report.sightings.find(({ kind }) => kind === 'two-faces')
    assert.ok(faces !== undefined && 'file' in faces)
    const genesis = parseGenesis(town.genesis.bytes, 'genesis.json')
    assert.ok((await verifyBytes(readFileSync(faces.file), genesis)).ok)
  })

  it('says which logs no source has', async () => {
    const report = await audit([join(town.folder)])
    assert.deepEqual([report.ok, report.wrong, report.missing], [false, false, ['area/0000']])
  })
})
