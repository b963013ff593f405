import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's own folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A file of an installed package. */
export function bin(path: string): string {
  return join(root, 'node_modules', path)
}

/** Runs a program in the project's folder, its output passed through. */
export function run(program: string, args: readonly string[]): SpawnSyncReturns<Buffer> {
  return spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
}

/** The same for a script on this Node. */
export function runNode(script: string, args: readonly string[]): boolean {
  return run(process.execPath, [script, ...args]).status === 0
}
