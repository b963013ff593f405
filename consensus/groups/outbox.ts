import type { RaftInstance } from '../../storage/keys.ts'
import { type Message, MessageType } from '../raft/types.ts'
import { encodeFrames, type Notes, type Outgoing } from './frame.ts'
import { laneOf } from './lanes.ts'
import type { Lane, OutFrame } from './types.ts'

/** What waits for one peer. */
interface Waiting {
  readonly lanes: readonly [urgent: Outgoing[], bulk: Outgoing[]]
  /** The bulk lane takes no more. What waits here costs little: messages refer to entries that the log holds anyway. */
  isFull: boolean
  /** There is more than word of commit indexes, or that has waited for long enough. */
  isPressing: boolean
  /** Word of a commit index waited at the last tick already. */
  isLate: boolean
}

/** What all groups have for all peers since frames were last made: what goes the same way shares a frame. */
export class Outbox {
  readonly #waiting = new Map<number, Waiting>()
  /** Messages and notes that were ever put into frames. */
  messages = 0

  add(instance: RaftInstance, message: Message, notes: Notes = {}): void {
    const waiting = this.#for(message.to)
    waiting.lanes[laneOf(message)].push({ instance, message, ...notes })
    waiting.isPressing ||= !isWordOfCommit(message)
  }

  addNotes(peer: number, lane: Lane, instance: RaftInstance, notes: Notes): void {
    const waiting = this.#for(peer)
    waiting.lanes[lane].push({ instance, message: undefined, ...notes })
    waiting.isPressing = true
  }

  drop(peer: number): void {
    this.#waiting.delete(peer)
  }

  /** No message of this group leaves any more. What its node has said beside them stays said. */
  forget(group: number): void {
    for (const { lanes } of this.#waiting.values()) {
      for (const lane of lanes) {
        const left = lane.filter(({ instance, message }) => instance.group !== group || message === undefined)
        lane.splice(0, lane.length, ...left)
      }
    }
  }

  get isWaiting(): boolean {
    for (const waiting of this.#waiting.values()) if (!isEmpty(waiting)) return true
    return false
  }

  /** Nothing more for the bulk lane to this peer until `drained`. */
  hold(peer: number): void {
    this.#for(peer).isFull = true
  }

  drained(peer: number): void {
    this.#for(peer).isFull = false
  }

  allDrained(): void {
    for (const waiting of this.#waiting.values()) waiting.isFull = false
  }

  clear(): void {
    this.#waiting.clear()
  }

  /** What waited at the last tick waits no longer. */
  tick(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.isPressing ||= waiting.isLate
      waiting.isLate = !isEmpty(waiting)
    }
  }

  /**
   * Word of a commit index by itself stays for the next frame that goes to the peer anyway, or until it has waited for a
   * whole tick: under load the next append comes sooner.
   */
  takeFrames(maxFrameBytes: number): OutFrame[] {
    const frames: OutFrame[] = []
    for (const lane of [0, 1] as Lane[]) {
      for (const [peer, { lanes, isFull, isPressing }] of this.#waiting) {
        if (!isPressing || lanes[lane].length === 0 || (lane === 1 && isFull)) continue
        for (const frame of encodeFrames(lanes[lane], maxFrameBytes)) frames.push({ peer, lane, frame })
        this.messages += lanes[lane].length
        lanes[lane].length = 0
      }
    }
    for (const waiting of this.#waiting.values()) {
      if (isEmpty(waiting)) waiting.isPressing = waiting.isLate = false
    }
    return frames
  }

  #for(peer: number): Waiting {
    const known = this.#waiting.get(peer)
    if (known !== undefined) return known
    const waiting: Waiting = { lanes: [[], []], isFull: false, isPressing: false, isLate: false }
    this.#waiting.set(peer, waiting)
    return waiting
  }
}

function isEmpty({ lanes }: Waiting): boolean {
  return lanes[0].length + lanes[1].length === 0
}

function isWordOfCommit(message: Message): boolean {
  return message.type === MessageType.App && message.entries.length === 0
}
