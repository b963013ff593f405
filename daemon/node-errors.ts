import type { WrongClock } from './adverts/clock-watch.ts'
import type { NodeConfig } from './config/settings.ts'
import { SetupError } from './config/setup-error.ts'
import { NetworkError } from './network/errors.ts'

export function wrongClock({ behindMs, comparedWith }: WrongClock): SetupError {
  const hours = Math.abs(behindMs) / 3_600_000
  const amount = hours >= 1 ? `${hours.toFixed(1)} hours` : `${Math.round(hours * 60)} minutes`
  const direction = behindMs > 0 ? 'behind' : 'ahead of'
  return new SetupError(
    'wrong-clock',
    `This machine's clock is ${amount} ${direction} ${comparedWith}: set it (for example with NTP) and start the node again.`,
  )
}

/** What a disk gave back is not what was written. */
export function isDamage(error: Error & { code?: string }): boolean {
  return ['corrupt', 'damaged-log', 'damaged-snapshot'].includes(error.code ?? '')
}

/** What stopped the start or the node, as one sentence that says what to do. */
export function setupErrorOf(error: unknown, config: NodeConfig): SetupError {
  if (error instanceof SetupError) return error
  const { code, message } = error as Error & { code?: string }
  if (error instanceof NetworkError) return new SetupError(error.code, message)
  if (code === 'EADDRINUSE') {
    const port = (error as { port?: number }).port
    return new SetupError(
      'port-in-use',
      `Port ${port} is in use: stop what uses it, or set another --gateway-port or --http-port.`,
    )
  }
  if (code === 'full')
    return new SetupError(
      'disk-full',
      `The disk under ${config.dataDir} is full: free some space and start the node again; nothing that it acknowledged is lost.`,
    )
  return new SetupError(code ?? 'failed', message)
}
