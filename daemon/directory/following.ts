import type { Cancel, Channel, Clock, Network, PeerId } from '../ports.ts'
import type { Follower, SegmentFault } from './follower.ts'
import { decodeSegment, directoryProtocol, encodeAsk } from './segments.ts'

export interface FollowingParts {
  readonly follower: Follower
  readonly network: Network
  readonly clock: Clock
  /** Who may have it, the likeliest first; those that are not connected are passed over. */
  readonly sources: () => readonly PeerId[]
  /** The node can't go on following: what the members decided contradicts itself, or the own disk does. */
  readonly halted: (error: Error) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** A source that says nothing for so long is left: it answers after 5 s, if only that there is nothing newer. */
const silenceMs = 8_000
/** With nobody to ask, and after each that was asked in vain. */
const againMs = 500
/** Who sent what no honest node sends is not asked for so long, unless there is nobody else. */
const distrustMs = 60_000
/** Answers in a row that there is nothing newer: another source may know more. */
const maxNothing = 3
const maxDistrusted = 1_000
/** Frames of a source that wait while others are applied. */
const maxWaitingBytes = 64 * 1024 * 1024

/** Follows the directory's log from one source at a time, and goes to the next when that is silent, behind or lies. */
export class Following {
  readonly #parts: FollowingParts
  readonly #distrustedUntilMs = new Map<PeerId, number>()
  #channel: Channel | undefined
  /** What came so far has been dealt with. */
  #last: Promise<void> = Promise.resolve()
  #isOpening = false
  #lastSource: PeerId | undefined
  #timer: Cancel = () => {}
  #stopped = false

  constructor(parts: FollowingParts) {
    this.#parts = parts
    parts.network.onPeer((_peer, connected) => {
      if (connected && this.#channel === undefined && !this.#isOpening) this.#soon(0)
    })
  }

  begin(): void {
    void this.#next()
  }

  /** Resolves when nothing of it is on its way to the disk any more. */
  stop(): Promise<void> {
    this.#stopped = true
    this.#timer()
    this.#channel?.close('stopping')
    return this.#last
  }

  #soon(delayMs: number): void {
    this.#timer()
    if (!this.#stopped) this.#timer = this.#parts.clock.after(delayMs, () => void this.#next())
  }

  async #next(): Promise<void> {
    const { network, count } = this.#parts
    this.#timer()
    if (this.#stopped || this.#isOpening || this.#channel !== undefined) return
    const peer = this.#source()
    if (peer === undefined) return this.#soon(againMs)
    this.#lastSource = peer
    this.#isOpening = true
    try {
      const channel = await network.open(peer, directoryProtocol)
      this.#isOpening = false
      if (this.#stopped) return channel.close('stopping')
      this.#follow(channel)
    } catch {
      this.#isOpening = false
      count('directory_open_failed', {})
      this.#soon(againMs)
    }
  }

  #source(): PeerId | undefined {
    const { network, clock, sources } = this.#parts
    const connected = new Set(network.peers())
    const all = sources().filter(peer => connected.has(peer))
    const nowMs = clock.monotonicMs()
    const trusted = all.filter(peer => (this.#distrustedUntilMs.get(peer) ?? 0) <= nowMs)
    const some = trusted.length > 0 ? trusted : all
    return some[(some.indexOf(this.#lastSource ?? '') + 1) % some.length]
  }

  #follow(channel: Channel): void {
    const { follower, clock } = this.#parts
    this.#channel = channel
    let nothing = 0
    let waitingBytes = 0
    const wait = (): void => {
      this.#timer()
      this.#timer = clock.after(silenceMs, () => channel.close('directory: silent'))
    }
    const took = async (frame: Uint8Array): Promise<void> => {
      if (this.#channel !== channel || this.#stopped) return
      const decoded = decodeSegment(frame)
      const taken = decoded === undefined ? 'unexpected' : await follower.take(decoded)
      if (this.#channel !== channel) return
      if (taken !== 'more' && taken !== 'done') return this.#refuse(channel, taken)
      wait()
      if (taken === 'more') return
      nothing = decoded?.kind === 'nothing' ? nothing + 1 : 0
      if (nothing < maxNothing) channel.send(encodeAsk(follower.ask()))
      else channel.close('directory: nothing new for a while')
    }
    channel.onFrame(frame => {
      waitingBytes += frame.length
      if (waitingBytes > maxWaitingBytes) return this.#refuse(channel, 'too-large')
      const taken = this.#last.then(() => took(frame)).catch((error: Error) => this.#halt(error))
      this.#last = taken.finally(() => {
        waitingBytes -= frame.length
      })
    })
    channel.onClose(() => {
      if (this.#channel !== channel) return
      this.#channel = undefined
      this.#soon(againMs)
    })
    wait()
    // What another source sent may still be on its way to the disk.
    this.#last = this.#last.then(() => void channel.send(encodeAsk(follower.ask())))
  }

  #refuse(channel: Channel, fault: SegmentFault): void {
    const { clock, count } = this.#parts
    count('directory_segment_refused', { code: fault })
    if (this.#distrustedUntilMs.size >= maxDistrusted) this.#distrustedUntilMs.clear()
    this.#distrustedUntilMs.set(channel.peer, clock.monotonicMs() + distrustMs)
    channel.close(`directory: ${fault}`)
  }

  #halt(error: Error): void {
    void this.stop()
    this.#parts.halted(error)
  }
}
