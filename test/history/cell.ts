import type { Operation, Value } from './operation.ts'

/** What a key holds before anybody wrote: players begin without a course and with empty hands, and without a session. */
export const initialValue = (key: string): Value => (key.endsWith('/session') ? null : 0)

/**
 * One cell, as the rules have it: what it holds after an operation, or undefined when the operation can't have told what
 * it told. An add without an answer (value null) adds as well.
 */
export function apply(held: Value, { f, value }: Pick<Operation, 'f' | 'value'>): Value | undefined {
  if (f === 'write') return value
  if (f === 'read') return held === value ? held : undefined
  const sum = Number(held) + 1
  return value === null || value === sum ? sum : undefined
}
