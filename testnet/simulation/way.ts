import type { LinkOptions, Tolerance } from './link.ts'
import type { SimRandom } from './random.ts'
import type { Simulation } from './simulation.ts'

/** What both ends of a channel know of it. */
export interface Kind {
  /** Rises from channel to channel. */
  readonly ordinal: number
  /** Channels of one name come in each other's place: those of one opener and protocol that are about the same. */
  name: string
  withstands: Tolerance
}

/** A frame on its way. */
export interface Sent {
  readonly frame: Uint8Array
  /** Among all of this direction; 0 for what comes again. */
  readonly number: number
  /** It was sent while channels lagged behind each other. */
  readonly lags: boolean
}

/** Frames of a kind that are kept to come again, and the longest of them. */
const KEPT_FRAMES = 32
const KEPT_BYTES = 64 << 10
/** No frame is later than this by a spike. */
const MAX_SPIKE_MS = 3_000
/** Pareto's: below 2 its variance has no bound, as that of real networks' delays hasn't. */
const SPIKE_SHAPE = 1.5

/** One direction between one life of a node and one of another, which all their channels share. */
export class Way {
  /** When it is free again. */
  freeUs = 0
  /** Frames that ever left. */
  sent = 0
  /** The last of them that has arrived: of all, by channel, and by kind the newest channel that it came from. */
  #newest = 0
  readonly #newestOf = new Map<number, number>()
  readonly #newestChannel = new Map<string, number>()
  readonly #old = new Map<string, Uint8Array[]>()

  /** Counts what has been overtaken: by its own channel, by others, or by a channel that came in its own one's place. */
  arrived({ number, lags }: Sent, { name, ordinal }: Kind, simulation: Simulation): void {
    if (number === 0) return
    const ofChannel = this.#newestOf.get(ordinal) ?? 0
    if (number < ofChannel) simulation.countFault('reordered-frame')
    else if (lags && number < this.#newest) simulation.countFault('overtaken-channel')
    const newestChannel = this.#newestChannel.get(name) ?? 0
    if (ordinal < newestChannel) simulation.countFault('old-channel-frame')
    this.#newest = Math.max(this.#newest, number)
    this.#newestOf.set(ordinal, Math.max(ofChannel, number))
    this.#newestChannel.set(name, Math.max(newestChannel, ordinal))
  }

  keep(kind: string, frame: Uint8Array): void {
    if (frame.length > KEPT_BYTES) return
    const old = this.#old.get(kind) ?? []
    old.push(frame)
    if (old.length > KEPT_FRAMES) old.shift()
    this.#old.set(kind, old)
  }

  oldFrame(kind: string, random: SimRandom): Uint8Array | undefined {
    const old = this.#old.get(kind) ?? []
    return old[random.below(old.length)]
  }
}

/** How much later than the rest a frame is that meets a spike: a long tail. */
export function spikeMs({ spikeMs }: LinkOptions, random: SimRandom): number {
  return Math.min(MAX_SPIKE_MS, spikeMs / (1 - random.fraction()) ** (1 / SPIKE_SHAPE))
}
