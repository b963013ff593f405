import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLevelStore } from '../../storage/store-level.ts'

const store = new URL('../../storage/store-level.ts', import.meta.url).href

/** Writes until the disk takes no more, then tries once again; prints how it was told. */
const program = `
  const { openLevelStore } = await import(process.argv[1])
  const store = await openLevelStore(process.argv[2])
  const write = i => new Promise(resolve => {
    store.write([{ key: Uint8Array.of(9, i >> 8, i), value: new Uint8Array(4096).fill(i) }], { sync: true }, resolve)
  })
  let durable = 0
  let error
  while (!(error = await write(durable))) durable += 1
  const again = await write(0)
  console.log(JSON.stringify({ durable, code: error.code, message: error.message, again: again?.code }))
`

describe('a store on a full disk', () => {
  it('says so to the writer, takes nothing afterwards, and has what it had promised', async function () {
    this.timeout(20_000)
    const path = await mkdtemp(join(tmpdir(), 'freehold-full-'))
    try {
      // A limit on file size is a disk that is full for this process alone. 2048 blocks of 512 bytes are 1 MiB.
      const limited = `ulimit -f 2048; trap '' XFSZ; exec "$0" "$@"`
      const args = ['-c', limited, process.execPath, '--input-type=module', '-e', program, store, path]
      const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8' })
      const told = JSON.parse(stdout || assert.fail(stderr))
      assert.equal(told.code, 'full')
      assert.match(told.message, /free some space/)
      assert.equal(told.again, 'full')
      assert.ok(told.durable > 10)
      const reopened = await openLevelStore(path)
      for (let i = 0; i < told.durable; i++) {
        assert.equal((await reopened.get(Uint8Array.of(9, i >> 8, i)))?.length, 4096, `write ${i}`)
      }
      await reopened.close()
    } finally {
      await rm(path, { recursive: true, force: true })
    }
  })
})
