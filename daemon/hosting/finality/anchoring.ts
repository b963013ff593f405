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
  begin(news: DirectoryNews): void
  /** The certificate belongs into the directory's log; `anchored` follows, at once or later. After a restart it is handed in again. */
  anchor(group: number, certificate: Certificate): void
  stop(): void
}

/** Until there is a directory: a lease without end, and whatever is certified is anchored. */
export class AnchorsAtOnce implements Anchoring {
  #news: DirectoryNews | undefined

  begin(news: DirectoryNews): void {
    this.#news = news
    news.leased(Number.POSITIVE_INFINITY)
  }

  anchor(group: number, { seal }: Certificate): void {
    this.#news?.anchored(group, sealHash(seal))
  }

  stop(): void {
    this.#news = undefined
  }
}
