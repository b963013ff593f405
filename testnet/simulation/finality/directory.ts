import type { Certificate } from '../../../consensus/finality/certificate.ts'
import { sealHash } from '../../../consensus/finality/seal.ts'
import type { HonestNode } from './honest.ts'
import type { Judge } from './judge.ts'
import type { World } from './world.ts'

/** Anchors one certificate for each height of each authority: the first that it is shown. */
export class Directory {
  readonly nodes: HonestNode[] = []
  readonly #world: World
  readonly #judge: Judge
  readonly #anchored = new Map<string, Uint8Array>()
  readonly #newest = new Map<number, Uint8Array>()

  constructor(world: World, judge: Judge) {
    this.#world = world
    this.#judge = judge
  }

  submit(group: number, { seal }: Certificate): void {
    const place = `${group}/${seal.height}`
    const hash = sealHash(seal)
    this.#world.after(5 + 60 * this.#world.random.fraction(), () => {
      if (this.#anchored.has(place)) return
      this.#anchored.set(place, hash)
      this.#newest.set(group, hash)
      this.#judge.anchored(group, Buffer.from(hash).toString('hex'))
      for (const node of this.nodes) {
        this.#world.after(2 + 60 * this.#world.random.fraction(), () => node.anchored(group, hash))
      }
    })
  }

  /** To a node that has just started. */
  retell(node: HonestNode): void {
    for (const [group, hash] of this.#newest) node.anchored(group, hash)
  }
}
