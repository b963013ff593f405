import { MessageType } from './types.ts'

/** Types that members send to each other. The others are the host's own. */
const WIRE: readonly MessageType[] = [
  MessageType.Prop,
  MessageType.App,
  MessageType.AppResp,
  MessageType.Vote,
  MessageType.VoteResp,
  MessageType.Snap,
  MessageType.Heartbeat,
  MessageType.HeartbeatResp,
  MessageType.TransferLeader,
  MessageType.TimeoutNow,
  MessageType.ReadIndex,
  MessageType.ReadIndexResp,
  MessageType.PreVote,
  MessageType.PreVoteResp,
]

/** Answers: taken only from members. Requests may come from members that this node has not heard of yet. */
const RESPONSES: readonly MessageType[] = [
  MessageType.AppResp,
  MessageType.VoteResp,
  MessageType.HeartbeatResp,
  MessageType.ReadIndexResp,
  MessageType.PreVoteResp,
]

const IS_WIRE = lookup(WIRE)
const IS_RESPONSE = lookup(RESPONSES)

export function isWireType(type: number): boolean {
  return IS_WIRE[type] === true
}

export function isResponseType(type: number): boolean {
  return IS_RESPONSE[type] === true
}

function lookup(types: readonly MessageType[]): boolean[] {
  const table: boolean[] = new Array(MessageType.ForgetLeader + 1).fill(false)
  for (const type of types) table[type] = true
  return table
}
