import { join } from 'node:path'
import { sha256 } from '../crypto.ts'
import { writeDurably } from '../durable-file.ts'
import { LogMemory } from '../memory.ts'
import type { LogSigners } from '../signers.ts'
import { hex, utf8 } from '../verify/bytes.ts'

/** A log with what proves its checkpoints, and what was seen of it before. */
export interface WatchedLog {
  readonly origin: string
  readonly signers: LogSigners
  readonly memory: LogMemory
}

/** @param folder where the memory is kept; @throws AuditError `bad-memory` */
export function watchedLog(signers: LogSigners, folder: string): WatchedLog {
  return { origin: signers.origin, signers, memory: new LogMemory(folder, signers) }
}

/** Keeps evidence below a memory's folder, under its own hash. Returns its file. */
export function keepEvidence(folder: string, evidence: string): string {
  const path = join(folder, 'evidence', `${hex(sha256(utf8(evidence))).slice(0, 16)}.evidence`)
  writeDurably(path, evidence)
  return path
}
