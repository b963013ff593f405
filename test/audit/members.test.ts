import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditReport, auditAuthority } from '../../audit/audit.ts'
import { type ExportFormat, exportAuthority } from '../../audit/export/export.ts'
import { restoreLog } from '../../audit/export/restore.ts'
import { decodeSeal, encodeSeal } from '../../daemon/authority/bodies.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { certify, decidedSeal, founders } from './support/decided.ts'
import {
  exportTo,
  foundTown,
  newReplica,
  playTown,
  publish,
  removeTown,
  resealed,
  type Town,
} from './support/log.ts'

describe('an audit of a log whose members have changed', function () {
  this.timeout(30_000)
  const nextMembers = [1, 2]
  let town: Town
  /** Its last seal ends the epoch. */
  let records: LogRecord[]
  let ending: Uint8Array
  /** Over what was decided a seal before. */
  let decidedBefore: Uint8Array
  let folder: string

  before(async () => {
    town = foundTown()
    const played = resealed(town, playTown(town, 300))
    const last = played.at(-1)!
    records = [
      ...played.slice(0, -1),
      { ...last, body: encodeSeal({ ...decodeSeal(last.body)!, nextMembers }) },
    ]
    const seal = records.findLastIndex(
      ({ kind }, leaf) => kind === recordKind.seal && leaf < records.length - 1,
    )
    const voters = nextMembers.map(node => ({ node, key: town.nodes[node - 1]!.vote.publicKey }))
    decidedBefore = decided(records.slice(0, seal + 1))
    ending = decided(records, { nextEpoch: 2, nextMembers: voters })
    folder = await exportTo(town, await publish(town, records, 0, ending), 'changed')
  })
  after(() => removeTown(town))

  function decided(log: readonly LogRecord[], change?: Parameters<typeof decidedSeal>[2]): Uint8Array {
    const replica = newReplica(town)
    replica.applyRecords(log, [])
    return certify(decidedSeal(town, replica.lastSeal!, change), founders(town))
  }

  function audit(from: string): Promise<AuditReport> {
    return auditAuthority({ authority: 'area/0000', from, genesis: town.genesisPath })
  }

  it('finds it in order by the certificate that ended the epoch, and has nothing to note', async () => {
    const { findings, notes, decidedSize } = await audit(folder)
    assert.deepEqual([findings, notes, decidedSize], [[], [], records.length])
  })

  for (const format of ['json', 'sqlite'] satisfies ExportFormat[]) {
    it(`finds the same in what was exported as ${format} and brought back`, async () => {
      const [file, dir] = [join(town.folder, `changed.${format}`), join(town.folder, `back-${format}`)]
      const genesis = town.genesisPath
      await exportAuthority({ authority: 'area/0000', from: folder, genesis, file, format })
      await restoreLog({ file, genesis, dir })
      assert.deepEqual(await audit(dir), await audit(folder))
      const certificates = join('log', town.origin, 'certificates')
      assert.deepEqual(readFileSync(join(dir, certificates)), readFileSync(join(folder, certificates)))
    })
  }

  it('blames nobody for a change that was decided after the certificates were read', async () => {
    const earlier = await exportTo(town, await publish(town, records, 0, decidedBefore), 'earlier')
    const { findings, decidedSize } = await audit(earlier)
    assert.deepEqual(findings, [])
    assert.ok(decidedSize > 0 && decidedSize < records.length)
  })

  it('blames nobody where no decision is shown, and says what it did not look at', async () => {
    const older = await exportTo(town, await publish(town, records, 0, ending), 'older')
    rmSync(join(older, 'log', town.origin, 'certificates'))
    const { findings, notes } = await audit(older)
    assert.deepEqual(findings, [])
    assert.match(notes.join(), /No decision of the members is known/)
  })
})
