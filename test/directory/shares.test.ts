import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Measures } from '../../daemon/directory/measures.ts'
import { capsOf, type Readings, shareOut } from '../../daemon/directory/shares.ts'
import { FolderSize } from '../../daemon/identity/folder-size.ts'

/** A node that uses little, on a machine of four cores. */
const idle: Readings = {
  used: { cpu: 100, memory: 200, disk: 1_000, bandwidth: 500 },
  free: { cpu: 3_600, memory: 8_000, disk: 100_000 },
  cores: 4,
}

describe('what a node uses and may use', () => {
  it('is its own use, and that with most of what is free', () => {
    const { capacity, load } = shareOut(idle, {})
    assert.deepEqual(capacity, { cpu: 2_800, memory: 6_200, disk: 76_000, bandwidth: 100_000 })
    assert.deepEqual(load, { cpu: 36, memory: 32, disk: 13, bandwidth: 5 })
  })

  it('is no more for what others have on its disk, or do on its machine', () => {
    const shared = { ...idle, free: { cpu: 0, memory: 2_000, disk: 10_000 } }
    const { capacity, load } = shareOut(shared, {})
    assert.deepEqual(capacity, { cpu: 2_000, memory: 1_700, disk: 8_500, bandwidth: 100_000 })
    assert.ok(Math.max(...Object.values(load)) < 150, JSON.stringify(load))
  })

  it('is no more than its owner gives, but of the connection what its owner says', () => {
    const caps = capsOf({ maxCpu: 150, maxMemory: 1_000, maxDisk: 2, maxBandwidth: 1_000 })
    const { capacity } = shareOut(idle, caps)
    assert.deepEqual(capacity, { cpu: 1_500, memory: 1_000, disk: 2_048, bandwidth: 1_000_000 })
    assert.equal(shareOut(idle, capsOf({ maxMemory: 100_000 })).capacity.memory, 6_200)
    assert.equal(shareOut(idle, capsOf({ maxMemory: 100 })).load.memory, 1_000)
  })

  it('is always something that can be said', () => {
    const amount = fc.nat(1e9)
    const used = fc.record({ cpu: amount, memory: amount, disk: amount, bandwidth: amount })
    const free = fc.record({ cpu: amount, memory: amount, disk: amount })
    const caps = fc.record({ cpu: fc.integer({ min: 1, max: 1e6 }), disk: amount.map(it => it + 1) })
    fc.assert(
      fc.property(used, free, fc.integer({ min: 1, max: 512 }), caps, (used, free, cores, caps) => {
        const { capacity, load } = shareOut({ used, free, cores }, caps)
        for (const given of Object.values(capacity)) assert.ok(Number.isSafeInteger(given) && given > 0)
        for (const share of Object.values(load))
          assert.ok(Number.isInteger(share) && share >= 0 && share <= 1000)
        assert.ok(capacity.cpu <= caps.cpu && capacity.disk <= caps.disk)
      }),
    )
  })
})

describe('measuring', () => {
  const dir = mkdtempSync(join(tmpdir(), 'freehold-measures-'))
  after(() => rmSync(dir, { recursive: true, force: true }))

  it('sees what this process uses, whatever else there is on the disk', async () => {
    mkdirSync(join(dir, 'store'))
    writeFileSync(join(dir, 'store', '000005.ldb'), Buffer.alloc(3 * 1024 * 1024))
    const traffic = { sentBytes: 0, receivedBytes: 0 }
    const measures = new Measures({ dataDir: dir, traffic: () => traffic, caps: {} }, 0)
    const before = process.cpuUsage()
    while (process.cpuUsage(before).user < 100_000);
    traffic.receivedBytes = 3_000_000
    const { used, capacity } = await measures.take(30_000)
    assert.ok(used.cpu >= 3 && used.cpu < 100, `${used.cpu}`)
    assert.equal(used.disk, 3)
    assert.ok(used.memory > 20 && used.memory < capacity.memory)
    assert.equal(used.bandwidth, 800)
    assert.ok(capacity.cpu >= 500 && capacity.disk > 3)
    const { used: later } = await measures.take(33_000)
    assert.equal(later.bandwidth, 720, 'a tenth of the mean is of the last 3 s')
  })

  it('counts a folder with all that is in it, and sees what grew, came and went', async () => {
    const folder = mkdtempSync(join(dir, 'folder-'))
    mkdirSync(join(folder, 'store'))
    const put = (name: string, bytes: number) => writeFileSync(join(folder, name), Buffer.alloc(bytes))
    const size = new FolderSize(folder)
    assert.equal(await size.bytes(), 0)
    put('keys.json', 10)
    put('store/000001.ldb', 1_000)
    put('store/000002.log', 500)
    assert.equal(await size.bytes(), 1_510)
    put('store/000002.log', 700)
    put('store/000003.ldb', 2_000)
    rmSync(join(folder, 'store/000001.ldb'))
    assert.equal(await size.bytes(), 2_710)
    rmSync(folder, { recursive: true })
    assert.equal(await size.bytes(), 0)
  })
})
