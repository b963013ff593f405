import type { NodeFacts } from '../../world/directory/types.ts'
import type { Cancel, Channel, Clock, Network, PeerId } from '../ports.ts'
import { admissionProtocol, decodeAnswer, encodeFacts } from './admission-codec.ts'

export interface AdmissionParts {
  readonly network: Network
  readonly clock: Clock
  /** What this node says of itself. */
  readonly facts: () => NodeFacts
  /** Nodes that may bring it in. */
  readonly sponsors: () => readonly PeerId[]
  /** What it waits for now, in a sentence for a person. Told when that changes. */
  readonly waits: (code: string, what: string) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** The directory commits within some 100 ms; until what it decided has come here, nobody is asked again. */
const askEveryMs = 3_000
/** Until the first connections stand nothing is wrong. */
const patienceMs = 6_000

const sentences: Readonly<Record<string, string>> = {
  'no-peer': 'No node of the network can be reached yet: check its addresses and your connection.',
  asked: 'A node of the network was asked to bring this one in.',
  ok: 'The network has admitted this node; its directory is being read.',
  'not-open': 'The network takes new nodes by its operators’ word alone: ask one of them to admit this node.',
  'too-many-nodes': 'The node that was asked may bring no more in: others are asked.',
  banned: 'The network has banned this node.',
  busy: 'The node that was asked is bringing others in: it is asked again.',
}

/** A node that the network does not know asks those that it meets, one after another, to bring it in, until it finds itself admitted. */
export class Admission {
  readonly #parts: AdmissionParts
  #channel: Channel | undefined
  #told = ''
  #isAlone = false
  #beganMs = 0
  #turn = 0
  #timer: Cancel = () => {}
  #stopped = false

  constructor(parts: AdmissionParts) {
    this.#parts = parts
    parts.network.onPeer((_peer, connected) => {
      if (connected && this.#isAlone) void this.#ask()
    })
  }

  begin(): void {
    this.#beganMs = this.#parts.clock.monotonicMs()
    void this.#ask()
  }

  stop(): void {
    this.#stopped = true
    this.#timer()
    this.#channel?.close('admission: over')
  }

  async #ask(): Promise<void> {
    const { network, clock, sponsors, count } = this.#parts
    this.#timer()
    if (this.#stopped) return
    this.#timer = clock.after(askEveryMs, () => void this.#ask())
    const connected = new Set(network.peers())
    const all = sponsors().filter(peer => connected.has(peer))
    const peer = all[this.#turn++ % all.length]
    this.#isAlone = peer === undefined
    if (peer === undefined) {
      if (clock.monotonicMs() >= this.#beganMs + patienceMs) this.#tell('no-peer')
      return
    }
    try {
      this.#channel?.close('admission: another is asked')
      const channel = await network.open(peer, admissionProtocol)
      this.#channel = channel
      channel.onFrame(frame => this.#tell(decodeAnswer(frame) ?? 'malformed'))
      channel.send(encodeFacts(this.#parts.facts()))
      if (this.#told === '' || this.#told === 'no-peer') this.#tell('asked')
    } catch {
      count('admission_open_failed', {})
    }
  }

  #tell(code: string): void {
    if (code === this.#told || this.#stopped) return
    this.#told = code
    this.#parts.waits(
      code,
      sentences[code] ?? `The network does not take this node in (${code}): others are asked.`,
    )
  }
}
