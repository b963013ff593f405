import { fromBase64, fromDecimal } from './bytes.ts'

/** The note text of C2SP tlog-checkpoint. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  readonly extensions: readonly string[]
}

/** Undefined unless it is at least three lines, none empty, with a decimal size and a root of 32 bytes. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const lines = text.split('\n')
  if (lines.pop() !== '' || lines.length < 3 || lines.some(line => line === '')) return undefined
  const size = fromDecimal(lines[1]!)
  const root = fromBase64(lines[2]!)
  if (size === undefined || root?.length !== 32) return undefined
  return { origin: lines[0]!, size, root, extensions: lines.slice(3) }
}
