import type { Channel, Network } from '../../../daemon/ports.ts'

interface Told {
  readonly answers: readonly { readonly answer: { readonly kind: string } }[]
}

/** Peers of a node that serves one protocol: what they ask, each over a channel of its own, and what they are told. */
export class Askers {
  readonly network: Network
  readonly #decode: (frame: Uint8Array) => Told | undefined
  readonly #kinds = new Map<string, string[]>()
  #accept!: (channel: Channel) => void

  constructor(decode: (frame: Uint8Array) => Told | undefined) {
    this.#decode = decode
    const handle = (_name: string, _options: object, accept: (channel: Channel) => void): void => {
      this.#accept = accept
    }
    this.network = { handle } as unknown as Network
  }

  ask(peer: string, frames: readonly Uint8Array[]): void {
    let receive!: (frame: Uint8Array) => void
    const send = (frame: Uint8Array): boolean => {
      const told = this.#decode(frame)!.answers.map(({ answer }) => answer.kind)
      this.#kinds.set(peer, [...this.told(peer), ...told])
      return true
    }
    this.#accept({ peer, send, onFrame: (run: typeof receive) => (receive = run) } as unknown as Channel)
    for (const frame of frames) receive(frame)
  }

  /** The kinds of all answers to this peer so far. */
  told(peer: string): readonly string[] {
    return this.#kinds.get(peer) ?? []
  }
}
