import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditReport, auditAuthority } from '../../audit/audit.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { exportTo, foundTown, playTown, publish, removeTown, type Town } from './support/log.ts'

describe('an audit that goes on where one ended', function () {
  this.timeout(30_000)
  let town: Town
  let records: LogRecord[]
  let early: string
  let late: string
  let whole: AuditReport

  before(async () => {
    town = foundTown()
    records = playTown(town, 500)
    const firstHalf = records.slice(
      0,
      records.findIndex((it, i) => i > 250 && it.kind === recordKind.seal) + 1,
    )
    early = await exportTo(town, await publish(town, firstHalf), 'early')
    late = await exportTo(town, await publish(town, records), 'late')
    whole = await audit(late)
  })
  after(() => removeTown(town))

  function audit(from: string, memory?: string): Promise<AuditReport> {
    const options = { authority: 'area/0000', from, genesis: town.genesisPath, standEveryLeaves: 50 }
    return auditAuthority({ ...options, memory: memory && join(town.folder, memory) })
  }
  const standOf = (memory: string): string =>
    join(town.folder, memory, `${encodeURIComponent(town.origin)}.stand`)

  function changeStand(
    memory: string,
    change: (stand: { program: string; counts: { records: number }; state: string[][] }) => void,
  ) {
    const stand = JSON.parse(readFileSync(standOf(memory), 'utf8'))
    change(stand)
    writeFileSync(standOf(memory), `${JSON.stringify(stand)}\n`)
  }

  it('finds what an audit of all of it finds', async () => {
    assert.equal((await audit(early, 'going-on')).ok, true)
    assert.deepEqual(await audit(late, 'going-on'), whole)
  })

  it('replays only what came since', async () => {
    await audit(early, 'since')
    changeStand('since', stand => (stand.counts.records += 1_000_000))
    const report = await audit(late, 'since')
    assert.equal(report.ok, true)
    assert.equal(report.records, whole.records + 1_000_000, 'what was replayed before was counted before')
  })

  it('tells how far one may be broken off and gone on with', async () => {
    const kept: number[] = []
    const options = { authority: 'area/0000', from: late, genesis: town.genesisPath, standEveryLeaves: 50 }
    const auditing = () =>
      auditAuthority({
        ...{ ...options, memory: join(town.folder, 'told') },
        onKept: leaves => {
          assert.equal(JSON.parse(readFileSync(standOf('told'), 'utf8')).size, leaves, 'it is on the disk')
          kept.push(leaves)
        },
      })
    await auditing()
    assert.ok(kept.length > 3 && kept.every((leaves, i) => i === 0 || leaves >= kept[i - 1]! + 50))
    const last = kept.splice(0).at(-1)
    await auditing()
    assert.equal(kept[0], last)
  })

  it('begins anew where another version of this program left the state, which may have seen less', async () => {
    await audit(early, 'other-version')
    changeStand('other-version', stand => {
      stand.program = '00'.repeat(8)
      stand.counts.records += 1_000_000
    })
    assert.deepEqual(await audit(late, 'other-version'), whole)
  })

  it('accuses nobody by a state that was changed on the own disk, but begins anew', async () => {
    await audit(early, 'changed')
    changeStand('changed', ({ state }) => {
      const entry = state.at(-1)!
      const value = Buffer.from(entry[1]!, 'base64')
      value[value.length - 1]! ^= 1
      entry[1] = value.toString('base64')
    })
    assert.deepEqual(await audit(late, 'changed'), whole)
    for (const text of ['', '{}', 'null', '{"rules":1}']) {
      writeFileSync(standOf('changed'), text)
      assert.deepEqual(await audit(late, 'changed'), whole)
    }
  })
})
