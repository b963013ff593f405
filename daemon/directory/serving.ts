import { decodeCertificate } from '../../consensus/finality/certificate.ts'
import type { LogReader } from '../../storage/log/log-store.ts'
import { encodeBatch } from '../../storage/log/record.ts'
import type { Cancel, Channel, Clock, Network } from '../ports.ts'
import {
  decodeAsk,
  directoryProtocol,
  encodeHead,
  encodeSegmentBatch,
  maxActivations,
  nothingNewer,
  type SegmentAsk,
  segmentOptions,
} from './segments.ts'

/** The directory's certified log as this node has it, whether as a member or as a follower. */
export interface CertifiedLog {
  /** Leaves that are certified and on this node's disk. */
  readonly size: number
  readonly reader: Pick<LogReader, 'batches'>
  /** A certificate over this leaf: the first that is kept, or the newest. */
  certificateOver(leaf: number): Promise<Uint8Array | undefined>
  /** Those that began the epochs after this one, in order. */
  activationsAfter(epoch: number): readonly Uint8Array[]
}

export interface ServingParts {
  readonly network: Network
  readonly clock: Clock
  readonly log: () => CertifiedLog | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** Who asks for what is not there yet is told so after this time. */
const holdMs = 5_000

/** Gives the directory's certified log, piece by piece, to whoever asks: it is open to everybody, also to who is no node yet. */
export class DirectoryServing {
  readonly #parts: ServingParts
  /** Of those who have all that there is. */
  readonly #waiting = new Map<Asker, { readonly ask: SegmentAsk; readonly cancel: Cancel }>()

  constructor(parts: ServingParts) {
    this.#parts = parts
    parts.network.handle(directoryProtocol, segmentOptions, channel => this.#accept(channel))
  }

  #accept(channel: Channel): void {
    const asker = new Asker(channel, () => this.#forget(asker))
    channel.onFrame(frame => {
      const ask = decodeAsk(frame)
      // One question at a time: who sends more is no honest node.
      if (ask !== undefined && !asker.isBusy && !this.#waiting.has(asker)) return this.#answer(asker, ask)
      this.#parts.count('directory_ask_refused', {})
      channel.close('directory: malformed')
    })
  }

  /** More is certified. */
  advanced(): void {
    const size = this.#parts.log()?.size ?? 0
    for (const [asker, { ask }] of [...this.#waiting]) {
      if (ask.size >= size) continue
      this.#forget(asker)
      this.#answer(asker, ask)
    }
  }

  #forget(asker: Asker): void {
    this.#waiting.get(asker)?.cancel()
    this.#waiting.delete(asker)
  }

  #answer(asker: Asker, ask: SegmentAsk): void {
    const log = this.#parts.log()
    if (log === undefined) return asker.channel.close('directory: not here')
    if (ask.size >= log.size) return this.#hold(asker, ask)
    asker.isBusy = true
    sendSegment(asker, log, ask)
      .catch((error: Error) => asker.channel.close(`directory: ${error.message}`))
      .finally(() => {
        asker.isBusy = false
      })
  }

  #hold(asker: Asker, ask: SegmentAsk): void {
    const cancel = this.#parts.clock.after(holdMs, () => {
      this.#waiting.delete(asker)
      asker.channel.send(nothingNewer)
    })
    this.#waiting.set(asker, { ask, cancel })
  }
}

async function sendSegment(
  asker: Asker,
  log: CertifiedLog,
  { size: from, epoch }: SegmentAsk,
): Promise<void> {
  const all = log.activationsAfter(epoch)
  // Whoever was away for many epochs is led on by these first.
  const far = all.length > maxActivations ? all[maxActivations] : undefined
  const certificate = far ?? (await log.certificateOver(from))
  const decoded = certificate && decodeCertificate(certificate)
  if (decoded === undefined) throw new Error('no certificate')
  const { size } = decoded.seal
  const activations = all.filter(each => decodeCertificate(each)!.seal.nextEpoch <= decoded.epoch)
  // It asks again as soon as it has the last batch.
  const frames = [encodeHead({ activations, certificate: certificate! })]
  for await (const { firstLeaf, records } of log.reader.batches(from, size)) {
    if (!(await asker.send(frames.pop()!))) return
    const begin = Math.max(from, firstLeaf)
    const batch = records.slice(begin - firstLeaf, size - firstLeaf)
    frames.push(encodeSegmentBatch(begin, encodeBatch(batch)))
  }
  asker.isBusy = false
  await asker.send(frames.pop()!)
}

/** Sends no faster than the other side takes. */
class Asker {
  readonly channel: Channel
  isBusy = false
  #isClosed = false
  #drained: (() => void) | undefined

  constructor(channel: Channel, closed: () => void) {
    this.channel = channel
    channel.onClose(() => {
      this.#isClosed = true
      this.#drained?.()
      closed()
    })
    channel.onDrain(() => this.#drained?.())
  }

  /** False: it is closed. */
  async send(frame: Uint8Array): Promise<boolean> {
    if (this.#isClosed) return false
    if (!this.channel.send(frame) && !this.#isClosed)
      await new Promise<void>(resolve => {
        this.#drained = resolve
      })
    return !this.#isClosed
  }
}
