import assert from 'node:assert/strict'
import { join } from 'node:path'
import fc from 'fast-check'
import { AuditError } from '../../../audit/errors.ts'
import { parseGenesis } from '../../../audit/genesis.ts'
import { LogMemory } from '../../../audit/memory.ts'
import { readConsistencyPath } from '../../../audit/monitor/consistency-path.ts'
import { Monitor } from '../../../audit/monitor/monitor.ts'
import type { Sighting } from '../../../audit/monitor/sighting.ts'
import { LogSigners } from '../../../audit/signers.ts'
import type { LogSource } from '../../../audit/source/source.ts'
import { verifyConsistency } from '../../../audit/verify/merkle.ts'
import { verifyBytes } from '../../../audit/verify-file.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import {
  foundTown,
  playTown,
  publish,
  removeTown,
  resealed,
  type Served,
  sha256,
  type Town,
} from '../support/log.ts'

describe('the path between two sizes of a log, read from its tiles', () => {
  it('is that of RFC 6962, for any two sizes', async () => {
    const tiles = new Map<string, Uint8Array>()
    const log = new MerkleLog(async (level, index) => tiles.get(`${level}/${index}`))
    const roots = [log.root()]
    for (let leaf = 0; leaf < 1_500; leaf++) {
      for (const { level, index, hashes } of log.append(sha256(Uint8Array.of(leaf >> 8, leaf))))
        tiles.set(`${level}/${index}`, hashes)
      roots.push(log.root())
    }
    const read = async (path: string): Promise<Uint8Array | undefined> => {
      const [, level, index, width] = /^tile\/(\d)\/(\d{3})(?:\.p\/(\d+))?$/.exec(path)!
      return await log.tile(Number(level), Number(index), Number(width ?? 256))
    }
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1_499 }),
        fc.integer({ min: 1, max: 1_500 }),
        async (a, b) => {
          const [old, size] = a < b ? [a, b] : [b, a + 1]
          const path = (await readConsistencyPath(read, old, size))!
          const proof = Math.log2(old) % 1 === 0 ? path.slice(1) : path
          assert.ok(verifyConsistency(old, size, roots[old]!, roots[size]!, proof), `${old} ${size}`)
          assert.deepEqual(
            proof.map(hash => Buffer.from(hash).toString('hex')),
            (await log.consistencyProof(old, size)).map(hash => Buffer.from(hash).toString('hex')),
          )
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a monitor', function () {
  this.timeout(20_000)
  let town: Town
  let records: LogRecord[]
  let other: LogRecord[]
  let runs = 0

  before(() => {
    town = foundTown()
    records = playTown(town, 400)
    // Another history from its middle on, sealed so that it is in order by itself.
    other = resealed(town, records, seal => seal)
    other[200] = { ...other[200]!, salt: new Uint8Array(16) }
  })
  after(() => removeTown(town))

  /** A source that can be given another log to show, or none. */
  class Shown implements LogSource {
    readonly name: string
    served: Served | undefined
    spoil: ((path: string, bytes: Uint8Array) => Uint8Array) | undefined

    constructor(name: string, served: Served | undefined) {
      this.name = name
      this.served = served
    }

    async read(path: string): Promise<Uint8Array | undefined> {
      if (this.served === undefined) throw new AuditError('unreachable', 'nobody there')
      const bytes = await this.served.read(path)
      return bytes && (this.spoil?.(path, bytes) ?? bytes)
    }

    hasDropped(): boolean {
      return false
    }

    list(): Promise<undefined> {
      return Promise.resolve(undefined)
    }
  }

  const genesis = () => parseGenesis(town.genesis.bytes, 'genesis.json')

  function watch(sources: readonly LogSource[], folder = `monitor-${++runs}`) {
    const signers = new LogSigners(genesis(), genesis().areas[0]!)
    const memory = new LogMemory(join(town.folder, folder), signers)
    const evidence: string[] = []
    let nowMs = 0
    const monitor = new Monitor({
      sources,
      logs: [{ origin: town.origin, signers, memory }],
      nowMs: () => nowMs,
      stillAfterMs: 10_000,
      keep: text => `file ${evidence.push(text)}`,
    })
    const look = async (ms = 1_000): Promise<string[]> => {
      nowMs += ms
      return (await monitor.look()).map((it: Sighting) =>
        'source' in it ? `${it.kind} ${it.source}` : it.kind,
      )
    }
    return { look, evidence, folder }
  }

  async function proves(text: string): Promise<void> {
    const verdict = await verifyBytes(Buffer.from(text), genesis())
    assert.ok(verdict.ok && verdict.kind === 'evidence', verdict.message)
  }

  it('is content with nodes that are at different sizes of one log, whichever grows first', async () => {
    const [a, b] = [new Shown('a', await publish(town, records.slice(0, 130))), new Shown('b', undefined)]
    b.served = await publish(town, records.slice(0, 90), 1)
    const { look } = watch([a, b])
    assert.deepEqual(await look(), ['first-seen a'])
    for (const [x, y] of [
      [131, 300],
      [350, 300],
      [400, 400],
    ]) {
      a.served = await publish(town, records.slice(0, x))
      b.served = await publish(town, records.slice(0, y), 1)
      assert.deepEqual(await look(), [])
    }
  })

  for (const [what, honestSize, lyingSize] of [
    ['of one size', 300, 300],
    ['where the liar is ahead', 257, 300],
    ['where the liar is behind', 300, 256],
  ] as const) {
    it(`finds two faces ${what} in one look, and keeps evidence that proves itself`, async () => {
      const a = new Shown('a', await publish(town, records.slice(0, honestSize)))
      const b = new Shown('b', await publish(town, other.slice(0, lyingSize), 1))
      const { look, evidence } = watch([a, b])
      assert.deepEqual(await look(), ['first-seen a', 'two-faces b'])
      assert.equal(evidence.length, 1)
      await proves(evidence[0]!)
      assert.deepEqual(await look(), [], 'told once')
    })
  }

  it('finds in a later run what contradicts an earlier one', async () => {
    const a = new Shown('a', await publish(town, records.slice(0, 300)))
    const first = watch([a])
    await first.look()
    a.served = await publish(town, other.slice(0, 400))
    const second = watch([a], first.folder)
    assert.deepEqual(await second.look(), ['two-faces a'])
    await proves(second.evidence[0]!)
    a.served = await publish(town, records.slice(0, 250))
    assert.deepEqual(await watch([a], first.folder).look(), ['went-back a'])
  })

  it('names who shows tiles that are not those under its checkpoint, and accuses nobody by them', async () => {
    const a = new Shown('a', await publish(town, records.slice(0, 130)))
    const { look, evidence } = watch([a])
    await look()
    a.served = await publish(town, records.slice(0, 300))
    a.spoil = (path, bytes) => (path.includes('/tile/0/') ? bytes.map(byte => byte ^ 1) : bytes)
    assert.deepEqual(await look(), ['bad-tiles a'])
    a.spoil = (path, bytes) => (path.endsWith('checkpoint') ? Buffer.from(bytes).fill(65, 0, 3) : bytes)
    assert.deepEqual(await look(), ['bad-checkpoint a'])
    a.spoil = undefined
    assert.deepEqual(await look(), [])
    assert.deepEqual(evidence, [])
  })

  it('still accuses a liar that has told it more nonsense than it repeats', async () => {
    const a = new Shown('a', await publish(town, records.slice(0, 250)))
    const { look, evidence } = watch([a])
    await look()
    const served = a.served!
    for (let size = 0; size < 1_100; size++) {
      const nonsense = Buffer.from(`${town.origin}\n${size}\n${'A'.repeat(43)}=\n\n— x AAAAAAA=\n`)
      a.served = { ...served, read: async () => nonsense }
      assert.deepEqual(await look(0), size < 1_000 ? ['bad-checkpoint a'] : [])
    }
    a.served = await publish(town, other.slice(0, 300))
    assert.deepEqual(await look(), ['two-faces a'])
    await proves(evidence[0]!)
  })

  it('tells once when a source falls silent or a log stands still, and when they go on', async () => {
    const [a, b] = [new Shown('a', await publish(town, records.slice(0, 130))), new Shown('b', undefined)]
    const { look } = watch([a, b])
    assert.deepEqual(await look(), ['silent b', 'first-seen a'])
    assert.deepEqual(await look(9_999), [])
    assert.deepEqual(await look(1), ['stands-still'])
    b.served = a.served
    assert.deepEqual(await look(), ['answers-again b'])
    a.served = await publish(town, records.slice(0, 140))
    assert.deepEqual(await look(), ['grows-again'])
  })
})
