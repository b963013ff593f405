import type { Certificate } from '../../consensus/finality/certificate.ts'
import { sealHash } from '../../consensus/finality/seal.ts'
import type { Anchor } from '../../world/directory/types.ts'
import type { AppliedEntry } from '../authority/replica.ts'
import type { Anchoring, DirectoryNews } from '../hosting/finality/anchoring.ts'

export interface DirectoryAnchoringParts {
  /** The directory's own group: what its members have certified is final. */
  readonly directory: number
  /** A certificate belongs into the directory's log. */
  readonly bring: (group: number, certificate: Certificate) => void
}

/** Anchoring by the directory: final is what its certified log has, and votes are cast under its leases. */
export class DirectoryAnchoring implements Anchoring {
  readonly waits = true
  readonly #parts: DirectoryAnchoringParts
  #news: DirectoryNews | undefined

  constructor(parts: DirectoryAnchoringParts) {
    this.#parts = parts
  }

  begin(news: DirectoryNews): void {
    this.#news = news
  }

  anchor(group: number, certificate: Certificate): void {
    if (group === this.#parts.directory) this.#news?.anchored(group, sealHash(certificate.seal))
    this.#parts.bring(group, certificate)
  }

  /** The directory's certified log has this; what lies below it is final with it. */
  anchored(group: number, { hash }: Anchor): void {
    this.#news?.anchored(group, hash)
  }

  leased(untilMs: number): void {
    this.#news?.leased(untilMs)
  }

  stop(): void {
    this.#news = undefined
  }
}

/** What is certified elsewhere waits for this entry to be in the directory's certified log. */
export function anchorsSomething({ applied }: Pick<AppliedEntry, 'applied'>): boolean {
  return applied.some(each => each?.changed.some(name => name.startsWith('anchor/')))
}
