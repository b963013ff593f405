import { joinBytes } from '../../../storage/bytes.ts'

/** The first byte of what authorities are sent. */
export const frames = {
  word: 1,
  input: 2,
  of(kind: 'word' | 'input', bytes: Uint8Array): Uint8Array {
    return joinBytes([Uint8Array.of(frames[kind]), bytes])
  },
} as const
