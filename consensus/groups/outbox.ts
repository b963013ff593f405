import type { RaftInstance } from '../../storage/keys.ts'
import { type Message, MessageType } from '../raft/types.ts'
import { encodeFrames, type Notes, type Outgoing } from './frame.ts'
import { laneOf } from './lanes.ts'
import type { Lane, OutFrame } from './types.ts'

type Lanes = readonly [urgent: Outgoing[], bulk: Outgoing[]]

/** What all groups have for all peers since frames were last made: what goes the same way shares a frame. */
export class Outbox {
  readonly #waiting = new Map<number, Lanes>()
  /** Peers whose bulk lane is full. What waits here costs little: messages refer to entries that the log holds anyway. */
  readonly #full = new Set<number>()
  /** Peers for which something waits that is more than word of a commit index. */
  readonly #pressing = new Set<number>()
  /** Messages and notes that were ever put into frames. */
  messages = 0

  add(instance: RaftInstance, message: Message, notes: Notes = {}): void {
    this.#lanes(message.to)[laneOf(message)].push({ instance, message, ...notes })
    if (!isWordOfCommit(message)) this.#pressing.add(message.to)
  }

  addNotes(peer: number, lane: Lane, instance: RaftInstance, notes: Notes): void {
    this.#lanes(peer)[lane].push({ instance, message: undefined, ...notes })
    this.#pressing.add(peer)
  }

  drop(peer: number): void {
    this.#waiting.delete(peer)
    this.#full.delete(peer)
    this.#pressing.delete(peer)
  }

  get isWaiting(): boolean {
    for (const [urgent, bulk] of this.#waiting.values()) if (urgent.length + bulk.length > 0) return true
    return false
  }

  /** Nothing more for the bulk lane to this peer until `drained`. */
  hold(peer: number): void {
    this.#full.add(peer)
  }

  drained(peer: number): void {
    this.#full.delete(peer)
  }

  allDrained(): void {
    this.#full.clear()
  }

  clear(): void {
    this.#waiting.clear()
    this.#pressing.clear()
  }

  /**
   * @param all false leaves word of commit indexes for the next frame that goes to the peer anyway
   */
  takeFrames(maxFrameBytes: number, all: boolean): OutFrame[] {
    const frames: OutFrame[] = []
    for (const lane of [0, 1] as Lane[]) {
      for (const [peer, lanes] of this.#waiting) {
        if (lanes[lane].length === 0 || (lane === 1 && this.#full.has(peer))) continue
        if (!all && !this.#pressing.has(peer)) continue
        for (const frame of encodeFrames(lanes[lane], maxFrameBytes)) frames.push({ peer, lane, frame })
        this.messages += lanes[lane].length
        lanes[lane].length = 0
        if (lane === 1) this.#pressing.delete(peer)
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

function isWordOfCommit(message: Message): boolean {
  return message.type === MessageType.App && message.entries.length === 0
}
