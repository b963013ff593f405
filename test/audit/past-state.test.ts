import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { parseGenesis } from '../../audit/genesis.ts'
import type { Verdict } from '../../audit/verdict.ts'
import { verifyBytes } from '../../audit/verify-file.ts'
import { proofTrust } from '../../audit/verify-proof.ts'
import { membersAt, pastStateProof, saidOfSeal } from '../../cli/past-state.ts'
import { nodeSource } from '../../client/sdk/node-source.ts'
import { KeptCertificates } from '../../daemon/hosting/kept-certificates.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { treeKey } from '../../storage/state/entry.ts'
import { certify, decidedOn, decidedSeal, founders } from './support/decided.ts'
import { publishDropped } from './support/dropped.ts'
import {
  foundTown,
  newReplica,
  playTown,
  publish,
  removeTown,
  type Served,
  serveHttp,
  type Town,
} from './support/log.ts'

const minuteMs = 60_000

/** What a town's members decided at one seal, and what one of its walkers was there. */
interface Past {
  readonly size: number
  readonly root: Uint8Array
  readonly timeMs: number
  readonly certificate: Uint8Array
  readonly walker: Uint8Array
}

describe('a state of long ago', function () {
  this.timeout(30_000)
  let town: Town
  let records: LogRecord[]
  let walker: string
  const pasts: Past[] = []
  const servers: Server[] = []

  before(() => {
    town = foundTown()
    records = playTown(town, 900)
    const replica = newReplica(town)
    for (const record of records) {
      replica.applyRecords([record], [])
      walker ??= [...replica.area!.entities()].find(({ kind }) => kind === 'character')?.id as string
      const { lastSeal } = replica
      if (record.kind !== recordKind.seal || lastSeal?.size !== replica.log.size) continue
      // A seal each half minute, so that every second one is kept.
      const timeMs = (minuteMs / 2) * lastSeal.seal.height
      const { size, root } = lastSeal
      const certificate = certify(decidedSeal(town, lastSeal, { timeMs }), founders(town))
      const key = Buffer.concat([Buffer.from('e'), Buffer.from(walker, 'hex')])
      pasts.push({ size, root, timeMs, certificate, walker: replica.tree.get(treeKey(key))!.slice(18) })
    }
  })
  after(() => {
    for (const server of servers) server.close()
    removeTown(town)
  })

  /** The log at a node that kept what it does of the members' decisions. */
  async function serve(log: Served): Promise<string> {
    const kept = new KeptCertificates(log.store, town.identity.group, ops =>
      log.store.write(ops, { sync: false }, () => {}),
    )
    for (const past of pasts) kept.shown(past)
    const newest = pasts.at(-1)!.certificate
    const { url, server } = await serveHttp({
      ...decidedOn(log, newest, {
        certificate: query => {
          const leaf = query.get('leaf')
          if (leaf === null) return newest
          if (Number(leaf) >= records.length) return undefined
          const over = kept.covering(Number(leaf)).then(found => found ?? newest)
          return over as unknown as Uint8Array
        },
      }),
      ...(log.dropped && { dropped: log.dropped }),
    })
    servers.push(server)
    return url
  }

  async function prove(url: string, at: string, target = walker): Promise<Verdict> {
    const genesis = parseGenesis(new Uint8Array(town.genesis.bytes), 'genesis.json')
    const text = await pastStateProof(
      ...([town.origin, new Uint8Array(Buffer.from(target, 'hex')), at] as const),
      { source: nodeSource(url), trust: proofTrust(genesis) },
      { url, genesis: town.genesisPath, dataDir: join(town.folder, 'nobody') },
    )
    return await verifyBytes(Buffer.from(text), genesis)
  }

  it('is proven by replaying the log up to the next seal that was kept', async () => {
    const url = await serve(await publish(town, records))
    for (const [i, past] of pasts.entries()) {
      // The first, the third, and so on; and the newest, which is always there.
      const kept = pasts[Math.min(pasts.length - 1, i + (i % 2))]!
      const { ok, facts, message } = await prove(url, String(past.size - 1))
      assert.ok(ok, message)
      assert.deepEqual([facts['size'], facts['exists']], [kept.size, 'yes'])
      assert.deepEqual(Buffer.from(String(facts['value']), 'base64'), Buffer.from(kept.walker))
    }
    const values = new Set(pasts.map(past => Buffer.from(past.walker).toString('hex')))
    assert.ok(values.size > 2, 'it has walked')
  })

  it('is found by the time of its seal', async () => {
    const url = await serve(await publish(town, records))
    const third = pasts[2]!
    for (const timeMs of [third.timeMs - minuteMs + 1, third.timeMs]) {
      const { ok, facts } = await prove(url, new Date(timeMs).toISOString())
      assert.deepEqual([ok, facts['size'], facts['timeMs']], [true, third.size, third.timeMs])
    }
    await assert.rejects(prove(url, '2026-01-01T00:00:00Z'), { code: 'not-final' })
    await assert.rejects(prove(url, 'yesterday'), { code: 'usage' })
    await assert.rejects(prove(url, String(records.length + 5000)), { code: 'not-final' })
  })

  it('is said to be of another time where the next decision that was kept is of much later', () => {
    const askedMs = Date.parse('2026-11-20T13:20:00Z')
    const near = saidOfSeal({ size: 900, timeMs: askedMs + minuteMs }, [1, 3], askedMs)
    assert.equal(near, "The node's next decision is at leaf 899, of 2026-11-20T13:21:00.000Z.")
    const far = saidOfSeal({ size: 900, timeMs: askedMs + 90 * minuteMs }, [1, 3], askedMs)
    assert.match(
      far,
      /of 2026-11-20T14:50:00.000Z\.\nThat is 90 minutes later than asked: node 1 or 3, members then, may/,
    )
    assert.doesNotMatch(saidOfSeal({ size: 900, timeMs: askedMs + 90 * minuteMs }, [1, 3]), /later/)
  })

  it('names whom else to ask: the members of the time that was asked for', () => {
    const last = newReplica(town)
    last.applyRecords(records, [])
    const changes = [100, 200].map((timeMs, i) => {
      const nextMembers = [2, 3, i + 4].map(node => ({ node, key: new Uint8Array(32) }))
      const change = { timeMs, epoch: i + 1, nextEpoch: i + 2, nextMembers }
      return certify(decidedSeal(town, last.lastSeal!, change), founders(town))
    })
    const trust = proofTrust(parseGenesis(new Uint8Array(town.genesis.bytes), 'genesis.json'))
    const at = (timeMs: number) => membersAt(trust.founders.get(town.origin)!, changes, timeMs)
    assert.deepEqual([99, 100, 199, 200].map(at), [
      [1, 2, 3],
      [2, 3, 4],
      [2, 3, 4],
      [2, 3, 5],
    ])
  })

  it('is proven not to have had what was not there', async () => {
    const url = await serve(await publish(town, records))
    for (const target of ['ab'.repeat(16), 'cd'.repeat(32)]) {
      const { ok, facts, message } = await prove(url, '20', target)
      assert.deepEqual([ok, facts['exists']], [true, 'no'], message)
    }
  })

  it('is not proven where its records are gone, but from a kept state on, or where they are others', async () => {
    const dropped = await publishDropped(town, records, 512)
    const url = await serve(dropped)
    await assert.rejects(prove(url, '20'), { code: 'no-records' })
    const late = await prove(url, String(dropped.snapshots[0]! + 1))
    assert.ok(late.ok, late.message)
    const leaf = records.findIndex(({ kind }, i) => i > 100 && kind === recordKind.input)
    const bent = records.map((record, i) => (i === leaf ? { ...record, kind: recordKind.tick } : record))
    const lying = await serve(await publish(town, bent))
    await assert.rejects(prove(lying, String(leaf)), { code: 'no-records' })
  })
})
