import { RaftFault } from './fault.ts'
import type { LogStorage } from './log/storage.ts'
import { MAX_NODE_ID, NO_LIMIT, type RaftConfig } from './types.ts'

const DEFAULT_MAX_INFLIGHT_MESSAGES = 256

/** Terms further ahead than this are refused: 19 days of elections, one every 100 ms, in which we took no part. */
export const MAX_TERM_JUMP = 2 ** 24

/** Reads that wait for a quorum or for the first commit of the term; more are answered `busy`. */
export const MAX_WAITING_READS = 4096

/** Contexts of messages and reads are small: a read's name, a heartbeat's number. */
export const MAX_CONTEXT_BYTES = 256

export type Settings = Required<Omit<RaftConfig, 'applied'>>

/** Fills in the defaults. Throws a RaftFault `bad-config`: a configuration comes from the host, never from a peer. */
export function resolveConfig(config: RaftConfig): Settings {
  const maxSizePerMessage = config.maxSizePerMessage ?? NO_LIMIT
  const settings: Settings = {
    id: config.id,
    electionTicks: config.electionTicks,
    heartbeatTicks: config.heartbeatTicks,
    random: config.random,
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    maxSizePerMessage,
    maxCommittedSizePerReady: Math.max(1, config.maxCommittedSizePerReady || maxSizePerMessage),
    maxUncommittedSize: config.maxUncommittedSize || NO_LIMIT,
    maxInflightMessages: config.maxInflightMessages ?? DEFAULT_MAX_INFLIGHT_MESSAGES,
    maxInflightBytes: config.maxInflightBytes || NO_LIMIT,
    checkQuorum: config.checkQuorum ?? false,
    preVote: config.preVote ?? false,
    readOnly: config.readOnly ?? 'safe',
    disableProposalForwarding: config.disableProposalForwarding ?? false,
    disableConfChangeValidation: config.disableConfChangeValidation ?? false,
    stepDownOnRemoval: config.stepDownOnRemoval ?? false,
    snapshotsPrecedeMembers: config.snapshotsPrecedeMembers ?? false,
  }
  check(isCount(settings.id) && settings.id <= MAX_NODE_ID, 'id')
  check(isCount(settings.heartbeatTicks), 'heartbeatTicks')
  check(isCount(settings.electionTicks) && settings.electionTicks > settings.heartbeatTicks, 'electionTicks')
  check(isCount(settings.maxInflightMessages), 'maxInflightMessages')
  check(
    settings.maxInflightBytes === NO_LIMIT || settings.maxInflightBytes >= maxSizePerMessage,
    'maxInflightBytes',
  )
  check(settings.readOnly === 'safe' || settings.checkQuorum, 'readOnly')
  return settings
}

/** A stored state that no correct host could have stored must not be started from. */
export function checkRecovered(storage: LogStorage): void {
  const { hardState } = storage.initialState()
  const base = storage.firstIndex() - 1
  const inLog = hardState.commit >= base && hardState.commit <= storage.lastIndex()
  if (hardState.term + hardState.vote + hardState.commit > 0 && !inLog) {
    throw new RaftFault('hard-state-out-of-log', {
      commit: hardState.commit,
      base,
      last: storage.lastIndex(),
    })
  }
}

function check(holds: boolean, field: string): void {
  if (!holds) throw new RaftFault('bad-config', { field })
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1
}
