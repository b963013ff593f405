import { readFileSync, statSync } from 'node:fs'
import type { z } from 'zod'
import { badConfiguration } from '../config/setup-error.ts'
import { writeFileDurably } from './durable-file.ts'

/** A list in the data directory that a command keeps, and that a running node reads again by itself. */
export interface ListFile<T> {
  /** Of the errors. */
  readonly code: string
  /** As `list of witnesses`. */
  readonly name: string
  /** What keeps it. */
  readonly command: string
  readonly schema: z.ZodType<T[]>
}

/** None when the file is not there. @throws SetupError with the list's code (78) */
export function readList<T>(path: string, { code, name, command, schema }: ListFile<T>): readonly T[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw badConfiguration(code, `The ${name} ${path} cannot be read.`)
  }
  const parsed = schema.safeParse(jsonOf(text))
  if (parsed.success) return parsed.data
  throw badConfiguration(code, `The ${name} ${path} is malformed: make it with ${command}.`)
}

export function writeList(path: string, entries: readonly object[]): void {
  writeFileDurably(path, `${JSON.stringify(entries, undefined, 2)}\n`)
}

/** Changes whenever the list was written anew. */
export function stampOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
