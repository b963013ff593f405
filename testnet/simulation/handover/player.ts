import type { Entity } from '../../../consensus/handover/id.ts'
import type { World } from '../finality/world.ts'
import type { Directory } from './directory.ts'
import { encodeInput } from './estate.ts'
import { frames } from './frames.ts'
import type { Judge } from './judge.ts'

const WINDOW = 4
const EVERY_MS = 60
const PATIENCE_MS = 600

/** A gateway with one player: inputs in order, and again what is not final, wherever it believes the entity to be. */
export class Player {
  readonly entity: Entity
  /** It asks for no more than so many inputs. */
  goal = Number.POSITIVE_INFINITY
  made = 0
  readonly #world: World
  readonly #directory: Directory
  readonly #judge: Judge
  readonly #entities: readonly Entity[]
  #at: number
  #lastFinal = 0
  #movedMs = 0

  constructor(
    entity: Entity,
    at: number,
    entities: readonly Entity[],
    world: World,
    directory: Directory,
    judge: Judge,
  ) {
    this.entity = entity
    this.#at = at
    this.#entities = entities
    this.#world = world
    this.#directory = directory
    this.#judge = judge
    this.#later()
  }

  get isDone(): boolean {
    return this.#judge.finalSeq(this.entity) === this.made && this.made >= this.goal
  }

  /** @param number 0: it is not known there. Then the registry knows, or is behind, and another one is as good a guess. */
  moved(number: number): void {
    const { open } = this.#directory
    const { random } = this.#world
    const owner = random.chance(0.5) ? open.find(({ log }) => log.estate.has(this.entity)) : undefined
    const guess = owner ?? open[random.below(open.length)]
    this.#at = number > 0 ? number : (guess?.number ?? this.#at)
  }

  #later(): void {
    this.#world.after(EVERY_MS * (0.5 + this.#world.random.fraction()), () => {
      this.#play()
      this.#later()
    })
  }

  #play(): void {
    const final = this.#judge.finalSeq(this.entity)
    const { nowMs } = this.#world
    if (final > this.#lastFinal) {
      this.#lastFinal = final
      this.#movedMs = nowMs
    }
    if (this.made < Math.min(this.goal, final + WINDOW)) this.#ask(++this.made)
    if (final >= this.made || nowMs < this.#movedMs + PATIENCE_MS) return
    this.#movedMs = nowMs
    if (this.#world.random.chance(0.3)) this.moved(0)
    for (let seq = final + 1; seq <= this.made; seq++) this.#ask(seq)
  }

  /** The same seq asks for the same, always. */
  #ask(seq: number): void {
    const other =
      this.#entities[(seq * 7 + Number.parseInt(this.entity.slice(0, 4), 16)) % this.#entities.length]!
    this.#world.send(0, this.#at, frames.of('input', encodeInput({ entity: this.entity, seq, other })))
  }
}
