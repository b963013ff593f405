import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { explain } from '../../daemon/config/explain.ts'
import { writeFileDurably } from '../../daemon/identity/durable-file.ts'
import { openLevelStore } from '../../storage/store-level.ts'
import { serve } from '../http/harness.ts'

async function explained(action: () => unknown): Promise<string> {
  try {
    await action()
  } catch (error) {
    const known = explain(error)
    assert.ok(known !== undefined, `nobody explains ${error}`)
    assert.ok(!known.message.includes('\n'), known.message)
    assert.match(known.message, /: .*\.$/, 'says what is wrong and what to do')
    return known.message
  }
  return assert.fail('did not fail')
}

describe('what stops a node is said in one line', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-explain-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    try {
      const message = await explained(() => serve({ port }))
      assert.match(
        message,
        new RegExp(`^Another program listens on 127\\.0\\.0\\.1:${port}: stop it, or give`),
      )
    } finally {
      other.close()
    }
  })

  it('an address of another machine', async () => {
    assert.match(
      await explained(() => serve({ host: '192.0.2.1' })),
      /^This machine has no address 192\.0\.2\.1/,
    )
  })

  it('a corrupt data directory', async () => {
    const store = await openLevelStore(join(dir, 'store'))
    await store.close()
    for (const name of readdirSync(join(dir, 'store')).filter(file => file.startsWith('MANIFEST'))) {
      writeFileSync(join(dir, 'store', name), 'garbage that is no manifest')
    }
    assert.match(
      await explained(() => openLevelStore(join(dir, 'store'))),
      /damaged .*: run freehold start --wipe-store, which/,
    )
  })

  it('a full disk, wherever the error is wrapped', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      path: '/data/x',
    })
    const wrapped = new Error('could not start', { cause: new AggregateError([new Error('other'), full]) })
    const message = await explained(() => Promise.reject(wrapped))
    assert.equal(message, 'The disk that holds /data/x is full: free some space and start the node again.')
    if (process.platform !== 'linux') return
    // /dev/full answers every write with a true ENOSPC.
    assert.match(
      await explained(() => writeFileSync('/dev/full', 'x')),
      /^The disk that holds the data directory is full/,
    )
  })

  it('a file where a directory should be', async () => {
    writeFileSync(join(dir, 'file'), '')
    assert.match(
      await explained(() => mkdirSync(join(dir, 'file', 'inner'))),
      /a file where a directory should be/,
    )
  })

  it('but not what nobody foresaw: that is shown whole', () => {
    assert.equal(explain(new TypeError('x is not a function')), undefined)
    assert.equal(explain('text'), undefined)
    const loop = new Error('a')
    loop.cause = loop
    assert.equal(explain(loop), undefined)
  })
})

describe('a durable write', () => {
  it('leaves the old file whole when it fails, and no temporary one behind', () => {
    const dir = mkdtempSync(join(tmpdir(), 'freehold-durable-'))
    try {
      mkdirSync(join(dir, 'taken', 'by-a-folder'), { recursive: true })
      assert.throws(() => writeFileDurably(join(dir, 'taken'), 'x'))
      assert.deepEqual(readdirSync(dir), ['taken'])
      writeFileDurably(join(dir, 'deep', 'file'), 'one')
      writeFileDurably(join(dir, 'deep', 'file'), 'two')
      assert.deepEqual(readdirSync(join(dir, 'deep')), ['file'])
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
