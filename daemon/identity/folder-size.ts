import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** LevelDB's tables, which are most of a data directory and never change: each is looked at once. */
const table = /\.ldb$/

/** How much stands in a folder. Measured again, it costs a look at each folder and at the files that may have changed. */
export class FolderSize {
  readonly #folder: string
  #tables = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** In bytes. What goes away meanwhile is left out. */
  async bytes(): Promise<number> {
    const tables = new Map<string, number>()
    const sum = await this.#sum(this.#folder, tables)
    this.#tables = tables
    return sum
  }

  async #sum(folder: string, tables: Map<string, number>): Promise<number> {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    let sum = 0
    for (const entry of entries) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) sum += await this.#sum(path, tables)
      if (!entry.isFile()) continue
      const known = this.#tables.get(path)
      const bytes = known ?? (await stat(path).catch(() => ({ size: 0 }))).size
      if (table.test(path)) tables.set(path, bytes)
      sum += bytes
    }
    return sum
  }
}
