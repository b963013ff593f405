import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditReport, auditAuthority } from '../../audit/audit.ts'
import { verifyFile } from '../../audit/verify-file.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { decodeTick, encodeTick } from '../../world/codec.ts'
import { exportTo, foundTown, playTown, publish, removeTown, resealed, type Town } from './support/log.ts'

describe('an auditor who remembers', function () {
  this.timeout(20_000)
  let town: Town
  let honest: LogRecord[]
  /** The log's size after each of its seals. */
  let sizes: number[]
  let runs = 0
  let memory: string

  before(() => {
    town = foundTown()
    honest = playTown(town, 500)
    sizes = honest.flatMap(({ kind }, leaf) => (kind === recordKind.seal ? [leaf + 1] : []))
  })
  beforeEach(() => {
    memory = join(town.folder, `memory-${runs++}`)
  })
  after(() => removeTown(town))

  /** @param source same name: same folder, as a node that serves first this and then that */
  async function audit(records: readonly LogRecord[], source: string): Promise<AuditReport> {
    const from = await exportTo(town, await publish(town, records), `${source}-${runs}`)
    return auditAuthority({ authority: town.origin, from, genesis: town.genesisPath, memory })
  }
  const first = (seals: number): LogRecord[] => honest.slice(0, sizes[seals - 1])
  /** The same log up to `leaf`, and another past it, signed all the same. */
  function otherPast(leaf: number, records: LogRecord[]): LogRecord[] {
    const at = records.findIndex(({ kind }, i) => i >= leaf && kind === recordKind.tick)
    const { tick, timeMs } = decodeTick(records[at]!.body)!
    const body = encodeTick({ tick, timeMs: timeMs + 1 })
    return resealed(
      town,
      records.map((record, i) => (i === at ? { ...record, body } : record)),
    )
  }
  const codes = ({ findings }: AuditReport) => findings.map(({ code }) => code)

  it('is content with a log that grew', async () => {
    for (const seals of [1, 3, 4]) assert.deepEqual(codes(await audit(first(seals), `grown-${seals}`)), [])
    assert.deepEqual(codes(await audit(first(4), 'grown-again')), [])
  })

  it('says that a source is behind another, without blaming it', async () => {
    await audit(first(4), 'ahead')
    const report = await audit(first(2), 'behind')
    assert.equal(report.ok, true)
    assert.match(report.message, new RegExp(`behind: ${sizes[3]} leaves`))
  })

  it('finds a source that has less than it had', async () => {
    await audit(first(4), 'shrinking')
    const report = await audit(first(2), 'shrinking')
    const [found] = report.findings
    // The tiles of the longer log lie there still, and are no longer part of anything.
    assert.ok(codes(report).includes('shrunken') && found !== undefined)
    const shrunken = report.findings.find(({ code }) => code === 'shrunken')!
    assert.deepEqual([shrunken.firstLeaf, shrunken.lastLeaf], [sizes[1], sizes[3]! - 1])
  })

  it('finds two faces: a longer log that is another, between the last size where both agree and the first where not', async () => {
    await audit(first(1), 'one-face')
    await audit(first(2), 'one-face-2')
    await audit(first(3), 'one-face-3')
    const report = await audit(otherPast(sizes[1]! + 5, first(4)), 'other-face')
    assert.deepEqual(codes(report), ['fork'])
    const [fork] = report.findings
    assert.deepEqual([fork!.firstLeaf, fork!.lastLeaf], [sizes[1], sizes[2]! - 1])
  })

  it('finds two faces of the same size, and in a shorter log', async () => {
    await audit(first(2), 'face')
    await audit(first(3), 'face-3')
    assert.deepEqual(codes(await audit(otherPast(10, first(3)), 'same-size')), ['fork'])
    assert.deepEqual(codes(await audit(otherPast(10, first(2)), 'shorter')), ['fork'])
  })

  it('keeps both signed checkpoints as evidence, and goes on trusting the one that it saw first', async () => {
    await audit(first(3), 'first-face')
    const report = await audit(otherPast(10, first(4)), 'second-face')
    const file = report.findings[0]!.evidence!
    const verdict = await verifyFile({ file, genesis: town.genesisPath })
    assert.equal(verdict.ok, true)
    assert.match(verdict.message, /has two faces/)
    assert.equal((await audit(first(4), 'first-face-again')).ok, true)
  })

  it('does not believe a memory that somebody changed', async () => {
    await audit(first(2), 'source')
    const path = join(memory, readdirSync(memory)[0]!)
    const text = readFileSync(path, 'utf8')
    for (const damaged of [text.replace(/\\n(\d+)\\n/, '\\n1$1\\n'), text.slice(0, 40), '[]', 'null']) {
      writeFileSync(path, damaged)
      await assert.rejects(audit(first(3), 'source'), { code: 'bad-memory' })
    }
  })
})
