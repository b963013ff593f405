import fc from 'fast-check'
import { damaged, floods, withHugeLengths } from './damage.ts'
import type { Parser } from './parser.ts'

/** What a parser did that none may do. */
export type Fault =
  | 'refuses what is right'
  | 'throws'
  | 'has two forms of one thing'
  | 'takes memory that the bytes do not pay for'

/** The first fault that is found; undefined when there is none. */
export function faultOf(parser: Parser, runs: number): { fault: Fault; example: Uint8Array } | undefined {
  const found: { fault: Fault; example: Uint8Array }[] = []
  const look = (bytes: Uint8Array): boolean => {
    const fault = faultWith(parser, bytes)
    if (fault !== undefined) found.push({ fault, example: bytes })
    return fault === undefined
  }
  const samples = parser.samples()
  for (const sample of samples) {
    const fault = accepts(parser, sample) ? faultWith(parser, sample) : 'refuses what is right'
    if (fault !== undefined) return { fault, example: sample }
  }
  fc.check(fc.property(damaged(samples), look), { numRuns: runs })
  fc.check(fc.property(fc.uint8Array({ maxLength: 300 }), look), { numRuns: runs })
  return found.at(-1) ?? greedWith(parser, samples)
}

function accepts(parser: Parser, sample: Uint8Array): boolean {
  try {
    return parser.parse(sample) !== undefined
  } catch {
    return false
  }
}

function faultWith(parser: Parser, bytes: Uint8Array): Fault | undefined {
  try {
    const parsed = parser.parse(bytes)
    if (parsed === undefined || typeof parser.write === 'string') return undefined
    return Buffer.compare(parser.write(parsed as never), bytes) === 0
      ? undefined
      : 'has two forms of one thing'
  } catch {
    return 'throws'
  }
}

/** Memory that a parser may use beside what its input takes; items in memory are some ten times as large as on the wire. */
const freeBytes = 2 * 1024 * 1024
const bytesForEach = 16

function greedWith(
  parser: Parser,
  samples: readonly Uint8Array[],
): { fault: Fault; example: Uint8Array } | undefined {
  for (const bytes of [...samples.flatMap(sample => [...withHugeLengths(sample)]), ...floods]) {
    const before = memoryBytes()
    try {
      parser.parse(bytes)
    } catch {
      return { fault: 'throws', example: bytes }
    }
    if (memoryBytes() - before > freeBytes + bytesForEach * bytes.length) {
      return { fault: 'takes memory that the bytes do not pay for', example: bytes }
    }
  }
  return undefined
}

function memoryBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
