import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { auditAll } from '../../audit/all/all.ts'
import { type AuditReport, auditAuthority } from '../../audit/audit.ts'
import { formatTwoFaces } from '../../audit/evidence.ts'
import { exportAuthority } from '../../audit/export/export.ts'
import { restoreLog } from '../../audit/export/restore.ts'
import { parseGenesis } from '../../audit/genesis.ts'
import { formatMemory } from '../../audit/memory.ts'
import { Monitor } from '../../audit/monitor/monitor.ts'
import { type Sighting, sentenceOf } from '../../audit/monitor/sighting.ts'
import { watchedLog } from '../../audit/monitor/watched-log.ts'
import { LogSigners } from '../../audit/signers.ts'
import type { LogSource } from '../../audit/source/source.ts'
import { verifyBytes } from '../../audit/verify-file.ts'
import { Newcomers } from '../../audit/witness/newcomers.ts'
import { decodeSeal, encodeSeal } from '../../daemon/authority/bodies.ts'
import { checkpointSigner } from '../../daemon/hosting/log-view.ts'
import { signNote } from '../../storage/log/note.ts'
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
  type Served,
  serveHttp,
  type Town,
} from './support/log.ts'

const stranger = 3
const unnamed = /node 4, no founder and named by no certificate shown/

describe('who signs a log', function () {
  this.timeout(30_000)
  let town: Town
  /** Its last seal names node 4 as a member of the next epoch. */
  let records: LogRecord[]
  let other: LogRecord[]
  let earlier: Uint8Array
  let ending: Uint8Array
  let honest: Served
  let runs = 0

  before(async () => {
    town = foundTown(60, 'area', 4)
    const played = resealed(town, playTown(town, 300))
    const last = played.at(-1)!
    const body = encodeSeal({ ...decodeSeal(last.body)!, nextMembers: [1, 2, 4] })
    records = [...played.slice(0, -1), { ...last, body }]
    other = [...records]
    other[200] = { ...other[200]!, salt: new Uint8Array(16) }
    const seal = records.findLastIndex(({ kind }, at) => kind === recordKind.seal && at < records.length - 1)
    const nextMembers = [1, 2, 4].map(node => ({ node, key: town.nodes[node - 1]!.vote.publicKey }))
    earlier = decided(records.slice(0, seal + 1))
    ending = decided(records, { nextEpoch: 2, nextMembers })
    honest = await publish(town, records, 0, earlier)
  })
  after(() => removeTown(town))

  function decided(log: readonly LogRecord[], change?: Parameters<typeof decidedSeal>[2]): Uint8Array {
    const replica = newReplica(town)
    replica.applyRecords(log, [])
    return certify(decidedSeal(town, replica.lastSeal!, change), founders(town))
  }

  const genesis = () => parseGenesis(town.genesis.bytes, 'genesis.json')
  const folderOf = (served: Served) => exportTo(town, served, `log-${++runs}`)
  const noteOf = (served: Served): string => served.published.signed()!.note
  const bytesOf = async (served: Served, name: string) =>
    Buffer.from((await served.read(`log/${town.origin}/${name}`))!).toString()

  function audit(from: string, memory?: string): Promise<AuditReport> {
    return auditAuthority({ authority: 'area/0000', from, genesis: town.genesisPath, memory })
  }

  describe('in an audit', () => {
    it('is no node that is no member, whatever it signs', async () => {
      const { ok, findings, signedBy } = await audit(
        await folderOf(await publish(town, records, stranger, earlier)),
      )
      assert.deepEqual([ok, signedBy, findings.map(({ code }) => code)], [false, [], ['not-a-member']])
      assert.match(findings[0]!.message, unnamed)
    })

    it('leaves an honest log alone of which a stranger has shown another face, before or after', async () => {
      const memory = join(town.folder, 'memory')
      const [own, false_] = [await folderOf(honest), await folderOf(await publish(town, other, stranger))]
      for (const from of [false_, own, false_, own]) {
        const { ok, findings } = await audit(from, memory)
        assert.deepEqual([ok, findings.some(({ code }) => code === 'fork')], [from === own, false])
      }
    })

    it('is whom the certificates name, and who came in while they were read', async () => {
      const joined = await publish(town, records, stranger, ending)
      const { ok, signedBy, findings } = await audit(await folderOf(joined))
      assert.ok(ok, JSON.stringify(findings))
      assert.deepEqual(signedBy, [4])
      const early = await bytesOf(honest, 'certificates')
      let reads = 0
      const { url, server } = await serveHttp({
        ...joined,
        read: async path =>
          path.endsWith('/certificates') && reads++ === 0 ? Buffer.from(early) : joined.read(path),
      })
      try {
        const met = await audit(url)
        assert.deepEqual([met.ok, reads, met.decidedSize], [true, 2, records.length])
      } finally {
        server.close()
      }
    })

    it('is told apart where a member and a stranger signed the same', async () => {
      const text = noteOf(honest).slice(0, noteOf(honest).indexOf('\n\n') + 1)
      const keys = [0, stranger].map(i => checkpointSigner(town.origin, town.nodes[i]!.log))
      const dir = await folderOf(honest)
      writeFileSync(join(dir, 'log', town.origin, 'checkpoint'), signNote(text, keys))
      const { ok, signedBy } = await audit(dir)
      assert.deepEqual([ok, signedBy], [true, [1]])
    })

    it('is nobody that an older version of this program took for a member, and remembered', async () => {
      const memory = join(town.folder, 'older-memory')
      mkdirSync(memory)
      const note = noteOf(await publish(town, other.slice(0, 280), stranger))
      const [sources, members] = [new Map([['somewhere', 280]]), new Map<number, number>()]
      writeFileSync(
        join(memory, `${encodeURIComponent(town.origin)}.json`),
        formatMemory({ notes: [note], sources, members }),
      )
      assert.ok((await audit(await folderOf(honest), memory)).ok)
    })

    it('is of all logs too: a copy that a stranger signed is told of, and no audit of it counts', async () => {
      const from = [await folderOf(honest), await folderOf(await publish(town, other, stranger))]
      const report = await auditAll({
        ...{ from, genesis: town.genesisPath, memory: join(town.folder, 'all'), everyCopy: true },
        ...{ threads: 1, onProgress: () => {}, until: new AbortController().signal },
      })
      assert.deepEqual(
        [report.logs.map(({ report: { ok } }) => ok), report.sightings.map(({ kind }) => kind), report.ok],
        [[true], ['not-a-member'], false],
      )
      assert.match(report.message, /node 4 signed,\s+no founder and named by no certificate shown/)
    })
  })

  describe('in what somebody gives you', () => {
    const verify = (text: string, certificates?: string) =>
      verifyBytes(Buffer.from(text), genesis(), certificates)

    it('is said: a founder, or a member since an epoch, by the certificates that are shown', async () => {
      assert.match((await verify(noteOf(honest))).message, /signed by node 1, a founder$/)
      const joined = await publish(town, records, stranger, ending)
      const alone = await verify(noteOf(joined))
      assert.deepEqual([alone.ok, alone.facts['code']], [false, 'not-a-member'])
      assert.match(alone.message.replace(/\s+/g, ' '), unnamed)
      assert.match(alone.message, /--certificates/)
      const shown = await verify(noteOf(joined), await bytesOf(joined, 'certificates'))
      assert.ok(shown.ok)
      assert.match(shown.message, /signed by node 4, a member since epoch 2$/)
    })

    it('is nobody by certificates that do not hold', async () => {
      const joined = await publish(town, records, stranger, ending)
      const { ok, message } = await verify(noteOf(joined), `certificate ${'A'.repeat(400)}\n`)
      assert.equal(ok, false)
      assert.match(message, /do not hold/)
    })

    it("makes no two faces out of a member's one and a stranger's", async () => {
      const rival = await publish(town, other, stranger, ending)
      const faces = formatTwoFaces({ older: noteOf(honest), newer: noteOf(rival), path: [] })
      assert.deepEqual((await verify(faces)).facts['code'], 'not-a-member')
      const shown = await verify(faces, await bytesOf(rival, 'certificates'))
      assert.ok(shown.ok, shown.message)
    })
  })

  describe('for a monitor', () => {
    class Shown implements LogSource {
      readonly name: string
      served: Served
      constructor(name: string, served: Served) {
        this.name = name
        this.served = served
      }
      read(path: string): Promise<Uint8Array | undefined> {
        return this.served.read(path)
      }
      hasDropped(): boolean {
        return false
      }
      list(): Promise<undefined> {
        return Promise.resolve(undefined)
      }
    }

    function watch(sources: readonly LogSource[]): () => Promise<Sighting[]> {
      const logs = [watchedLog(new LogSigners(genesis(), genesis().areas[0]!), join(town.folder, 'monitor'))]
      const monitor = new Monitor({
        ...{ sources, logs, nowMs: () => 0, stillAfterMs: 10_000 },
        keep: () => assert.fail('nobody is accused'),
      })
      return () => monitor.look()
    }

    it('is no stranger: its false face is told of and accuses nobody, and a member that joined is learned of', async () => {
      const [a, b] = [new Shown('a', honest), new Shown('b', await publish(town, other, stranger))]
      const look = watch([a, b])
      const [first, told, ...more] = await look()
      assert.deepEqual([first?.kind, told?.kind, more], ['first-seen', 'not-a-member', []])
      assert.match(sentenceOf(told!), /node 4/)
      assert.deepEqual(await look(), [], 'told once')
      b.served = await publish(town, records, stranger, ending)
      assert.deepEqual(await watch([b])(), [], 'it is the log that was seen, and signed by a member')
      a.served = await publish(town, records, stranger)
      assert.deepEqual(await watch([a])(), [], 'and is remembered as one')
    })
  })

  it('is the same for what is brought back from a backup', async () => {
    const genesisPath = town.genesisPath
    const [file, forged] = [join(town.folder, 'joined.json'), join(town.folder, 'forged.json')]
    const from = await folderOf(await publish(town, records, stranger, ending))
    await exportAuthority({ authority: 'area/0000', from, genesis: genesisPath, file, format: 'json' })
    const restored = await restoreLog({ file, genesis: genesisPath, dir: join(town.folder, 'back') })
    assert.equal(restored.size, records.length)
    const [head, ...lines] = readFileSync(file, 'utf8').split('\n')
    const { certificates: _, ...rest } = JSON.parse(head!)
    writeFileSync(forged, [JSON.stringify(rest), ...lines].join('\n'))
    const restoring = restoreLog({ file: forged, genesis: genesisPath, dir: join(town.folder, 'not-back') })
    await assert.rejects(restoring, (error: Error) => unnamed.test(error.message))
  })

  it('is learned by a witness from the certificates, which it reads no more often than every ten seconds', async () => {
    const signers = new LogSigners(genesis(), genesis().areas[0]!)
    const joined = await publish(town, records, stranger, ending)
    let [nowMs, reads] = [0, 0]
    let shows: Served = honest
    const source = {
      name: 'node',
      read: (path: string) => {
        reads++
        return shows.read(path)
      },
    } as unknown as LogSource
    const newcomers = new Newcomers({
      ...{ logs: new Map([[town.origin, signers]]), sources: () => [source], nowMs: () => nowMs },
    })
    const meet = (served: Served) => newcomers.meet(Buffer.from(`old 0\n\n${noteOf(served)}`))
    await meet(honest)
    assert.equal(reads, 0)
    await meet(joined)
    assert.deepEqual([signers.has(4), reads], [false, 1])
    shows = joined
    await meet(joined)
    assert.deepEqual([signers.has(4), reads], [false, 1])
    nowMs = 10_000
    await meet(joined)
    assert.deepEqual([signers.has(4), reads], [true, 2])
    assert.equal(signers.keys.length, 4)
  })
})
