import { constants } from 'node:os'
import { say } from './output.ts'

const TOGETHER_MS = 300
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface StopSignals {
  /** Aborted by the first signal: end in good order. */
  readonly graceful: AbortSignal
  /** Aborted by the second: end at once. */
  readonly atOnce: AbortSignal
}

/**
 * Turns signals into two requests. A Ctrl-C in a terminal reaches this process by its process group and once more from
 * every parent that passes it on (npm, scripts/run.mjs), so that signals that come together are one.
 */
export function stopSignals(): StopSignals {
  const graceful = new AbortController()
  const atOnce = new AbortController()
  let lastMs = Number.NEGATIVE_INFINITY
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const nowMs = performance.now()
      const isEcho = nowMs - lastMs < TOGETHER_MS
      lastMs = nowMs
      if (isEcho) return
      if (graceful.signal.aborted) atOnce.abort(signal)
      else graceful.abort(signal)
    })
  }
  // Started by another program over a channel: when that program is gone, so is whoever could end this one.
  process.on('disconnect', () => graceful.abort('disconnect'))
  // Listening to the channel must not keep alive what has failed to start.
  process.channel?.unref()
  return { graceful: graceful.signal, atOnce: atOnce.signal }
}

/**
 * For a command that has nothing to end in good order: the first signal ends it, with a sentence on what is left of its work and
 * with the code that a shell gives to whom that signal ended (130 after a Ctrl-C).
 */
export function endWithWord(whatIsLeft: () => string): void {
  for (const signal of SIGNALS) {
    process.once(signal, () => {
      say(`Broken off: ${whatIsLeft()}`)
      process.exit(128 + constants.signals[signal])
    })
  }
}

/** Resolves once the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
