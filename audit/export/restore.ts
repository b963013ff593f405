import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { type Decision, maxCertificatesBytes, verified } from '../decision.ts'
import { AuditError } from '../errors.ts'
import { charterBody, findArea, readGenesis } from '../genesis.ts'
import { openCheckpoint, type RefusedCheckpoint } from '../signed-checkpoint.ts'
import { describeSigners, LogSigners } from '../signers.ts'
import { equalBytes, fromBase64 } from '../verify/bytes.ts'
import { kindNumber } from '../verify/record-kinds.ts'
import { JSON_FORMAT } from './json-lines.ts'
import { LogFiles, type Row, write } from './log-files.ts'
import { SQLITE_FORMAT } from './sqlite.ts'

export interface RestoreOptions {
  /** What `exportAuthority` wrote, in either format. */
  readonly file: string
  /** Path of the genesis file to trust. */
  readonly genesis: string
  /** Folder to write to, as `freehold log export` does. */
  readonly dir: string
}

export interface Restored {
  readonly origin: string
  readonly size: number
  readonly dir: string
}

interface Backup {
  readonly origin: string
  readonly checkpoint: string
  /** As the file of that name; undefined in a backup of a log that came without. */
  readonly certificates: unknown
  readonly rows: AsyncIterable<Row | undefined> | Iterable<Row | undefined>
  close(): void
}

const maxBodyBytes = 65_000
const maxLineChars = 400_000
/** With the members' decision in it. */
const maxHeadChars = maxLineChars + 2 * maxCertificatesBytes
const sqliteMagic = 'SQLite format 3\0'

/**
 * Makes a log's files from a backup: checkpoint, charter, tiles, entries and bodies. All records must lead to the root that a
 * member signed.
 * @throws AuditError `bad-backup`, or what is wrong with the genesis file
 */
export async function restoreLog(options: RestoreOptions): Promise<Restored> {
  const genesis = readGenesis(options.genesis)
  const backup = await openBackup(options.file)
  try {
    const area = findArea(genesis, backup.origin)
    const signers = new LogSigners(genesis, area)
    const decision = decisionIn(options.file, signers, backup)
    signers.learn(decision?.named ?? [])
    const opened = openCheckpoint(Buffer.from(backup.checkpoint), signers)
    if (!opened.ok) throw bad(options.file, unsigned(signers, opened))
    const { size, root } = opened.checkpoint
    if ((decision?.size ?? 0) > size) throw bad(options.file, undecided)
    const log = join(options.dir, 'log', backup.origin)
    const files = new LogFiles(log)
    for await (const row of backup.rows) {
      if (row === undefined || row.leaf !== files.size)
        throw bad(options.file, `record ${files.size} is malformed or missing`)
      files.add(row)
    }
    if (files.size !== size)
      throw bad(options.file, `it has ${files.size} records, and its checkpoint ${size}`)
    if (!equalBytes(files.root(), root)) throw bad(options.file, 'its records are not those that were signed')
    files.end()
    write(join(options.dir, 'genesis.json'), genesis.bytes)
    write(join(log, 'charter'), charterBody(genesis, area))
    if (decision !== undefined) write(join(log, 'certificates'), Buffer.from(decision.text))
    // Last: a folder without it is no log.
    write(join(log, 'checkpoint'), Buffer.from(backup.checkpoint))
    return { origin: backup.origin, size, dir: options.dir }
  } finally {
    backup.close()
  }
}

/** Whether it is the decision on just this log, an audit of the restored one shows. */
function decisionIn(file: string, signers: LogSigners, { certificates }: Backup): Decision | undefined {
  if (certificates === undefined) return undefined
  const decision = typeof certificates === 'string' ? verified(signers, certificates) : 'malformed'
  if (typeof decision === 'string') throw bad(file, undecided)
  return decision
}

const undecided = "the members' decision in it does not hold"

function unsigned(signers: LogSigners, { strangers }: RefusedCheckpoint): string {
  return strangers.length === 0
    ? 'no member of the authority signed its checkpoint'
    : `its checkpoint is signed by ${describeSigners(signers, strangers)}`
}

function bad(file: string, why: string): AuditError {
  return new AuditError('bad-backup', `${file} cannot be restored: ${why}.`)
}

async function openBackup(file: string): Promise<Backup> {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) throw bad(file, 'it is not there')
  if (!stat.isFile()) throw bad(file, 'it is no file')
  return beginning(file) === sqliteMagic ? openSqlite(file) : await openJson(file)
}

function beginning(file: string): string {
  const handle = openSync(file, 'r')
  try {
    const head = Buffer.alloc(sqliteMagic.length)
    readSync(handle, head, 0, head.length, 0)
    return head.toString('latin1')
  } finally {
    closeSync(handle)
  }
}

function openSqlite(file: string): Backup {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    const meta = new Map(
      db
        .prepare('SELECT name, value FROM meta')
        .all()
        .map(({ name, value }) => [name, value]),
    )
    const [origin, checkpoint] = [meta.get('origin'), meta.get('checkpoint')]
    const certificates = meta.get('certificates')
    if (meta.get('format') !== SQLITE_FORMAT || typeof origin !== 'string' || typeof checkpoint !== 'string')
      throw bad(file, 'it is no export of this program')
    const rows = db.prepare('SELECT leaf, kind, rules, salt, body FROM records ORDER BY leaf').iterate()
    return { origin, checkpoint, certificates, rows: mapped(rows), close: () => db.close() }
  } catch (error) {
    db.close()
    throw error instanceof AuditError ? error : bad(file, (error as Error).message)
  }
}

function* mapped(rows: Iterable<Record<string, unknown>>): Iterable<Row | undefined> {
  for (const row of rows) yield rowOf(row)
}

async function openJson(file: string): Promise<Backup> {
  const stream = createReadStream(file)
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })[
    Symbol.asyncIterator
  ]()
  const first = await lines.next()
  const head = first.done ? undefined : jsonOf(first.value, maxHeadChars)
  const { format, origin, checkpoint, certificates } = head ?? {}
  if (format !== JSON_FORMAT || typeof origin !== 'string' || typeof checkpoint !== 'string') {
    stream.destroy()
    throw bad(file, 'it is no export of this program')
  }
  return {
    origin,
    checkpoint,
    certificates,
    rows: parsed({ [Symbol.asyncIterator]: () => lines }),
    close: () => stream.destroy(),
  }
}

async function* parsed(lines: AsyncIterable<string>): AsyncIterable<Row | undefined> {
  for await (const line of lines) {
    const value = jsonOf(line)
    const bytes = (text: unknown) => (typeof text === 'string' ? fromBase64(text) : undefined)
    yield value && rowOf({ ...value, salt: bytes(value['salt']), body: bytes(value['body']) })
  }
}

function rowOf({ leaf, kind, rules, salt, body }: Record<string, unknown>): Row | undefined {
  if (!Number.isSafeInteger(leaf) || !Number.isSafeInteger(rules)) return undefined
  if (typeof kind !== 'string' || kindNumber(kind) === undefined) return undefined
  if (!(salt instanceof Uint8Array) || salt.length !== 16) return undefined
  if (!(body instanceof Uint8Array) || body.length > maxBodyBytes) return undefined
  return { leaf: leaf as number, kind, rules: rules as number, salt, body }
}

function jsonOf(line: string, maxChars = maxLineChars): Record<string, unknown> | undefined {
  if (line.length > maxChars) return undefined
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
