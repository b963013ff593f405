import { destination, type Logger, pino } from 'pino'

export type { Logger }

/** A node's log: JSON lines on stderr, since stdout belongs to what a command answers. */
export function createLogger(level: string, bindings: Record<string, unknown> = {}): Logger {
  return pino(
    { level, base: bindings, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ fd: 2, sync: true }),
  )
}
