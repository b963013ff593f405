import { decoded, encoded } from '../../client/protocol/encode.ts'
import type { Channel, Clock, Network, PeerId } from '../ports.ts'
import { Pace } from './pace.ts'
import {
  readSnapshotReply,
  type SnapshotReply,
  type SnapshotRequest,
  writeSnapshotReply,
  writeSnapshotRequest,
} from './snapshot.pb.js'
import { snapshotProtocol } from './snapshot-server.ts'

/** A peer that says nothing for so long is given up. */
const silenceMs = 5_000
/** A short answer counts as so much: with it the line's delay is waited for. */
const minAnswerBytes = 64 * 1024

interface AskingParts {
  readonly network: Network
  readonly clock: Clock
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Undefined when the peer cannot be asked now. */
export async function openAnswers(
  { network, clock, count }: AskingParts,
  peer: PeerId,
): Promise<Answers | undefined> {
  try {
    return new Answers(await network.open(peer, snapshotProtocol), clock)
  } catch {
    count('snapshot_peer_lost', {})
    return undefined
  }
}

/** One question at a time on a channel. */
export class Answers {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #pace: Pace
  #take: ((reply: SnapshotReply | Error) => void) | undefined

  constructor(channel: Channel, clock: Clock) {
    this.#channel = channel
    this.#clock = clock
    this.#pace = new Pace(clock)
    channel.onClose(reason => this.#take?.(new Error(reason)))
    channel.onFrame(frame => {
      const reply = decodeSnapshotReply(frame)
      this.#pace.came(Math.max(frame.length, minAnswerBytes))
      if (reply === undefined || this.#take === undefined) channel.close('malformed')
      else this.#take(reply)
    })
  }

  end(): void {
    this.#channel.close('done')
  }

  to(request: SnapshotRequest): Promise<SnapshotReply> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(this.#pace.wait(silenceMs), () => {
        this.#channel.close('too slow')
        this.#take?.(new Error('too slow'))
      })
      this.#take = reply => {
        cancel()
        this.#take = undefined
        if (reply instanceof Error) reject(reply)
        else resolve(reply)
      }
      this.#channel.send(encoded(writeSnapshotRequest, request))
    })
  }
}

/** Undefined for what no honest node sends. */
export function decodeSnapshotReply(frame: Uint8Array): SnapshotReply | undefined {
  const reply = decoded(frame, readSnapshotReply, writeSnapshotReply, 5)
  return reply !== undefined && Number.isSafeInteger(reply.leaf) ? reply : undefined
}
