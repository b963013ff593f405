import { decodeFrame } from '../../../consensus/groups/frame.ts'
import type { LivenessMessage } from '../../../consensus/groups/liveness/message.ts'
import { readEntry, readHardState, readSnapshot } from '../../../consensus/groups/raft-disk.ts'
import { type Entry, type HardState, type Message, MessageType } from '../../../consensus/raft/types.ts'
import { raftProtocol } from '../../../daemon/hosting/raft-lanes.ts'
import type { Channel, Clock, Network } from '../../../daemon/ports.ts'
import { type RaftInstance, raftEntryKey, raftHardStateKey, raftSnapshotKey } from '../../../storage/keys.ts'
import type { SimDisk } from '../disk.ts'
import type { Judge } from './judge.ts'
import { numberOf } from './realm.ts'

const MAX_FRAME_BYTES = 4 << 20

/**
 * What a node says to others in Raft, held against its disk at the moment at which it says it: votes and
 * acknowledgements are promises, and must be what a power cut would leave.
 */
export class WireWatch {
  readonly #judge: Judge
  readonly #node: number
  readonly #disk: SimDisk
  readonly #clock: Clock
  /** By peer, when the last promise of support to it ends, by this node's clock. */
  readonly #promisedUntilMs = new Map<number, number>()

  constructor(judge: Judge, node: number, disk: SimDisk, clock: Clock) {
    this.#judge = judge
    this.#node = node
    this.#disk = disk
    this.#clock = clock
  }

  /** The same network, but what leaves on Raft's channels is looked at. */
  watch(network: Network): Network {
    const { handle, open } = network
    network.handle = (name, options, accept) =>
      handle.call(network, name, options, channel => accept(this.#watched(name, channel)))
    network.open = async (peer, name) => this.#watched(name, await open.call(network, peer, name))
    return network
  }

  #watched(name: string, channel: Channel): Channel {
    if (name !== raftProtocol) return channel
    const { send } = channel
    channel.send = frame => {
      this.#says(channel.peer, frame)
      return send.call(channel, frame)
    }
    return channel
  }

  #says(peer: string, frame: Uint8Array): void {
    const decoded = decodeFrame(frame, MAX_FRAME_BYTES)
    // The first frame of a channel names its lane.
    if (typeof decoded === 'string') return
    if (decoded.liveness !== undefined && decoded.liveness.epoch > 0)
      this.#promises(numberOf(peer), decoded.liveness)
    for (const instance of decoded.groups)
      for (const message of instance.messages) this.#message(instance, message)
  }

  #message(instance: RaftInstance, message: Message): void {
    if (message.reject) return
    if (message.type === MessageType.AppResp) this.#acknowledges(instance, message)
    else if (message.type === MessageType.VoteResp) this.#votes(instance, message)
    if (message.type === MessageType.VoteResp || message.type === MessageType.PreVoteResp)
      this.#judge.votes(instance, this.#node, message)
  }

  #votes(instance: RaftInstance, { term, to }: Message): void {
    this.#judge.gives(instance, this.#node, to, term)
    const hardState = this.#hardStateOf(instance)
    if (hardState !== undefined && hardState.term > term) return
    if (hardState?.term === term && hardState.vote === to) return
    this.#fail(instance, `votes for n${to} in term ${term} before that is on its disk`)
  }

  #acknowledges(instance: RaftInstance, { index, term }: Message): void {
    const { acknowledged: durable } = this.#disk
    if (index === 0) return
    // A later leader may have cut it off or replaced it, in the same write, or while the acknowledgement waited for its lane.
    if ((this.#hardStateOf(instance)?.term ?? 0) > term) return
    const stored = durable.get(raftEntryKey(instance, index))
    if (stored !== undefined)
      return this.#acknowledgesTerm(instance, term, readEntry(instance, index, stored))
    const snapshot = durable.get(raftSnapshotKey(instance))
    if (snapshot !== undefined && readSnapshot(instance, snapshot).index >= index) return
    this.#fail(instance, `acknowledges entry ${index} before that is on its disk`)
  }

  /** What it holds there is what the leader of this term holds. */
  #acknowledgesTerm(instance: RaftInstance, inTerm: number, { index, term }: Entry): void {
    if (this.#judge.truthOf(instance).log.isOfLeader(inTerm, index, term)) return
    this.#fail(
      instance,
      `acknowledges entry ${index} in term ${inTerm}, whose leader holds another one there, not that of term ${term}`,
    )
  }

  #hardStateOf(instance: RaftInstance): HardState | undefined {
    const stored = this.#disk.acknowledged.get(raftHardStateKey(instance))
    return stored && readHardState(instance, stored)
  }

  /** Support for a leader's node, from when its request was read. */
  #promises(peer: number, { grantedMs, heldUs }: LivenessMessage): void {
    const untilMs = this.#clock.monotonicMs() + grantedMs - heldUs / 1000
    if (untilMs <= (this.#promisedUntilMs.get(peer) ?? 0)) return
    this.#promisedUntilMs.set(peer, untilMs)
    this.#judge.supports(this.#node, peer, true)
    this.#awaitEnd(peer, untilMs)
  }

  #awaitEnd(peer: number, untilMs: number): void {
    const leftMs = untilMs - this.#clock.monotonicMs()
    if (this.#promisedUntilMs.get(peer) !== untilMs) return
    if (leftMs <= 0) return this.#judge.supports(this.#node, peer, false)
    this.#clock.after(leftMs + 0.01, () => this.#awaitEnd(peer, untilMs))
  }

  #fail({ group }: RaftInstance, problem: string): void {
    this.#judge.fail(`n${this.#node} ${problem} (group ${group})`)
  }
}
