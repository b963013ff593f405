import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { threadId } from 'node:worker_threads'

/** Writes a file so that after a crash it is there whole or as it was: temporary file, fsync, rename, fsync of the folder. */
export function writeDurably(path: string, text: string): void {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  const temporary = `${path}.${process.pid}-${threadId}.tmp`
  synced(temporary, 'w', file => writeFileSync(file, text))
  renameSync(temporary, path)
  // Windows has no handle on a folder that could be synced.
  if (process.platform !== 'win32') synced(folder, 'r', () => {})
}

function synced(path: string, flags: string, write: (file: number) => void): void {
  const file = openSync(path, flags)
  try {
    write(file)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
