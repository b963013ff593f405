import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { AuditError } from '../errors.ts'
import type { LogSource } from './source.ts'

/** A folder that `freehold log export` wrote. */
export function folderSource(folder: string): LogSource {
  const root = resolve(folder)
  return {
    name: root,
    read: (path, maxBytes) => readUpTo(join(root, path), maxBytes),
    hasDropped: () => false,
    async list(path) {
      const below = await readdir(join(root, path), { recursive: true, withFileTypes: true }).catch(() => [])
      return below
        .filter(entry => !entry.isDirectory())
        .map(entry =>
          join(entry.parentPath, entry.name)
            .slice(root.length + 1)
            .replaceAll(sep, '/'),
        )
    },
  }
}

async function readUpTo(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { size } = await file.stat()
    const bytes = Buffer.alloc(Math.min(size, maxBytes + 1))
    let length = 0
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return bytes.subarray(0, length)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined
    throw new AuditError('unreachable', `${path} cannot be read (${code}).`)
  } finally {
    await file?.close()
  }
}
