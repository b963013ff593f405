import type { Authority } from '../../consensus/handover/id.ts'
import type { Position } from '../../world/codec.ts'
import type { Charter } from '../../world/kinds.ts'

/** An area whose borders are open. */
interface OpenArea {
  readonly authority: Authority
  readonly group: number
  readonly xMm: number
  readonly yMm: number
  readonly sideMm: number
}

interface Founded {
  readonly identity: { readonly origin: string; readonly group: number }
  readonly charter: Charter
}

/** Which authority has which place of the world, as the network was founded. */
export class Borders {
  readonly #areas: OpenArea[] = []
  readonly #groups = new Map<Authority, number>()

  constructor(authorities: Iterable<Founded>, authorityOf: (origin: string) => Authority) {
    for (const { identity, charter } of authorities) {
      const authority = authorityOf(identity.origin)
      this.#groups.set(authority, identity.group)
      if (charter.kind === 'area' && charter.borders === 'open')
        this.#areas.push({ ...charter, authority, group: identity.group })
    }
  }

  /** Whoever takes in what comes over a border there. */
  areaAt({ xMm, yMm }: Position): Authority | undefined {
    const found = this.#areas.find(
      area =>
        xMm >= area.xMm && xMm < area.xMm + area.sideMm && yMm >= area.yMm && yMm < area.yMm + area.sideMm,
    )
    return found?.authority
  }

  groupOf(authority: Authority): number | undefined {
    return this.#groups.get(authority)
  }
}
