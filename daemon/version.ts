import { readFileSync } from 'node:fs'

/** This program's version, from the package it was installed with. */
export const version: string = readVersion()

function readVersion(): string {
  // From the sources the package file is one folder up, from `dist/daemon` two.
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const parsed: { name?: unknown; version?: unknown } = JSON.parse(
        readFileSync(new URL(path, import.meta.url), 'utf8'),
      )
      if (parsed.name === 'freehold' && typeof parsed.version === 'string') return parsed.version
    } catch {
      // not there: look at the next place
    }
  }
  return '0.0.0'
}
