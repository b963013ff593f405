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
  readonly from: PeerId
  readonly advert: Advert
  readonly atMs: number
  /** Its wall clock minus ours, as of the last adverts in which its clock ran as a clock does; the newest last. */
  readonly clockOffsetsMs: readonly number[]
}

const advertEveryMs = 1_000
/** A node that was silent for so long counts as gone. */
const goneAfterMs = 3_500
/** What gossip's delay may differ by from one advert to the next. */
const delayMs = 10_000
/** A clock counts as wrong only after it was wrong in so many adverts in a row. */
const offsetsJudged = 3

/** What the nodes of the network say of themselves, and this node's own saying. */
export class AdvertBoard {
  readonly #options: AdvertBoardOptions
  readonly #heard = new Map<number, Heard>()
  #timer: Cancel | undefined

  constructor(options: AdvertBoardOptions) {
    this.#options = options
    options.network.subscribe(advertsTopic, maxAdvertBytes, (from, data) => {
      this.#receive(from, data)
      return 'pass-on'
    })
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
    const { clock, onLeader, count } = this.#options
    const atMs = clock.monotonicMs()
    const offsetMs = advert.wallMs - clock.wallMs()
    const last = this.isAlive(advert.number) ? this.#heard.get(advert.number) : undefined
    const refused = last && refusalOf(advert, last, atMs, offsetMs)
    if (refused !== undefined) return count('advert_refused', { code: refused })
    const before = last === undefined || isJump(advert, last, atMs) ? [] : last.clockOffsetsMs
    const clockOffsetsMs = [...before, offsetMs].slice(-offsetsJudged)
    this.#heard.set(advert.number, { from, advert, atMs, clockOffsetsMs })
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

  #othersHeard(): Heard[] {
    const connected = new Set(this.#options.network.peers())
    return [...this.#heard]
      .filter(([node, { from }]) => this.isAlive(node) && connected.has(from))
      .map(([, heard]) => heard)
  }

  /** Whether enough of the others have been heard for `clockBehindMs` to say something. */
  knowsClocks(): boolean {
    return (
      this.#othersHeard().filter(({ clockOffsetsMs }) => clockOffsetsMs.length >= offsetsJudged).length >= 2
    )
  }

  /**
   * How far this node's wall clock is behind: what more than half of all nodes alive and connected, this one among them,
   * agree on at least, and have for some adverts; 0 with fewer than two others. One clock gone wrong must not make the
   * right ones doubt theirs. Who isn't connected may be no more than somebody's recording of what it once said.
   */
  clockBehindMs(): number {
    const others = this.#othersHeard()
    if (others.length < 2) return 0
    const sorted = [0, ...others.map(judgedOffsetMs)].sort((a, b) => a - b)
    return nearestToZero([
      sorted[Math.floor((sorted.length - 1) / 2)]!,
      sorted[Math.floor(sorted.length / 2)]!,
    ])
  }
}

/**
 * Gossip signs adverts, but anybody who has recorded one may send it again. While a node is alive, only what is newer
 * than its last advert counts. A leap of its clock may be a recording of the time when that clock was wrong, or the end
 * of one of an older time: what is nearer to our own clock wins. A node whose clock was put right is heard again after
 * it has counted as gone.
 */
function refusalOf(
  advert: Advert,
  last: Heard,
  atMs: number,
  offsetMs: number,
): 'stale' | 'leaping-clock' | undefined {
  if (advert.wallMs <= last.advert.wallMs) return 'stale'
  const isNearer = Math.abs(offsetMs) < Math.abs(last.clockOffsetsMs.at(-1)!)
  return isJump(advert, last, atMs) && !isNearer ? 'leaping-clock' : undefined
}

function isJump(advert: Advert, last: Heard, atMs: number): boolean {
  return advert.wallMs - last.advert.wallMs > atMs - last.atMs + delayMs
}

function judgedOffsetMs({ clockOffsetsMs }: Heard): number {
  return clockOffsetsMs.length < offsetsJudged ? 0 : nearestToZero(clockOffsetsMs)
}

function nearestToZero(values: readonly number[]): number {
  return values.reduce((nearest, value) => (Math.abs(value) < Math.abs(nearest) ? value : nearest))
}
