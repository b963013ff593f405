import type { Voter } from '../../../consensus/finality/seal.ts'
import type { Ballot } from '../../../consensus/finality/statement.ts'
import type { Keys } from './keys.ts'
import { Knowledge } from './knowledge.ts'
import type { Liar } from './liar.ts'
import { hex, type Ordering } from './ordering.ts'
import type { World } from './world.ts'

/** What the liars know together; one of them alone knows less. */
export class Cabal {
  readonly world: World
  readonly keys: Keys
  readonly orderings: ReadonlyMap<number, Ordering>
  readonly tap: (from: number, bytes: Uint8Array) => void
  readonly liars = new Map<number, Liar>()
  readonly known = new Map<number, Knowledge>()
  readonly #audiences = new Map<string, readonly number[]>()

  constructor(
    world: World,
    keys: Keys,
    orderings: ReadonlyMap<number, Ordering>,
    founders: readonly Voter[],
    tap: (from: number, bytes: Uint8Array) => void,
  ) {
    this.world = world
    this.keys = keys
    this.orderings = orderings
    this.tap = tap
    for (const [group, ordering] of orderings) this.known.set(group, new Knowledge(ordering, founders))
  }

  /** Who is to believe that this seal is the one: with a rival, those who were given it; else everybody, nobody, or one. */
  audience({ ordering, regime }: Knowledge, { view, hash }: Ballot): readonly number[] {
    const key = `${view}/${hex(hash)}`
    const known = this.#audiences.get(key)
    if (known !== undefined) return known
    const { random } = this.world
    const members = regime.members.map(({ node }) => node).filter(node => !this.liars.has(node))
    const entries = [...ordering.instances.values()].flatMap(instance => instance.entries)
    const entry = entries.find(one => one.key === hex(hash))
    const shown = members.filter(node => entry?.visibleTo(node) !== false)
    const part = random.below(5)
    const isFork = shown.length < members.length
    const audience = isFork || part < 2 ? shown : part === 2 ? [] : [members[random.below(members.length)]!]
    this.#audiences.set(key, audience)
    return audience
  }
}
