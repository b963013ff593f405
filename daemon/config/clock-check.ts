import { SetupError } from './setup-error.ts'

/** Consensus does not depend on wall clocks; people, sessions' expiry and logs do. */
const TOLERATED_MS = 60 * 60 * 1000

export interface ClockEvidence {
  readonly nowMs: number
  readonly genesisCreatedMs: number
  /** Of the newest seal in the store: time does not go back. */
  readonly lastSealMs?: number | undefined
  /** What peers' clocks showed in their handshakes, as of now. */
  readonly peersMs?: readonly number[]
}

/** The error to show when this machine's clock is more than an hour off; undefined when it is not, as far as one can tell. */
export function clockProblem(evidence: ClockEvidence): SetupError | undefined {
  const { nowMs, genesisCreatedMs, lastSealMs, peersMs = [] } = evidence
  if (nowMs < genesisCreatedMs - TOLERATED_MS) {
    return clockError(nowMs, genesisCreatedMs, 'which is before the network was founded')
  }
  if (lastSealMs !== undefined && nowMs < lastSealMs - TOLERATED_MS) {
    return clockError(nowMs, lastSealMs, 'which is before the last seal in its own log')
  }
  // One peer may be wrong itself.
  if (peersMs.length < 2) return undefined
  const median = [...peersMs].sort((a, b) => a - b)[Math.floor(peersMs.length / 2)]!
  if (Math.abs(nowMs - median) <= TOLERATED_MS) return undefined
  return clockError(nowMs, median, `while ${peersMs.length} peers agree on another time`)
}

function clockError(nowMs: number, rightMs: number, why: string): SetupError {
  const minutes = Math.round(Math.abs(nowMs - rightMs) / 60_000)
  const off = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`
  const side = nowMs < rightMs ? 'behind' : 'ahead'
  return new SetupError(
    'clock-off',
    `This machine's clock shows ${new Date(nowMs).toISOString()}, ${why}: it is about ${off} ${side}; set it right (NTP) and start again.`,
  )
}
