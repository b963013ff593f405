import { type Message, MessageType } from '../raft/types.ts'
import type { Lane } from './types.ts'

/** What a peer may send. Proposals and transfers are asked for by other ways; the rest is a node's own. */
export const FROM_PEERS: ReadonlySet<MessageType> = new Set<MessageType>([
  MessageType.App,
  MessageType.AppResp,
  MessageType.Vote,
  MessageType.VoteResp,
  MessageType.PreVote,
  MessageType.PreVoteResp,
  MessageType.Snap,
  MessageType.Heartbeat,
  MessageType.HeartbeatResp,
  MessageType.ReadIndex,
  MessageType.ReadIndexResp,
  MessageType.TimeoutNow,
])

const URGENT: ReadonlySet<MessageType> = new Set<MessageType>([
  MessageType.Vote,
  MessageType.VoteResp,
  MessageType.PreVote,
  MessageType.PreVoteResp,
  MessageType.Heartbeat,
  MessageType.HeartbeatResp,
  MessageType.ReadIndex,
  MessageType.ReadIndexResp,
  MessageType.TimeoutNow,
])

/** Elections and heartbeats must not wait behind bulk. */
export function laneOf(message: Message): Lane {
  return URGENT.has(message.type) ? 0 : 1
}

/** What asks for nothing to be done in the group. */
export const READS: ReadonlySet<MessageType> = new Set<MessageType>([
  MessageType.ReadIndex,
  MessageType.ReadIndexResp,
])

/** What only a leader says. */
export const LEADS: ReadonlySet<MessageType> = new Set<MessageType>([
  MessageType.App,
  MessageType.Heartbeat,
  MessageType.Snap,
])
