import type { Cancel, Clock, GossipVerdict, Network, PeerId } from '../ports.ts'
import { EvidenceBook, type Exhibit, type Filed } from './book.ts'
import type { FoundFile } from './folder.ts'
import { type Judgement, maxEvidenceChars } from './judge.ts'
import { Shares } from './shares.ts'

export interface ExchangeOptions {
  readonly network: Network
  readonly clock: Clock
  readonly numberOf: (peer: PeerId) => number | undefined
  readonly judge: (text: string) => Judgement
  readonly files: {
    pathOf(id: string): string
    keep(id: string, text: string): void
    drop(id: string): void
    look(): FoundFile[]
  }
  /** Evidence that this node did not find itself: what stands in it may tell it more. */
  readonly learnt: (text: string) => void
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly log: (event: 'evidence' | 'evidence-refused' | 'evidence-lost', facts: object) => void
}

/** What proves enough of the same already goes no further. */
const verdicts: Readonly<Record<Filed, GossipVerdict>> = {
  new: 'pass-on',
  same: 'pass-on',
  alike: 'drop',
  full: 'drop',
  'of-strangers': 'drop',
  'proves-nothing': 'refuse',
}

type Source = 'own' | 'gossip' | 'file'

export const evidenceTopic = 'evidence'
const lookEveryMs = 1_000
/** How long after the first time it is told again: what a peer lost while it was busy comes by no other way. */
const againAfterMs = [2_000, 10_000]
const maxTelling = 256
const version = 1
/** Of one node, whatever it says: a piece costs two signatures to verify. */
const perSecond = 4
const burst = 32

/** Evidence of all kinds: kept once, told to the other nodes once, and heard from them. */
export class EvidenceExchange {
  readonly #options: ExchangeOptions
  readonly #book: EvidenceBook
  readonly #shares = new Shares(perSecond, burst)
  /** What is to be told again, by when; `time` counts from 0. */
  #telling: { readonly text: string; readonly time: number; readonly atMs: number }[] = []
  #timer: Cancel | undefined

  constructor(options: ExchangeOptions) {
    this.#options = options
    const { judge, files, network } = options
    this.#book = new EvidenceBook({
      judge,
      keep: ({ id, text }) => files.keep(id, text),
      drop: id => files.drop(id),
    })
    network.subscribe(evidenceTopic, 2 + maxEvidenceChars, (from, data) => this.#hear(from, data))
    this.#look()
  }

  stop(): void {
    this.#timer?.()
  }

  list(): Exhibit[] {
    return this.#book.list()
  }

  get(id: string): Exhibit | undefined {
    return this.#book.get(id)
  }

  /** This node has found it. */
  found(text: string): void {
    if (this.#file(text, 'own', this.#options.clock.wallMs()) === 'new') this.#tell(text)
  }

  #look(): void {
    this.#timer = this.#options.clock.after(lookEveryMs, () => this.#look())
    this.#tellAgain()
    for (const { path, text, writtenMs } of this.#options.files.look()) {
      const filed = this.#file(text, 'file', writtenMs)
      if (isRefused(filed)) this.#options.log('evidence-refused', { file: path, code: filed })
      // After a restart the others may never have heard of it.
      if (filed === 'new') this.#tell(text)
    }
  }

  #tell(text: string): void {
    const nowMs = this.#options.clock.monotonicMs()
    this.#say(text, 0)
    this.#telling.push(...againAfterMs.map((ms, i) => ({ text, time: i + 1, atMs: nowMs + ms })))
    if (this.#telling.length > maxTelling) this.#telling = this.#telling.slice(-maxTelling)
  }

  #tellAgain(): void {
    const nowMs = this.#options.clock.monotonicMs()
    const due = this.#telling.filter(({ atMs }) => atMs <= nowMs)
    this.#telling = this.#telling.filter(({ atMs }) => atMs > nowMs)
    for (const { text, time } of due) this.#say(text, time)
  }

  /** Gossip takes what it has heard once for known: the number makes it another message. */
  #say(text: string, time: number): void {
    const head = Uint8Array.of(version, time)
    this.#options.network.publish(evidenceTopic, Buffer.concat([head, Buffer.from(text)]))
  }

  #hear(from: PeerId, data: Uint8Array): GossipVerdict {
    const { numberOf, count, clock } = this.#options
    const number = numberOf(from)
    if (number === undefined) {
      count('evidence_refused', { code: 'unknown-author' })
      return 'drop'
    }
    if (!this.#shares.take(number, clock.monotonicMs())) {
      count('evidence_refused', { code: 'over-rate' })
      return 'drop'
    }
    const isWhole = data[0] === version && data[1]! <= againAfterMs.length
    const text = Buffer.from(data.subarray(2)).toString()
    const filed = isWhole ? this.#file(text, 'gossip', clock.wallMs()) : 'proves-nothing'
    if (isRefused(filed)) count('evidence_refused', { code: filed })
    return verdicts[filed]
  }

  #file(text: string, source: Source, keptAtMs: number): Filed {
    const { count, log, files } = this.#options
    try {
      const { filed, exhibit } = this.#book.add(text, Math.round(keptAtMs))
      if (filed !== 'new') return filed
      const { kind, origin, accused, signers, id } = exhibit!
      count('evidence', { kind, source })
      log('evidence', { kind, origin, accused, signers, file: files.pathOf(id) })
      if (source !== 'own') this.#options.learnt(text)
      return filed
    } catch (error) {
      log('evidence-lost', { error: (error as Error).message })
      return 'full'
    }
  }
}

function isRefused(filed: Filed): boolean {
  return filed === 'proves-nothing' || filed === 'of-strangers'
}
