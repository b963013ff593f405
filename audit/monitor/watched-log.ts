import { join } from 'node:path'
import { sha256 } from '../crypto.ts'
import { writeDurably } from '../durable-file.ts'
import { type Genesis, type GenesisArea, logVerifiers, originOf } from '../genesis.ts'
import { LogMemory } from '../memory.ts'
import { openCheckpoint } from '../signed-checkpoint.ts'
import { hex, utf8 } from '../verify/bytes.ts'
import type { VerifierKey } from '../verify/note.ts'

/** A log with what proves its checkpoints, and what was seen of it before. */
export interface WatchedLog {
  readonly origin: string
  readonly keys: readonly VerifierKey[]
  readonly memory: LogMemory
}

/** @param folder where the memory is kept; @throws AuditError `bad-memory` */
export function watchedLog(genesis: Genesis, area: GenesisArea, folder: string): WatchedLog {
  const origin = originOf(genesis, area)
  const keys = [...logVerifiers(genesis, area).values()]
  const memory = new LogMemory(folder, origin, note => {
    const opened = openCheckpoint(Buffer.from(note), origin, keys)
    return opened.ok ? opened.checkpoint : undefined
  })
  return { origin, keys, memory }
}

/** Keeps evidence below a memory's folder, under its own hash. Returns its file. */
export function keepEvidence(folder: string, evidence: string): string {
  const path = join(folder, 'evidence', `${hex(sha256(utf8(evidence))).slice(0, 16)}.evidence`)
  writeDurably(path, evidence)
  return path
}
