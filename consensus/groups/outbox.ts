import type { RaftInstance } from '../../storage/keys.ts'
import { type Message, MessageType } from '../raft/types.ts'
import { encodeFrames, type Outgoing } from './frame.ts'
import type { Lane, OutFrame } from './types.ts'

const URGENT: ReadonlySet<MessageType> = new Set<MessageType>([
  MessageType.Vote,
  MessageType.VoteResp,
  MessageType.PreVote,
  MessageType.PreVoteResp,
  MessageType.Heartbeat,
  MessageType.HeartbeatResp,
  MessageType.TimeoutNow,
])

type Lanes = readonly [urgent: Outgoing[], bulk: Outgoing[]]

/** What all groups have for all peers since frames were last made: what goes the same way shares a frame. */
export class Outbox {
  readonly #waiting = new Map<number, Lanes>()

  add(instance: RaftInstance, message: Message): void {
    const lane = URGENT.has(message.type) ? 0 : 1
    this.#lanes(message.to)[lane].push({ instance, message, snapshotFailed: 0 })
  }

  addSnapshotFailed(peer: number, instance: RaftInstance, index: number): void {
    this.#lanes(peer)[1].push({ instance, message: undefined, snapshotFailed: index })
  }

  drop(peer: number): void {
    this.#waiting.delete(peer)
  }

  clear(): void {
    this.#waiting.clear()
  }

  takeFrames(maxFrameBytes: number): OutFrame[] {
    const frames: OutFrame[] = []
    for (const lane of [0, 1] as Lane[]) {
      for (const [peer, lanes] of this.#waiting) {
        if (lanes[lane].length === 0) continue
        for (const frame of encodeFrames(lanes[lane], maxFrameBytes)) frames.push({ peer, lane, frame })
        lanes[lane].length = 0
      }
    }
    return frames
  }

  #lanes(peer: number): Lanes {
    const waiting = this.#waiting.get(peer)
    if (waiting !== undefined) return waiting
    const lanes: Lanes = [[], []]
    this.#waiting.set(peer, lanes)
    return lanes
  }
}
