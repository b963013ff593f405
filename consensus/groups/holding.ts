import { type Message, MessageType } from '../raft/types.ts'
import { asksForVote } from './departures.ts'
import type { HostedGroup } from './hosted-group.ts'
import { LEADS } from './lanes.ts'
import type { HostParts } from './parts.ts'

/** A first leader is waited for so long: promises of up to 2 s to the leader of an older instance may keep it from being elected. */
const FIRST_PATIENCE_MS = 5_000
/** And so long when it has led and leads no more. */
const PATIENCE_MS = 2_000

/**
 * A replica follows only the first leader of its instance, and nobody else raises its term. Raft believes any member that says
 * it leads a later term, or is in one: a member that lies could take each instance over, and serve nothing.
 */
export interface Hold {
  readonly leader: number
  readonly untilMs: number
  /** When it was last this replica's leader. */
  ledAtMs: number
  patienceMs: number
}

export function beginHold(parts: HostParts, hosted: HostedGroup, ms: number): void {
  const { firstLeader } = hosted
  if (firstLeader === 0 || ms === 0) return
  const nowMs = parts.nowMs()
  hosted.hold = {
    ...{ leader: firstLeader, untilMs: nowMs + ms },
    ...{ ledAtMs: nowMs, patienceMs: FIRST_PATIENCE_MS },
  }
  parts.held.add(hosted)
}

/** Refusing a message is no more to Raft than losing it. */
export function breaksHold({ hold, node }: HostedGroup, message: Message): boolean {
  const { type, from, term, reject } = message
  if (hold === undefined || from === hold.leader) return false
  if (LEADS.has(type) || type === MessageType.TimeoutNow || asksForVote(message)) return true
  // Who would give its vote names the term that the election would be of.
  if (type === MessageType.PreVoteResp && !reject) return false
  return term > node.term
}

/** Somebody else shall lead: this replica neither stands nor has others elected. */
export function waitsForFirst({ hold, node }: HostedGroup): boolean {
  return hold !== undefined && hold.leader !== node.raft.id
}

/** A hold ends with its time, and where its leader does not lead: it is down, cut off from here, or doesn't want to. */
export function tickHolds(parts: HostParts): void {
  const nowMs = parts.nowMs()
  for (const hosted of parts.held) {
    const { hold, node } = hosted
    if (hold !== undefined && node.lead === hold.leader) {
      hold.ledAtMs = nowMs
      hold.patienceMs = PATIENCE_MS
    }
    if (hold !== undefined && nowMs < hold.untilMs && nowMs - hold.ledAtMs < hold.patienceMs) continue
    hosted.hold = undefined
    parts.held.delete(hosted)
  }
}
