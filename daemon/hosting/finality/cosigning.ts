import type { NoteSignature, NoteVerifier } from '../../../storage/log/note.ts'
import type { Peers } from '../../nodes/peers.ts'
import type { Channel, Clock, Network } from '../../ports.ts'
import { NodeChannels } from '../../routing/node-channels.ts'
import {
  type Cosignature,
  decodeCosignature,
  decodeCosignRequest,
  encodeCosignature,
  encodeCosignRequest,
} from './cosign-codec.ts'

const cosignProtocol = 'cosign/1'
const maxFrameBytes = 256
/** Whoever has not cosigned by then has not decided yet, or is gone. */
const gatherMs = 150

/** A log that this node shows, as those who cosign it see it. */
export interface CosignedLog {
  /** The newest decided size; 0 before the first. */
  readonly size: number
  /** This node's own cosignature of the checkpoint of that size. */
  own(): NoteSignature
}

export interface CosigningOptions {
  readonly peers: Peers
  readonly network: Network
  readonly clock: Clock
  readonly logOf: (group: number) => CosignedLog | undefined
  /** Node numbers of an authority's members. */
  readonly membersOf: (group: number) => readonly number[]
  readonly verifierOf: (node: number) => NoteVerifier
  readonly count: (name: string, labels: Record<string, string>) => void
}

interface Held {
  readonly channel: Channel
  readonly size: number
}

interface Gathering {
  readonly group: number
  readonly size: number
  readonly text: string
  readonly take: (signature: NoteSignature) => void
  readonly missing: Set<number>
  readonly done: () => void
}

/**
 * Members' cosignatures of what they have decided (C2SP tlog-cosignature). Nobody signs, sends or checks one until somebody
 * asks a node for a checkpoint; then that node asks the other members, once for each size, and each answers when it has
 * decided that size itself.
 */
export class Cosigning {
  readonly #options: CosigningOptions
  readonly #channels: NodeChannels
  /** By peer and group the newest question that came too early. */
  readonly #held = new Map<string, Held>()
  /** By group: one at a time. */
  readonly #gatherings = new Map<number, Gathering>()

  constructor(options: CosigningOptions) {
    this.#options = options
    const { network, peers, count } = options
    this.#channels = new NodeChannels({
      ...{ protocol: cosignProtocol, network, count },
      peerOf: node => peers.get(node),
      onFrame: (node, frame) => this.#answered(node, frame),
      onLost: node => {
        for (const gathering of this.#gatherings.values()) this.#heardOf(gathering, node)
      },
    })
    network.handle(cosignProtocol, { maxFrameBytes, maxChannelsPerPeer: 2 }, channel => {
      const node = peers.numberOf(channel.peer)
      const refuse = (code: string): void => {
        count('cosign_refused', { code })
        channel.close(`cosign: ${code}`)
      }
      if (node === undefined) return refuse('not-a-node')
      channel.onFrame(frame => {
        const asked = decodeCosignRequest(frame)
        if (asked === undefined) return refuse('malformed')
        this.#asked(node, channel, asked)
      })
    })
  }

  #asked(node: number, channel: Channel, { group, size }: { group: number; size: number }): void {
    const log = this.#options.logOf(group)
    if (log === undefined || size < log.size) return
    const name = `${node} ${group}`
    if (size === log.size) return void channel.send(answerOf(group, log))
    this.#held.set(name, { channel, size })
  }

  /** This node has decided more of a log: whoever asked too early is answered. */
  decided(group: number): void {
    const log = this.#options.logOf(group)
    if (log === undefined) return
    for (const node of this.#options.peers.numbers()) {
      const name = `${node} ${group}`
      const held = this.#held.get(name)
      if (held === undefined || held.size > log.size) continue
      this.#held.delete(name)
      if (held.size === log.size) held.channel.send(answerOf(group, log))
    }
  }

  /** Has the other members cosign the checkpoint with this text. Resolves when all have that can be reached, or soon. */
  gather(group: number, size: number, text: string, take: (signature: NoteSignature) => void): Promise<void> {
    const { peers, membersOf, clock } = this.#options
    return new Promise(resolve => {
      const missing = new Set(membersOf(group).filter(node => peers.has(node)))
      const cancel = clock.after(gatherMs, resolve)
      const done = (): void => {
        cancel()
        resolve()
      }
      const gathering = { group, size, text, take, missing, done }
      this.#gatherings.get(group)?.done()
      this.#gatherings.set(group, gathering)
      for (const node of [...missing]) this.#ask(gathering, node)
    })
  }

  #ask(gathering: Gathering, node: number): void {
    const { group, size } = gathering
    if (this.#gatherings.get(group) !== gathering) return
    const sent = this.#channels.send(node, () => encodeCosignRequest({ group, size }))
    if (sent === 'opening') this.#options.clock.after(gatherMs / 5, () => this.#ask(gathering, node))
    else if (sent === 'unreachable') this.#heardOf(gathering, node)
  }

  #heardOf(gathering: Gathering, node: number): void {
    gathering.missing.delete(node)
    if (gathering.missing.size === 0) gathering.done()
  }

  #answered(node: number, frame: Uint8Array): boolean {
    const answer = decodeCosignature(frame)
    if (answer === undefined) return false
    const gathering = this.#gatherings.get(answer.group)
    if (gathering === undefined || gathering.size !== answer.size || !gathering.missing.has(node)) return true
    const { name, keyId, verify } = this.#options.verifierOf(node)
    if (!verify(gathering.text, answer.signature)) return false
    gathering.take({ name, keyId, signature: answer.signature })
    this.#heardOf(gathering, node)
    return true
  }
}

function answerOf(group: number, log: CosignedLog): Uint8Array {
  const cosignature: Cosignature = { group, size: log.size, signature: log.own().signature }
  return encodeCosignature(cosignature)
}
