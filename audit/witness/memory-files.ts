import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../crypto.ts'
import { writeDurably } from '../durable-file.ts'
import { AuditError } from '../errors.ts'
import { formatTwoFaces } from '../evidence.ts'
import { hex, utf8 } from '../verify/bytes.ts'
import { parseCheckpoint } from '../verify/checkpoint.ts'
import { parseNote } from '../verify/note.ts'
import type { WitnessedHead, WitnessMemory } from './witness.ts'

/** Against a log that contradicts itself for ever: so many pairs of one log and one size are kept. */
const maxEvidence = 1_000

/**
 * Keeps a witness's heads below `dir`, one file a log: the note itself, under the hash of the log's origin. Evidence
 * stands beside them.
 * @param accused is told of each new file of evidence
 */
export function memoryInFiles(dir: string, accused: (path: string) => void): WitnessMemory {
  const heads = new Map<string, WitnessedHead | undefined>()
  const evidence = new Set<string>()
  const nameOf = (origin: string): string => hex(sha256(utf8(origin))).slice(0, 32)
  const fileOf = (origin: string): string => join(dir, `${nameOf(origin)}.checkpoint`)
  return {
    head(origin) {
      if (!heads.has(origin)) heads.set(origin, readHead(fileOf(origin)))
      return heads.get(origin)
    },
    keep(origin, head) {
      writeDurably(fileOf(origin), head.note)
      heads.set(origin, head)
    },
    accuse(origin, size, faces) {
      const path = join(dir, 'evidence', `${nameOf(origin)}-${size}.evidence`)
      if (evidence.has(path) || evidence.size >= maxEvidence) return
      writeDurably(path, formatTwoFaces(faces))
      evidence.add(path)
      accused(path)
    },
  }
}

function readHead(file: string): WitnessedHead | undefined {
  let note: string
  try {
    note = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const signed = parseNote(note)
  const checkpoint = signed && parseCheckpoint(signed.text)
  if (checkpoint === undefined)
    throw new AuditError(
      'bad-memory',
      `${file} is damaged: a witness that forgot must not go on under its name.`,
    )
  return { size: checkpoint.size, root: checkpoint.root, note }
}
