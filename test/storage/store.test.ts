import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Level } from 'level'
import { nodeKey, prefixRange } from '../../storage/keys.ts'
import type { Store, StoreEntry, StoreOp, StoreRange } from '../../storage/store.ts'
import { StoreError } from '../../storage/store-error.ts'
import { openLevelStore } from '../../storage/store-level.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

const everything = { from: new Uint8Array(0), to: new Uint8Array(64).fill(0xff) }

function write(store: Store, ops: StoreOp[], sync = false): Promise<void> {
  return new Promise((resolve, reject) =>
    store.write(ops, { sync }, error => (error ? reject(error) : resolve())),
  )
}

async function all(store: Store, range: StoreRange): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = []
  for await (const entry of store.range(range)) entries.push(entry)
  return entries
}

function hex(entries: readonly StoreEntry[]): string[] {
  return entries.map(
    ({ key, value }) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`,
  )
}

async function rejection(promise: Promise<unknown>): Promise<StoreError> {
  const error = await promise.then(
    () => assert.fail('was not refused'),
    error => error,
  )
  assert.ok(error instanceof StoreError, String(error))
  return error
}

describe('a store', () => {
  let path: string
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'freehold-store-'))
  })
  afterEach(() => rm(path, { recursive: true, force: true }))

  it('reads the same from memory and from disk, whatever was written', async function () {
    this.timeout(20_000)
    const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 })
    const op = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 8 }), { nil: undefined }) })
    const range = fc.record({
      from: key,
      to: key,
      reverse: fc.boolean(),
      limit: fc.integer({ min: 0, max: 6 }),
    })
    const disk = await openLevelStore(path)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(op, { maxLength: 12 }), { maxLength: 5 }),
        range,
        async (batches, range) => {
          const memory = new MemoryStore()
          const space = prefixRange(Uint8Array.of(0x7a))
          const kept = await all(disk, space)
          await write(
            disk,
            kept.map(({ key }) => ({ key, value: undefined })),
          )
          const within = (bytes: Uint8Array) => Buffer.concat([Uint8Array.of(0x7a), bytes])
          for (const batch of batches) {
            const ops = batch.map(({ key, value }) => ({ key: within(key), value }))
            await Promise.all([write(disk, ops, true), write(memory, ops, true)])
          }
          const asked = { ...range, from: within(range.from), to: within(range.to) }
          assert.deepEqual(hex(await all(disk, space)), hex(await all(memory, space)))
          assert.deepEqual(hex(await all(disk, asked)), hex(await all(memory, asked)))
          const keys = batches.flat().map(op => within(op.key))
          assert.deepEqual(
            (await disk.getMany(keys)).map(value => value && Buffer.from(value)),
            (await memory.getMany(keys)).map(value => value && Buffer.from(value)),
          )
        },
      ),
      { numRuns: 40 },
    )
    await disk.close()
  })

  it('keeps order when it holds many keys', async () => {
    const store = new MemoryStore()
    const keys = Array.from({ length: 5000 }, (_, i) => Uint8Array.of((i * 7919) >> 8, i * 7919, i >> 8, i))
    for (const key of keys) await write(store, [{ key, value: key }])
    for (const key of keys.filter((_, i) => i % 3 === 0)) await write(store, [{ key, value: undefined }])
    const left = keys.filter((_, i) => i % 3 !== 0).sort(Buffer.compare)
    assert.deepEqual(
      (await all(store, everything)).map(entry => entry.key),
      left,
    )
    assert.deepEqual(
      (await all(store, { ...everything, reverse: true })).map(entry => entry.key),
      left.toReversed(),
    )
  })

  it('does not let a range see what is written while it is read', async () => {
    for (const store of [new MemoryStore(), await openLevelStore(path)]) {
      const keys = [1, 2, 3].map(i => Uint8Array.of(0x7a, i))
      await write(
        store,
        keys.map(key => ({ key, value: key })),
      )
      let seen = 0
      for await (const _ of store.range(prefixRange(Uint8Array.of(0x7a)))) {
        await write(
          store,
          keys.map(key => ({ key, value: undefined })),
        )
        seen += 1
      }
      assert.equal(seen, 3)
      await store.close()
    }
  })

  it('answers a write only after write returned, and in order', async () => {
    for (const store of [new MemoryStore(), await openLevelStore(path)]) {
      const answers: number[] = []
      await new Promise<void>(resolve => {
        for (let i = 0; i < 50; i++) {
          store.write([{ key: Uint8Array.of(9), value: Uint8Array.of(i) }], { sync: i % 7 === 0 }, () => {
            answers.push(i)
            if (i === 49) resolve()
          })
        }
        assert.deepEqual(answers, [])
      })
      assert.deepEqual(
        answers,
        Array.from({ length: 50 }, (_, i) => i),
      )
      assert.deepEqual([...(await store.get(Uint8Array.of(9)))!], [49])
      await store.close()
    }
  })

  it('does not keep the buffers that it was handed', async () => {
    for (const store of [new MemoryStore(), await openLevelStore(path)]) {
      const value = Buffer.of(1, 2, 3)
      const written = write(store, [{ key: Uint8Array.of(9), value }])
      value.fill(0)
      await written
      assert.deepEqual([...(await store.get(Uint8Array.of(9)))!], [1, 2, 3])
      await store.close()
    }
  })

  it('refuses to read or write once it is closed', async () => {
    for (const store of [new MemoryStore(), await openLevelStore(path)]) {
      await store.close()
      assert.equal(
        (await rejection(write(store, [{ key: Uint8Array.of(9), value: undefined }]))).code,
        'closed',
      )
      assert.equal((await rejection(store.get(Uint8Array.of(9)))).code, 'closed')
      assert.equal((await rejection(all(store, everything))).code, 'closed')
    }
  })

  it('has what was written when it is opened again', async () => {
    const first = await openLevelStore(path)
    await write(first, [{ key: Uint8Array.of(5), value: Uint8Array.of(6) }], true)
    await first.close()
    const second = await openLevelStore(path)
    assert.deepEqual([...(await second.get(Uint8Array.of(5)))!], [6])
    await second.close()
  })
})

describe('opening a directory says what is wrong and what to do', () => {
  let path: string
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'freehold-store-'))
    const store = await openLevelStore(path)
    const ops = Array.from({ length: 200 }, (_, i) => ({
      key: Uint8Array.of(8, i),
      value: new Uint8Array(300).fill(i),
    }))
    for (const op of ops) await write(store, [op], false)
    await store.close()
  })
  afterEach(() => rm(path, { recursive: true, force: true }))

  async function damage(pattern: RegExp, change: (bytes: Buffer) => void): Promise<void> {
    const name = (await readdir(path))
      .filter(name => pattern.test(name))
      .sort()
      .at(-1)!
    const bytes = await readFile(join(path, name))
    change(bytes)
    await writeFile(join(path, name), bytes)
  }

  it('when another process has it', async () => {
    const open = await openLevelStore(path)
    const error = await rejection(openLevelStore(path))
    assert.equal(error.code, 'locked')
    assert.match(error.message, /stop it first/)
    await open.close()
  })

  it('when its manifest is damaged', async () => {
    await damage(/^MANIFEST-/, bytes => bytes.fill(0x55, 0, 40))
    assert.equal((await rejection(openLevelStore(path))).code, 'corrupt')
  })

  it('when its write-ahead log has one flipped bit in the middle', async () => {
    await damage(/\.log$/, bytes => {
      bytes[bytes.length >> 1]! ^= 1
    })
    const error = await rejection(openLevelStore(path))
    assert.equal(error.code, 'corrupt')
    assert.match(error.message, /freehold start --wipe-store/)
  })

  it('but not when the last write was torn, as a crash does', async () => {
    const name = (await readdir(path)).find(name => name.endsWith('.log'))!
    const bytes = await readFile(join(path, name))
    await writeFile(join(path, name), bytes.subarray(0, bytes.length - 100))
    const store = await openLevelStore(path)
    assert.equal(await store.get(Uint8Array.of(8, 199)), undefined)
    assert.equal((await store.get(Uint8Array.of(8, 198)))!.length, 300)
    await store.close()
  })

  it('when CURRENT is gone, which LevelDB would take for a new store', async () => {
    await unlink(join(path, 'CURRENT'))
    assert.equal((await rejection(openLevelStore(path))).code, 'corrupt')
  })

  it('when a newer program wrote it', async () => {
    const store = await openLevelStore(path)
    await write(store, [{ key: nodeKey('format'), value: Uint8Array.of(0, 0, 0, 99) }], true)
    await store.close()
    const error = await rejection(openLevelStore(path))
    assert.equal(error.code, 'newer-format')
    assert.match(error.message, /update the program/)
  })

  it('when an older program wrote it that this one cannot read, which is no damage', async () => {
    const store = await openLevelStore(path)
    await write(store, [{ key: nodeKey('format'), value: Uint8Array.of(0, 0, 0, 1) }], true)
    await store.close()
    const error = await rejection(openLevelStore(path))
    assert.equal(error.code, 'older-format')
    assert.match(
      error.message,
      /older format 1 .* the program that wrote it, or run freehold start --wipe-store/,
    )
    assert.doesNotMatch(error.message, /damaged/)
  })

  it('when something else than a node wrote it', async () => {
    const other = join(path, 'other')
    const db = new Level(other)
    await db.put('a', 'b')
    await db.close()
    assert.equal((await rejection(openLevelStore(other))).code, 'corrupt')
  })

  it('when the path is a file', async () => {
    await writeFile(join(path, 'file'), 'x')
    assert.equal((await rejection(openLevelStore(join(path, 'file')))).code, 'not-a-directory')
  })
})
