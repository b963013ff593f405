import type { Certificate } from '../../../consensus/finality/certificate.ts'
import { sealHash } from '../../../consensus/finality/seal.ts'

/** What the members' votes are told by the directory. */
export interface DirectoryNews {
  /** This node may cast second votes until then, by its monotonic clock. */
  leased(untilMs: number): void
  /** The directory's certified log has the certificate with this hash: it is final. */
  anchored(group: number, hash: Uint8Array): void
}

/** The directory, as far as finality needs it (docs/finality.md, rules 2 and 3). */
export interface Anchoring {
  /** What is certified waits for the directory's log. */
  readonly waits: boolean
  begin(news: DirectoryNews): void
  /** The certificate belongs into the directory's log; `anchored` follows, at once or later. After a restart it is handed in again. */
  anchor(group: number, certificate: Certificate): void
  stop(): void
}

/** A lease without end, and whatever is certified is anchored: final does not wait for the directory. */
export class AnchorsAtOnce implements Anchoring {
  readonly waits = false
  readonly #bring: Anchoring['anchor']
  #news: DirectoryNews | undefined

  /** @param bring the certificate goes into the directory's log all the same */
  constructor(bring: Anchoring['anchor'] = () => {}) {
    this.#bring = bring
  }

  begin(news: DirectoryNews): void {
    this.#news = news
    news.leased(Number.POSITIVE_INFINITY)
  }

  anchor(group: number, certificate: Certificate): void {
    this.#news?.anchored(group, sealHash(certificate.seal))
    this.#bring(group, certificate)
  }

  stop(): void {
    this.#news = undefined
  }
}
