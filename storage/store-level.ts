import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { putU32, readU32 } from './bytes.ts'
import { nodeKey } from './keys.ts'
import { damagedTable, listTables, type TableFile, unchanged } from './level-tables.ts'
import type { Store, StoreEntry, StoreOp, StoreRange } from './store.ts'
import { StoreError, startAnew } from './store-error.ts'

/** The layout of keys and values on disk. A change that older code can't read gets the next number. */
export const storeFormatVersion = 2

const formatKey = nodeKey('format')
const encoding = { keyEncoding: 'view', valueEncoding: 'view' } as const
/** LevelDB's default is 4 MiB; the fuller its tables when they leave memory, the less often they are merged. */
const writeBufferSize = 16 * 1024 * 1024

type Db = Level<Uint8Array, Uint8Array>

/**
 * Opens the LevelDB directory at `path`, and makes it when there is none.
 * @throws StoreError `locked`, `corrupt`, `newer-format`, `older-format`, `full`, `denied`, `not-a-directory` or `io`
 */
export async function openLevelStore(path: string): Promise<Store> {
  await refuseLostDirectory(path)
  const tables = await listTables(path)
  const db: Db = new Level(path, { ...encoding, writeBufferSize })
  try {
    await db.open()
  } catch (error) {
    throw storeError(path, error)
  }
  try {
    await refuseDroppedWrites(path)
    await refuseDamagedTables(path, tables)
    await checkFormat(path, db)
  } catch (error) {
    await db.close()
    throw error instanceof StoreError ? error : storeError(path, error)
  }
  return new LevelStore(path, db)
}

interface WaitingWrite {
  readonly ops: readonly StoreOp[]
  readonly sync: boolean
  readonly done: (error?: Error) => void
}

/** A write can be read once its `done` was called. */
class LevelStore implements Store {
  readonly #path: string
  readonly #db: Db
  #waiting: WaitingWrite[] = []
  #writing = false
  #failed: StoreError | undefined

  constructor(path: string, db: Db) {
    this.#path = path
    this.#db = db
  }

  write(ops: readonly StoreOp[], options: { sync: boolean }, done: (error?: Error) => void): void {
    this.#waiting.push({ ops, sync: options.sync, done })
    if (!this.#writing) this.#writeWaiting()
  }

  /** One LevelDB batch at a time, since two could overtake each other in the thread pool; the next takes all that wait. */
  #writeWaiting(): void {
    const writes = this.#waiting
    this.#waiting = []
    this.#writing = true
    const settle = (error?: StoreError) => {
      this.#writing = false
      // After a failed append LevelDB's own log may be torn in the middle, and after a failed sync the kernel may
      // have dropped pages that it will not report again: nothing written afterwards could be trusted.
      if (error) this.#failed ??= error
      if (this.#waiting.length > 0) this.#writeWaiting()
      for (const write of writes) write.done(error)
    }
    if (this.#failed) {
      const failed = this.#failed
      queueMicrotask(() => settle(failed))
      return
    }
    const sync = writes.some(write => write.sync)
    this.#db.batch(levelOps(writes), { ...encoding, sync }).then(
      () => settle(),
      error => settle(storeError(this.#path, error)),
    )
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#reading(() => this.#db.get(key))
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#reading(() => this.#db.getMany(keys as Uint8Array[]))
  }

  async *range(range: StoreRange): AsyncIterable<StoreEntry> {
    const bounds = {
      gte: range.from,
      lt: range.to,
      reverse: range.reverse ?? false,
      limit: range.limit ?? -1,
    }
    const iterator = await this.#reading(async () => this.#db.iterator(bounds))
    try {
      for (;;) {
        const entry = await this.#reading(() => iterator.next())
        if (!entry) return
        yield { key: entry[0], value: entry[1] }
      }
    } finally {
      await iterator.close()
    }
  }

  async close(): Promise<void> {
    await this.#db.close()
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      throw storeError(this.#path, error)
    }
  }
}

function levelOps(writes: readonly WaitingWrite[]) {
  const ops: ({ type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array })[] = []
  for (const write of writes) {
    for (const { key, value } of write.ops) {
      ops.push(value === undefined ? { type: 'del', key } : { type: 'put', key, value })
    }
  }
  return ops
}

/** LevelDB would silently start over when CURRENT is gone; what the other files held must not be forgotten that way. */
async function refuseLostDirectory(path: string): Promise<void> {
  let names: string[]
  try {
    await mkdir(path, { recursive: true })
    names = await readdir(path)
  } catch (error) {
    throw storeError(path, error)
  }
  const hasData = names.some(name => name.startsWith('MANIFEST-') || /\.(ldb|sst|log)$/.test(name))
  if (hasData && !names.includes('CURRENT')) throw StoreError.corrupt(path, 'its file CURRENT is missing')
}

/**
 * LevelDB opens a store whose write-ahead log has a broken record in the middle, drops what stood there, and says so only
 * in its own log file. A node that lost synced writes could break promises it made, so it is told.
 */
async function refuseDroppedWrites(path: string): Promise<void> {
  const report = await readFile(join(path, 'LOG'), 'latin1').catch(() => '')
  const dropped = report.match(/dropping \d+ bytes; Corruption: (.*)/)
  if (dropped) throw StoreError.corrupt(path, `${dropped[1]} in its write-ahead log`)
}

/** Opening removes what a crash left of a table that was never finished; what is left of those from before is whole. */
async function refuseDamagedTables(path: string, before: readonly TableFile[]): Promise<void> {
  const damage = await damagedTable(path, unchanged(before, await listTables(path)))
  if (damage !== undefined) throw StoreError.corrupt(path, damage)
}

async function checkFormat(path: string, db: Db): Promise<void> {
  const found = await db.get(formatKey)
  if (found === undefined) {
    for await (const _ of db.keys({ limit: 1 }))
      throw StoreError.corrupt(path, 'it has data but no format version')
    const version = new Uint8Array(4)
    putU32(version, 0, storeFormatVersion)
    await db.put(formatKey, version, { ...encoding, sync: true })
    return
  }
  const version = found.length === 4 ? readU32(found, 0) : Number.NaN
  if (version === storeFormatVersion) return
  if (!(version > 0)) throw StoreError.corrupt(path, 'its format version is unreadable')
  if (version > storeFormatVersion)
    throw new StoreError(
      'newer-format',
      path,
      `The data in ${path} has format ${version} and this program knows ${storeFormatVersion}: update the program.`,
    )
  const older = `The data in ${path} has the older format ${version} and this program reads ${storeFormatVersion}`
  throw new StoreError(
    'older-format',
    path,
    `${older}: start it with the program that wrote it, or ${startAnew}.`,
  )
}

/** The innermost of LevelDB's nested errors says what happened. */
function innermost(error: unknown): { code: string; message: string } {
  let inner = error
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause
  const message = inner instanceof Error ? inner.message : String(inner)
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : ''
  return { code, message }
}

function storeError(path: string, error: unknown): StoreError {
  const { code, message } = innermost(error)
  if (code === 'LEVEL_LOCKED') {
    const text = `Another process uses the data in ${path}: stop it first, or give this one its own directory.`
    return new StoreError('locked', path, text, error)
  }
  if (code === 'ENOSPC' || /no space left|quota exceeded|file too large/i.test(message)) {
    const text = `The disk that holds ${path} is full: free some space and start the node again.`
    return new StoreError('full', path, text, error)
  }
  if (
    code === 'EACCES' ||
    code === 'EPERM' ||
    code === 'EROFS' ||
    /permission denied|read-only/i.test(message)
  ) {
    const text = `The data in ${path} may not be written: give this user the right to, or name another directory.`
    return new StoreError('denied', path, text, error)
  }
  if (code === 'EEXIST' || code === 'ENOTDIR') {
    return new StoreError(
      'not-a-directory',
      path,
      `${path} is not a directory: name another place for the data.`,
      error,
    )
  }
  if (/^LEVEL_CORRUPTION$/.test(code) || /corruption|invalid argument|no such file/i.test(message)) {
    return StoreError.corrupt(path, message, error)
  }
  if (/NOT_OPEN$/.test(code)) return new StoreError('closed', path, `The store in ${path} was closed.`, error)
  const text = `The disk that holds ${path} failed (${message}): check the disk, then start the node again.`
  return new StoreError('io', path, text, error)
}
