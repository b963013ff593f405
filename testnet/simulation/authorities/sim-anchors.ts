import type { Certificate } from '../../../consensus/finality/certificate.ts'
import { sealHash } from '../../../consensus/finality/seal.ts'
import type { Anchoring, DirectoryNews } from '../../../daemon/hosting/finality/anchoring.ts'
import type { Clock } from '../../../daemon/ports.ts'
import type { ViewTruth } from './view-truth.ts'

/** One node's way to a directory that all trust: it takes what it is given, at once or late. */
export class SimAnchors implements Anchoring {
  /** From now on. */
  lateMs = 0
  readonly waits = false
  readonly #clock: Clock
  readonly #truth: ViewTruth
  #news: DirectoryNews | undefined

  constructor(clock: Clock, truth: ViewTruth) {
    this.#clock = clock
    this.#truth = truth
  }

  begin(news: DirectoryNews): void {
    this.#news = news
    news.leased(Number.POSITIVE_INFINITY)
  }

  anchor(group: number, { seal }: Certificate): void {
    const anchor = (): void => {
      this.#truth.anchored(group, seal)
      this.#news?.anchored(group, sealHash(seal))
    }
    if (this.lateMs === 0) anchor()
    else this.#clock.after(this.lateMs, anchor)
  }

  stop(): void {
    this.#news = undefined
  }
}
