import { codeNumber, codeOfNumber, type OutcomeCode } from '../reasons.ts'
import { ByteReader, ID_BYTES, writer } from './bytes.ts'

/**
 * What became of one input, and where it stands. `entity` and `value` by code and action (docs/rules.md has the table):
 * the character, structure or target; the tick at which it works again, the expected seq, the place of landing, …
 */
export interface Outcome {
  readonly seq: number
  readonly leaf: number
  /** The area's tick when it was applied. */
  readonly tick: number
  readonly code: OutcomeCode
  readonly entity: string | undefined
  readonly value: number | undefined
}

/** seq u32 ‖ leaf u64 ‖ tick u64 ‖ code u8 ‖ flags u8 (1 entity, 2 value) ‖ [entity 16] ‖ [value i64] */
export function encodeOutcome(outcome: Outcome): Uint8Array {
  writer.start()
  writeOutcome(outcome)
  return writer.finish()
}

export function writeOutcome({ seq, leaf, tick, code, entity, value }: Outcome): void {
  const flags = (entity === undefined ? 0 : 1) + (value === undefined ? 0 : 2)
  writer.u32(seq).u53(leaf).u53(tick).u8(codeNumber(code)).u8(flags)
  if (entity !== undefined) writer.id(entity)
  if (value !== undefined) writer.i53(value)
}

export function decodeOutcome(bytes: Uint8Array): Outcome | undefined {
  const reader = new ByteReader(bytes)
  const outcome = readOutcome(reader)
  return reader.done() ? outcome : undefined
}

export function readOutcome(reader: ByteReader): Outcome {
  const seq = reader.u32()
  const leaf = reader.u53()
  const tick = reader.u53()
  const code = codeOfNumber(reader.u8())
  const flags = reader.index(4)
  if (code === undefined) reader.ok = false
  return {
    seq,
    leaf,
    tick,
    code: code ?? 'malformed',
    entity: flags & 1 ? reader.id() : undefined,
    value: flags & 2 ? reader.i53() : undefined,
  }
}

/** No encoded outcome is longer. */
export const OUTCOME_MAX_BYTES = 4 + 8 + 8 + 1 + 1 + ID_BYTES + 8
