import { readFileSync, statSync } from 'node:fs'

/** A file that an earlier run has kept. Undefined where there is none. @throws what the disk throws, and RangeError */
export function readKeptFile(path: string, maxBytes: number): string | undefined {
  try {
    if (statSync(path).size > maxBytes) throw new RangeError(`${path} is longer than ${maxBytes} bytes.`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
