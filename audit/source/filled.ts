import type { LogSource } from './source.ts'

/** A source, with the bodies that it has dropped from others. Whatever they give is checked as if it were its own. */
export function filledFrom(source: LogSource, others: readonly LogSource[]): LogSource {
  if (others.length === 0) return source
  const given = new Set<string>()
  return {
    name: source.name,
    list: path => source.list(path),
    hasDropped: path => source.hasDropped(path) && !given.has(path),
    async read(path, maxBytes) {
      const own = await source.read(path, maxBytes)
      if (own !== undefined || !path.includes('/bodies/')) return own
      for (const other of others) {
        // Who doesn't answer has nothing to give.
        const bytes = await other.read(path, maxBytes).catch(() => undefined)
        if (bytes === undefined) continue
        given.add(path)
        return bytes
      }
      return undefined
    },
  }
}
