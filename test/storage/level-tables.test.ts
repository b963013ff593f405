import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { damagedTable, listTables } from '../../storage/level-tables.ts'
import type { StoreOp } from '../../storage/store.ts'
import { openLevelStore } from '../../storage/store-level.ts'

describe('the tables of a store', function () {
  this.timeout(10_000)
  let path: string

  before(async () => {
    path = await mkdtemp(join(tmpdir(), 'freehold-tables-'))
    const store = await openLevelStore(path)
    // Half of it can be packed, half can't: blocks of both kinds.
    const ops = Array.from({ length: 400 }, (_, i): StoreOp => {
      const noise = createHash('sha512').update(`${i}`).digest()
      return {
        key: Uint8Array.of(8, i >> 8, i & 255),
        value: i < 200 ? noise : new Uint8Array(300).fill(i),
      }
    })
    await new Promise<void>((resolve, reject) =>
      store.write(ops, { sync: true }, error => (error ? reject(error) : resolve())),
    )
    await store.close()
    // What stood in the write-ahead log is a table from the next opening on.
    await (await openLevelStore(path)).close()
  })

  after(() => rm(path, { recursive: true, force: true }))

  it('are whole as LevelDB writes them', async () => {
    const tables = await listTables(path)
    assert.ok(tables.length > 0)
    assert.equal(await damagedTable(path, tables), undefined)
  })

  it('are not with any one bit flipped, wherever it stands, nor cut short', async () => {
    const tables = await listTables(path)
    const file = join(path, tables[0]!.name)
    const whole = await readFile(file)
    try {
      for (let at = 0; at < whole.length; at += at > whole.length - 300 ? 1 : 37) {
        const bytes = Buffer.from(whole)
        bytes[at]! ^= 1 << (at % 8)
        await writeFile(file, bytes)
        assert.match((await damagedTable(path, tables)) ?? `nothing seen at ${at}`, / in \d+\.ldb$/)
      }
      for (const length of [0, 47, 48, 100, whole.length >> 1, whole.length - 1]) {
        await writeFile(file, whole.subarray(0, length))
        assert.ok(await damagedTable(path, tables), `${length} bytes`)
      }
    } finally {
      await writeFile(file, whole)
    }
  })

  it('are looked at before anything is read, so that the store is refused with a reason', async () => {
    const [table] = await listTables(path)
    const file = join(path, table!.name)
    const whole = await readFile(file)
    const bytes = Buffer.from(whole)
    bytes[200]! ^= 0x10
    await writeFile(file, bytes)
    await assert.rejects(openLevelStore(path), {
      code: 'corrupt',
      message: /checksum in \d+\.ldb.*--wipe-store/,
    })
    await writeFile(file, whole)
    await (await openLevelStore(path)).close()
  })

  it('may be left unfinished by a crash, under a name that LevelDB does not know', async () => {
    const whole = await readFile(join(path, (await listTables(path))[0]!.name))
    await writeFile(join(path, '009999.ldb'), whole.subarray(0, 500))
    await (await openLevelStore(path)).close()
    assert.ok(!(await listTables(path)).some(({ name }) => name === '009999.ldb'))
  })
})
