import type { Channel } from '../ports.ts'

/** What waits for room in the channel, besides a state that is on its way: some seconds of an area in which much happens. */
const maxWaitingDeltas = 64

/**
 * One gateway on another node. It is sent what its channel has room for; while a state is under way, what happens waits
 * behind it. Who is too slow for that misses it, and gets the state as it then is once there is room.
 */
export class Subscriber {
  readonly #channel: Channel
  readonly #state: () => readonly Uint8Array[]
  #waiting: Uint8Array[] = []
  #waitingDeltas = 0
  #full = false
  #lagging = false

  /** @param state the frames of the whole state as of now */
  constructor(channel: Channel, state: () => readonly Uint8Array[]) {
    this.#channel = channel
    this.#state = state
    channel.onDrain(() => this.#drained())
    this.#sendState()
  }

  delta(frame: Uint8Array): void {
    if (this.#lagging) return
    if (!this.#full) return this.#send(frame)
    this.#waiting.push(frame)
    if (++this.#waitingDeltas <= maxWaitingDeltas) return
    this.#lagging = true
    this.#waiting = []
  }

  #drained(): void {
    this.#full = false
    if (this.#lagging) this.#sendState()
    else this.#sendWaiting()
  }

  #sendState(): void {
    this.#lagging = false
    this.#waiting = [...this.#state()]
    this.#sendWaiting()
  }

  #sendWaiting(): void {
    let sent = 0
    while (sent < this.#waiting.length && !this.#full) this.#send(this.#waiting[sent++]!)
    this.#waiting.splice(0, sent)
    this.#waitingDeltas = Math.min(this.#waitingDeltas, this.#waiting.length)
  }

  #send(frame: Uint8Array): void {
    if (!this.#channel.send(frame)) this.#full = true
  }
}
