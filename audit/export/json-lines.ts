import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { decodeInput } from '../../world/codec.ts'
import type { ToldLog, ToldRecord } from '../audit.ts'
import { readSeal } from '../replay/bodies.ts'
import { hex, toBase64 } from '../verify/bytes.ts'
import { kindName } from '../verify/record-kinds.ts'
import type { ExportWriter } from './writer.ts'

export const JSON_FORMAT = 'freehold-log/1'
const flushChars = 1 << 20

/** JSON lines: the log first, then a line for each record: what restores it (salt, body), and what it says, for people. */
export class JsonLinesWriter implements ExportWriter {
  readonly #path: string
  readonly #partial: string
  readonly #file: number
  #lines: string[] = []
  #chars = 0

  constructor(path: string) {
    this.#path = path
    this.#partial = `${path}.partial`
    this.#file = openSync(this.#partial, 'w')
  }

  begin({ genesis, origin, size, note, certificates }: ToldLog): void {
    this.#line({
      format: JSON_FORMAT,
      network: genesis.network,
      genesisHash: hex(genesis.hash),
      origin,
      size,
      checkpoint: note,
      ...(certificates === undefined ? {} : { certificates }),
    })
  }

  record({ leaf, record, applied, rules }: ToldRecord): void {
    const { kind, rulesVersion, salt, body } = record
    this.#line({
      leaf,
      kind: kindName(kind),
      rules: rulesVersion,
      salt: toBase64(salt),
      body: toBase64(body),
      tick: rules.tick,
      timeMs: rules.timeMs,
      ...saidBy(record),
      ...(applied?.outcome === undefined ? {} : { outcome: applied.outcome }),
    })
  }

  async end(): Promise<void> {
    this.#flush()
    fsyncSync(this.#file)
    closeSync(this.#file)
    renameSync(this.#partial, this.#path)
  }

  abandon(): void {
    closeSync(this.#file)
    rmSync(this.#partial, { force: true })
  }

  #line(value: object): void {
    const line = JSON.stringify(value, shown)
    this.#lines.push(line)
    this.#chars += line.length
    if (this.#chars > flushChars) this.#flush()
  }

  #flush(): void {
    if (this.#lines.length === 0) return
    writeSync(this.#file, `${this.#lines.join('\n')}\n`)
    this.#lines = []
    this.#chars = 0
  }
}

/** Bytes as hex. A Buffer has made something else of itself before it gets here. */
function shown(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const bytes = this[key]
  return bytes instanceof Uint8Array ? hex(bytes) : value
}

/** What inputs and seals say; other records have nothing for people. */
function saidBy({ kind, body }: ToldRecord['record']): object {
  if (kindName(kind) === 'seal') {
    const seal = readSeal(body)
    return seal === undefined ? {} : { seal }
  }
  if (kindName(kind) !== 'input') return {}
  const input = decodeInput(body)
  if ('code' in input) return {}
  const { player, session, seq, action } = input
  return { input: { player, session, seq, action } }
}
