import type { Cancel, Clock, Network, PeerId } from '../ports.ts'
import {
  type Advert,
  advertsTopic,
  decodeAdvert,
  encodeAdvert,
  type LedAuthority,
  maxAdvertBytes,
} from './advert.ts'

export interface AdvertBoardOptions {
  readonly self: number
  readonly numberOf: (peer: PeerId) => number | undefined
  readonly network: Network
  readonly clock: Clock
  /** What this node says of itself now. */
  readonly own: () => Advert
  readonly onLeader: (group: number, node: number) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

interface Heard {
  readonly advert: Advert
  readonly atMs: number
  /** Its wall clock minus ours when it was heard. */
  readonly clockOffsetMs: number
}

const advertEveryMs = 1_000
/** A node that was silent for so long counts as gone. */
const goneAfterMs = 3_500

/** What the nodes of the network say of themselves, and this node's own saying. */
export class AdvertBoard {
  readonly #options: AdvertBoardOptions
  readonly #heard = new Map<number, Heard>()
  #timer: Cancel | undefined

  constructor(options: AdvertBoardOptions) {
    this.#options = options
    options.network.subscribe(advertsTopic, maxAdvertBytes, (from, data) => this.#receive(from, data))
    const say = (): void => {
      this.#timer = options.clock.after(advertEveryMs, say)
      options.network.publish(advertsTopic, encodeAdvert(options.own()))
    }
    say()
  }

  stop(): void {
    this.#timer?.()
  }

  #receive(from: PeerId, data: Uint8Array): void {
    const advert = decodeAdvert(data)
    if (advert === undefined || advert.number !== this.#options.numberOf(from)) {
      this.#options.count('advert_refused', { code: advert === undefined ? 'malformed' : 'wrong-number' })
      return
    }
    const { clock, onLeader } = this.#options
    const clockOffsetMs = advert.wallMs - clock.wallMs()
    this.#heard.set(advert.number, { advert, atMs: clock.monotonicMs(), clockOffsetMs })
    for (const led of advert.led)
      if (this.leaderOf(led.group)?.node === advert.number) onLeader(led.group, advert.number)
  }

  isAlive(node: number): boolean {
    const ageMs = this.ageMs(node)
    return ageMs !== undefined && ageMs < goneAfterMs
  }

  /** How long ago the node was last heard; undefined: never. */
  ageMs(node: number): number | undefined {
    if (node === this.#options.self) return 0
    const heard = this.#heard.get(node)
    return heard === undefined ? undefined : this.#options.clock.monotonicMs() - heard.atMs
  }

  advertOf(node: number): Advert | undefined {
    return node === this.#options.self ? this.#options.own() : this.#heard.get(node)?.advert
  }

  /** Who says that it leads the group, in the newest term; only nodes that are alive. */
  leaderOf(group: number): { node: number; led: LedAuthority } | undefined {
    let best: { node: number; led: LedAuthority } | undefined
    for (const [node, { advert }] of this.#heard) {
      if (!this.isAlive(node)) continue
      const led = advert.led.find(candidate => candidate.group === group)
      if (led !== undefined && (best === undefined || led.term > best.led.term)) best = { node, led }
    }
    return best
  }

  /**
   * How far this node's wall clock is behind: what more than half of all nodes alive, this one among them, agree on at
   * least; 0 with fewer than two others. One clock gone wrong must not make the right ones doubt theirs.
   */
  clockBehindMs(): number {
    const offsets = [...this.#heard]
      .filter(([node]) => this.isAlive(node))
      .map(([, heard]) => heard.clockOffsetMs)
    if (offsets.length < 2) return 0
    const sorted = [0, ...offsets].sort((a, b) => a - b)
    const middle = [sorted[Math.floor((sorted.length - 1) / 2)]!, sorted[Math.floor(sorted.length / 2)]!]
    return middle.sort((a, b) => Math.abs(a) - Math.abs(b))[0]!
  }
}
