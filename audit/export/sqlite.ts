import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { EntityView } from '../../world/codec.ts'
import { decodeInput, isMoving, type Motion } from '../../world/codec.ts'
import { areaOf } from '../../world/kinds.ts'
import type { ToldLog, ToldRecord } from '../audit.ts'
import { readSeal } from '../replay/bodies.ts'
import { hex } from '../verify/bytes.ts'
import { kindName } from '../verify/record-kinds.ts'
import type { ExportWriter } from './writer.ts'

export const SQLITE_FORMAT = 'freehold-log-sqlite/1'
const recordsPerTransaction = 10_000

/**
 * `courses` tells where everything was: from one tick to the next course's, an entity was at (x + vx · t, y + vy · t), t ticks
 * after `from_tick` and at most until `until_tick`. `whereabouts` has both ends of each.
 */
const SCHEMA = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE records (
  leaf INTEGER PRIMARY KEY, kind TEXT NOT NULL, rules INTEGER NOT NULL, tick INTEGER NOT NULL, time_ms INTEGER NOT NULL,
  player TEXT, session TEXT, seq INTEGER, action TEXT, outcome TEXT, entity TEXT, value INTEGER,
  salt BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE entities (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT, player TEXT,
  born_leaf INTEGER NOT NULL, first_ms INTEGER NOT NULL, gone_leaf INTEGER, gone_ms INTEGER) WITHOUT ROWID;
CREATE TABLE courses (
  entity TEXT NOT NULL, leaf INTEGER NOT NULL, from_tick INTEGER NOT NULL, from_ms INTEGER NOT NULL,
  to_tick INTEGER, to_ms INTEGER,
  x_mm INTEGER NOT NULL, y_mm INTEGER NOT NULL, vx INTEGER NOT NULL, vy INTEGER NOT NULL, until_tick INTEGER NOT NULL);
CREATE TABLE seals (
  height INTEGER PRIMARY KEY, leaf INTEGER NOT NULL, size INTEGER NOT NULL, tick INTEGER NOT NULL,
  time_ms INTEGER NOT NULL, state_root TEXT NOT NULL);
CREATE VIEW whereabouts AS
  SELECT entity, from_ms, to_ms, from_tick, to_tick, x_mm, y_mm,
    x_mm + vx * max(0, min(coalesce(to_tick, until_tick), until_tick) - from_tick) AS to_x_mm,
    y_mm + vy * max(0, min(coalesce(to_tick, until_tick), until_tick) - from_tick) AS to_y_mm
  FROM courses;
`

/** Made when everything is in. */
const INDEXES = `
CREATE INDEX records_by_player ON records (player, session, seq);
CREATE INDEX records_by_entity ON records (entity, leaf);
CREATE INDEX records_by_kind ON records (kind, leaf);
CREATE INDEX records_by_time ON records (time_ms);
CREATE INDEX entities_by_player ON entities (player);
CREATE INDEX courses_by_entity ON courses (entity, from_ms);
CREATE INDEX courses_by_time ON courses (from_ms, to_ms);
`

/** A database for questions: who did what, and where everything was. */
export class SqliteWriter implements ExportWriter {
  readonly #path: string
  readonly #partial: string
  readonly #db: DatabaseSync
  readonly #insert: Readonly<
    Record<'meta' | 'record' | 'entity' | 'gone' | 'course' | 'courseEnd' | 'seal', StatementSync>
  >
  /** The course that each entity is on now, by its row. */
  readonly #open = new Map<string, { readonly row: number | bigint; readonly motion: Motion }>()
  #inTransaction = 0

  constructor(path: string) {
    this.#path = path
    this.#partial = `${path}.partial`
    rmSync(this.#partial, { force: true })
    const db = new DatabaseSync(this.#partial)
    db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;')
    db.exec(SCHEMA)
    db.exec('BEGIN')
    this.#db = db
    const values = (count: number): string => `(${Array<string>(count).fill('?').join(', ')})`
    this.#insert = {
      meta: db.prepare('INSERT INTO meta VALUES (?, ?)'),
      record: db.prepare(`INSERT INTO records VALUES ${values(14)}`),
      entity: db.prepare(`INSERT OR IGNORE INTO entities VALUES ${values(8)}`),
      gone: db.prepare('UPDATE entities SET gone_leaf = ?, gone_ms = ? WHERE id = ?'),
      course: db.prepare(`INSERT INTO courses VALUES ${values(11)}`),
      courseEnd: db.prepare('UPDATE courses SET to_tick = ?, to_ms = ? WHERE rowid = ?'),
      seal: db.prepare(`INSERT OR IGNORE INTO seals VALUES ${values(6)}`),
    }
  }

  begin({ genesis, origin, size, note, certificates }: ToldLog): void {
    const facts = {
      format: SQLITE_FORMAT,
      network: genesis.network,
      genesisHash: hex(genesis.hash),
      origin,
      size,
      checkpoint: note,
      ...(certificates === undefined ? {} : { certificates }),
    }
    for (const [name, value] of Object.entries(facts)) this.#insert.meta.run(name, value)
  }

  record(told: ToldRecord): void {
    const area = areaOf(told.rules)
    if (told.leaf === 0) for (const entity of area?.entities() ?? []) this.#follow(entity, told)
    this.#insertRecord(told)
    for (const id of told.applied?.changed ?? []) {
      const entity = area?.entity(id)
      if (entity !== undefined) this.#follow(entity, told)
    }
    for (const id of told.applied?.removed ?? []) this.#forget(id, told)
    if (++this.#inTransaction < recordsPerTransaction) return
    this.#inTransaction = 0
    this.#db.exec('COMMIT; BEGIN')
  }

  async end(): Promise<void> {
    this.#db.exec('COMMIT')
    this.#db.exec(INDEXES)
    this.#db.exec('ANALYZE')
    this.#db.close()
    const file = openSync(this.#partial, 'r+')
    fsyncSync(file)
    closeSync(file)
    renameSync(this.#partial, this.#path)
  }

  abandon(): void {
    this.#db.close()
    rmSync(this.#partial, { force: true })
  }

  #insertRecord({ leaf, record, applied, rules }: ToldRecord): void {
    const { kind, rulesVersion, salt, body } = record
    const decoded = kindName(kind) === 'input' ? decodeInput(body) : undefined
    const input = decoded === undefined || 'code' in decoded ? undefined : decoded
    const outcome = applied?.outcome
    this.#insert.record.run(
      ...[leaf, kindName(kind), rulesVersion, rules.tick, rules.timeMs],
      ...[
        input && hex(input.player),
        input && hex(input.session),
        input?.seq,
        input && JSON.stringify(input.action),
      ].map(value => value ?? null),
      ...[outcome?.code, outcome?.entity, outcome?.value].map(value => value ?? null),
      salt,
      body,
    )
    const seal = kindName(kind) === 'seal' ? readSeal(body) : undefined
    if (seal === undefined) return
    const { height, asOfSize, tick, timeMs, stateRoot } = seal
    this.#insert.seal.run(height, leaf, asOfSize, tick, timeMs, hex(stateRoot))
  }

  /** A new course, where this change gave it one. */
  #follow(entity: EntityView, { leaf, rules }: ToldRecord): void {
    const { id, kind, motion, birthLeaf } = entity
    const open = this.#open.get(id)
    if (open === undefined) {
      const [name, player] = entity.kind === 'character' ? [entity.name, hex(entity.player)] : [null, null]
      this.#insert.entity.run(id, kind, name, player, birthLeaf, rules.timeMs, null, null)
    } else if (isSame(open.motion, motion)) return
    else this.#insert.courseEnd.run(rules.tick, rules.timeMs, open.row)
    const { xMm, yMm, vxMmPerTick, vyMmPerTick, untilTick } = motion
    const until = isMoving(motion) ? Math.min(untilTick, Number.MAX_SAFE_INTEGER) : rules.tick
    const { lastInsertRowid } = this.#insert.course.run(
      ...[id, leaf, motion.sinceTick, rules.timeMs, null, null],
      ...[xMm, yMm, vxMmPerTick, vyMmPerTick, until],
    )
    this.#open.set(id, { row: lastInsertRowid, motion: { ...motion } })
  }

  #forget(id: string, { leaf, rules }: ToldRecord): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    this.#insert.courseEnd.run(rules.tick, rules.timeMs, open.row)
    this.#insert.gone.run(leaf, rules.timeMs, id)
    this.#open.delete(id)
  }
}

function isSame(a: Motion, b: Motion): boolean {
  return (
    a.xMm === b.xMm &&
    a.yMm === b.yMm &&
    a.vxMmPerTick === b.vxMmPerTick &&
    a.vyMmPerTick === b.vyMmPerTick &&
    a.sinceTick === b.sinceTick &&
    a.untilTick === b.untilTick
  )
}
