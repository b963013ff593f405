import type { Authority } from '../../consensus/handover/id.ts'
import { putU32, readU32 } from '../../storage/bytes.ts'
import type { Clock, Network, PeerId } from '../ports.ts'
import { NodeChannels } from '../routing/node-channels.ts'

export const handoverProtocol = 'handover/1'
/** A word with a lock of the largest cargo and its proofs. */
const maxFrameBytes = 96 * 1024
const headBytes = 5
/** What finds its channel not open yet is tried again. */
const openingMs = 20
const maxTries = 25
const maxDelayed = 1_024

/** A replica on this node. */
export interface HandoverReplica {
  readonly leads: boolean
  /** A node's number; 0 when that is not known. */
  readonly leader: number
  receive(message: Uint8Array): void
}

export interface HandoverLanesOptions {
  readonly self: number
  readonly network: Network
  readonly clock: Clock
  readonly peerOf: (node: number) => PeerId | undefined
  readonly isNode: (peer: PeerId) => boolean
  readonly groupOf: (authority: Authority) => number | undefined
  /** Node numbers of those who may lead it. */
  readonly membersOf: (group: number) => readonly number[]
  readonly local: (group: number) => HandoverReplica | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
}

/**
 * Words from one authority's leader to another's. Where this node knows who leads, they go there; else to each of the members
 * in turn, who pass them on to their leader, once. A word proves itself, so it matters to nobody who brings it.
 * A frame is group u32 ‖ passed on u8 ‖ the message.
 */
export class HandoverLanes {
  readonly #options: HandoverLanesOptions
  readonly #channels: NodeChannels
  #turn = 0
  #delayed = 0

  constructor(options: HandoverLanesOptions) {
    this.#options = options
    const { network, peerOf, isNode, count } = options
    this.#channels = new NodeChannels({
      ...{ protocol: handoverProtocol, network, peerOf, count },
      onFrame: () => false,
      onLost: () => {},
    })
    network.handle(handoverProtocol, { maxFrameBytes, maxChannelsPerPeer: 2 }, channel => {
      if (!isNode(channel.peer)) return channel.close('handover: not a node')
      channel.onFrame(frame => {
        if (this.#received(frame)) return
        count('handover_refused', { code: 'malformed' })
        channel.close('handover: malformed')
      })
    })
  }

  send(to: Authority, message: Uint8Array): void {
    const group = this.#options.groupOf(to)
    if (group === undefined) return
    const here = this.#options.local(group)
    if (here?.leads) return here.receive(message)
    const others = this.#options.membersOf(group).filter(node => node !== this.#options.self)
    const known = here?.leader ?? 0
    const node = others.includes(known) ? known : others[this.#turn++ % Math.max(1, others.length)]
    if (node !== undefined) this.#sendTo(node, frameOf(group, 0, message))
  }

  #sendTo(node: number, frame: Uint8Array, tries = 0): void {
    const sent = this.#channels.send(node, () => frame)
    if (sent !== 'opening' || tries >= maxTries || this.#delayed >= maxDelayed) return
    this.#delayed++
    this.#options.clock.after(openingMs, () => {
      this.#delayed--
      this.#sendTo(node, frame, tries + 1)
    })
  }

  #received(frame: Uint8Array): boolean {
    if (frame.length <= headBytes || frame[4]! > 1) return false
    const group = readU32(frame, 0)
    const here = this.#options.local(group)
    const message = frame.slice(headBytes)
    if (here?.leads) here.receive(message)
    else if (here !== undefined && frame[4] === 0) this.#passOn(group, here.leader, message)
    return true
  }

  #passOn(group: number, leader: number, message: Uint8Array): void {
    if (leader === 0 || leader === this.#options.self) return
    this.#options.count('handover_passed_on', {})
    this.#sendTo(leader, frameOf(group, 1, message))
  }
}

function frameOf(group: number, passedOn: number, message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headBytes + message.length)
  putU32(frame, 0, group)
  frame[4] = passedOn
  frame.set(message, headBytes)
  return frame
}
