import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { type AuditReport, auditAuthority } from '../../audit/audit.ts'
import { exportAuthority } from '../../audit/export/export.ts'
import { verifyFile } from '../../audit/verify-file.ts'
import { decodeSeal, encodeSeal } from '../../daemon/authority/bodies.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { decodeTick, encodeTick } from '../../world/codec.ts'
import { certify, decidedSeal, founders } from './support/decided.ts'
import { type DroppedLog, publishDropped } from './support/dropped.ts'
import {
  exportTo,
  foundTown,
  newReplica,
  playTown,
  publish,
  removeTown,
  resealed,
  type Served,
  serveHttp,
  sha256,
  type Town,
} from './support/log.ts'

const dropTo = 512

describe('a log whose old bodies nobody has', function () {
  this.timeout(60_000)
  let town: Town
  let honest: LogRecord[]
  let served: DroppedLog
  const servers: Server[] = []
  let folders = 0

  before(async () => {
    town = foundTown()
    honest = playTown(town, 1000)
    served = await publishDropped(town, honest, dropTo)
  })
  after(() => {
    for (const server of servers) server.close()
    removeTown(town)
  })

  async function audit(
    log: Served,
    memory?: string,
    of = town,
    authority = 'area/0000',
  ): Promise<AuditReport> {
    const { url, server } = await serveHttp(log)
    servers.push(server)
    const from = { authority, from: url, genesis: of.genesisPath, standEveryLeaves: 100 }
    return auditAuthority({ ...from, memory: memory && join(town.folder, memory) })
  }
  const codes = ({ findings }: AuditReport): string[] => [...new Set(findings.map(({ code }) => code))]
  const first = (log: DroppedLog): number => log.snapshots[0]!

  /** Time turned back in the first tick at or behind `from`, and all seals made anew. */
  function lieAt(from: number): { lie: number; records: LogRecord[] } {
    const lie = honest.findIndex(({ kind }, leaf) => leaf >= from && kind === recordKind.tick)
    const { tick, timeMs } = decodeTick(honest[lie]!.body)!
    const body = encodeTick({ tick: Math.max(0, tick - 3), timeMs })
    return {
      lie,
      records: resealed(
        town,
        honest.map((record, i) => (i === lie ? { ...record, body } : record)),
      ),
    }
  }

  it('is replayed from the first state that its members have decided, and the report says from where', async () => {
    assert.ok(first(served) >= dropTo && served.snapshots.length === 2)
    const report = await audit(served)
    assert.deepEqual(report.findings, [])
    assert.equal(report.replayedFrom, first(served))
    assert.equal(report.records, honest.length - first(served))
    assert.deepEqual([report.decidedSize, report.decidedBy], [honest.length, [1, 2]])
    assert.match(report.message, new RegExp(`Replayed from leaf ${first(served)} on`))
    assert.match(report.message, /only hashes and signatures were checked/)
  })

  it('is so in a mirror of its files, too', async () => {
    const folder = await exportTo(town, served, `mirror-${folders++}`)
    assert.equal(existsSync(join(folder, `log/${town.origin}/bodies/000`)), false)
    const [copied, here] = await Promise.all([
      auditAuthority({ authority: 'area/0000', from: folder, genesis: town.genesisPath }),
      audit(served),
    ])
    assert.deepEqual(copied, here)
  })

  it('that was copied in time stays whole in its copy', async () => {
    const whole = await publish(town, honest)
    const folder = await exportTo(town, whole, 'in-time')
    await exportTo(town, served, 'in-time')
    const report = await auditAuthority({ authority: 'area/0000', from: folder, genesis: town.genesisPath })
    assert.deepEqual([report.ok, report.replayedFrom], [true, 0])
    assert.equal(existsSync(join(folder, `log/${town.origin}/snapshot`)), false)
  })

  it('of an org, whose state is salted, is replayed as well', async () => {
    const guild = foundTown(10, 'org')
    const log = await publishDropped(guild, playTown(guild, 900), dropTo)
    const report = await audit(log, undefined, guild, 'org/guild')
    assert.deepEqual(report.findings, [])
    assert.equal(report.replayedFrom, first(log))
    removeTown(guild)
  })

  it('shows a lie behind that state, with evidence that needs nothing before it', async () => {
    const { lie, records } = lieAt(first(served) + 5)
    const report = await audit(await publishDropped(town, records, dropTo), 'lie-behind')
    const wrong = report.findings.find(({ code }) => code === 'wrong-tick')!
    assert.deepEqual([wrong.firstLeaf, wrong.lastLeaf], [lie, lie])
    const verdict = await verifyFile({ file: wrong.evidence!, genesis: town.genesisPath })
    assert.ok(verdict.ok, verdict.message)
  })

  it('keeps a lie before it to itself: the report does not say that anybody looked', async () => {
    const { lie, records } = lieAt(100)
    const whole = await audit(await publish(town, records))
    assert.deepEqual(codes(whole), ['wrong-tick'])
    const report = await audit(await publishDropped(town, records, dropTo))
    assert.deepEqual([report.ok, report.replayedFrom > lie], [true, true])
    assert.match(report.message, /before it only hashes and signatures were checked/)
  })

  it('before that state is held against its signatures all the same', async () => {
    const path = `log/${town.origin}/tile/entries/000`
    const read = async (asked: string) => {
      const bytes = await served.read(asked)
      if (asked === path) bytes![40]! ^= 1
      return bytes
    }
    const { findings } = await audit({ ...served, read })
    assert.ok(findings.length > 0 && findings.every(({ lastLeaf }) => lastLeaf < 256))
  })

  it('with a state that is not the decided one names the piece, accuses nobody, and begins at the next', async () => {
    const [from, next] = served.snapshots
    const other = `log/${town.origin}/snapshot/${next}`
    for (const piece of ['manifest', '0']) {
      const path = `log/${town.origin}/snapshot/${from}/${piece}`
      const read = (asked: string) => served.read(asked === path ? `${other}/${piece}` : asked)
      const report = await audit({ ...served, read }, `state-${piece}`)
      assert.deepEqual(codes(report), ['wrong-snapshot'])
      assert.equal(report.findings[0]!.file, path)
      assert.equal(report.findings[0]!.evidence, undefined)
      assert.equal(report.replayedFrom, next)
      const gone = await audit({ ...served, read: async at => (at === path ? undefined : served.read(at)) })
      assert.deepEqual([gone.ok, gone.replayedFrom], [true, next], 'what is not there any more is no fault')
    }
  })

  it('without a decision of its members over a state is checked, and not replayed', async () => {
    const undecided = await publishDropped(town, honest, dropTo, { isDecided: false })
    const report = await audit(undecided)
    assert.deepEqual(codes(report), ['bodies-dropped'])
    assert.deepEqual([report.records, report.findings[0]!.lastLeaf], [0, dropTo - 1])
    const stateless = await publishDropped(town, honest, dropTo, { recordsBetween: 1_000_000 })
    assert.deepEqual(codes(await audit(stateless)), ['bodies-dropped'])
  })

  it('may have, right behind that state, a seal once more that a leader in doubt wrote twice', async () => {
    const replica = newReplica(town)
    let before: LogRecord | undefined
    const doubted: LogRecord[] = []
    const add = (record: LogRecord): void => {
      replica.applyRecords([record], [])
      doubted.push(record)
    }
    for (const record of honest) {
      const mark = replica.pendingMark
      if (record.kind !== recordKind.seal || mark === undefined) add(record)
      else {
        const seal = { previous: replica.previousHash, stateRoot: mark.stateRoot, asOfSize: mark.size }
        before = { ...record, body: encodeSeal({ ...decodeSeal(record.body)!, ...seal }) }
        add(before)
      }
      if (doubted.length === first(served)) add(before!)
    }
    const whole = await audit(await publish(town, doubted))
    assert.deepEqual([whole.findings, whole.voidRecords], [[], 1])
    const log = await publishDropped(town, doubted, dropTo)
    assert.equal(first(log), first(served))
    const report = await audit(log)
    assert.deepEqual([report.findings, report.voidRecords, report.lastHeight], [[], 1, whole.lastHeight])
  })

  it('whose bodies go while it is audited is begun again behind them', async () => {
    const later = await publishDropped(town, honest, 1024)
    let reads = 0
    // Once to find the seal of the first state, and once more to replay from there.
    const now = (path: string): DroppedLog => {
      if (path.endsWith('bodies/003')) reads++
      return reads < 2 ? served : later
    }
    const outrun = {
      ...served,
      read: (path: string) => now(path).read(path),
      dropped: (path: string) => now('').dropped!(path),
    }
    assert.ok(first(served) < 1024 && served.snapshots[1]! > 1024, served.snapshots.join())
    const report = await audit(outrun)
    assert.deepEqual([report.findings, report.replayedFrom], [[], served.snapshots[1]])
    assert.ok(reads >= 2)
  })

  it('with a certificate by too few, of others, or over another log is not believed', async () => {
    const seal = decidedSeal(town, served.replica.lastSeal!)
    const strangers = foundTown()
    const few = certify(seal, founders(town), { signers: 1 })
    const others = certify(seal, founders(strangers))
    const rival = certify({ ...seal, root: sha256(seal.root) }, founders(town))
    removeTown(strangers)
    const withLinks = async (bytes: Uint8Array): Promise<string[]> => {
      const links = Buffer.from(`certificate ${Buffer.from(bytes).toString('base64')}\n`)
      const read = async (path: string) => (path.endsWith('/certificates') ? links : served.read(path))
      return codes(await audit({ ...served, read }))
    }
    assert.deepEqual(await withLinks(few), ['bad-certificate', 'bodies-dropped'])
    assert.deepEqual(await withLinks(others), ['bad-certificate', 'bodies-dropped'])
    assert.deepEqual(await withLinks(rival), ['not-decided'])
    assert.deepEqual(await withLinks(new Uint8Array(9)), ['bad-certificate', 'bodies-dropped'])
  })

  it('is not in order beside a decision of the members over a longer log, and nothing of that is believed', async () => {
    const links = await served.read(`log/${town.origin}/certificates`)
    const forged = playTown(town, 600, 3)
    const beside = (log: Served): Served => {
      return { ...log, read: async path => (path.endsWith('/certificates') ? links : log.read(path)) }
    }
    const whole = await audit(beside(await publish(town, forged)))
    assert.deepEqual([codes(whole), whole.decidedSize, whole.decidedBy], [['not-decided'], 0, []])
    assert.match(whole.findings[0]!.message, /nodes 1 2 decided a log of \d+ leaves, and this one has \d+/)
    const states = await audit(beside(await publishDropped(town, forged, 256)))
    assert.deepEqual(codes(states).sort(), ['bodies-dropped', 'not-decided'])
    assert.deepEqual([states.records, states.decidedSize], [0, 0])
  })

  it('was replayed as a whole by who came before the bodies went', async () => {
    const earlier = honest.slice(0, honest.findLastIndex(({ kind }) => kind === recordKind.seal) + 1)
    assert.equal((await audit(await publish(town, earlier), 'in-time')).ok, true)
    const report = await audit(served, 'in-time')
    assert.deepEqual([report.ok, report.replayedFrom, report.records], [true, 0, honest.length])
  })

  it('is not said to be replayed as a whole by who came late and comes again', async () => {
    const once = await audit(served, 'late')
    const again = await audit(served, 'late')
    assert.deepEqual(again, once)
    assert.equal(again.replayedFrom, first(served))
    const whole = await audit(await publish(town, honest), 'late')
    assert.deepEqual([whole.ok, whole.replayedFrom], [true, 0], 'where all can be replayed, it is')
  })

  it('is not exported as if it were all of it', async () => {
    const { url, server } = await serveHttp(served)
    servers.push(server)
    const file = join(town.folder, 'part.jsonl')
    const of = { authority: 'area/0000', from: url, genesis: town.genesisPath }
    const report = await exportAuthority({ ...of, file, format: 'json' })
    assert.deepEqual([report.ok, existsSync(file)], [false, false])
  })
})
