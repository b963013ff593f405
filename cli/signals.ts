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

/** Resolves once the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
