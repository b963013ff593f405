import type { PeerId } from '../../daemon/ports.ts'
import type { LinkOptions } from './link.ts'
import type { Simulation } from './simulation.ts'

interface Link {
  readonly from: PeerId
  readonly to: PeerId
  readonly change: Partial<LinkOptions>
  readonly options: LinkOptions
}

export interface LinkEvents {
  blocked(from: PeerId, to: PeerId): void
  unblocked(from: PeerId, to: PeerId): void
}

/** All directed links: what each is like by nature, and what was done to it. */
export class Links {
  readonly #simulation: Simulation
  readonly #events: LinkEvents
  readonly #links = new Map<string, Link>()
  #nature: LinkOptions
  #flapping = 0

  constructor(simulation: Simulation, nature: LinkOptions, events: LinkEvents) {
    this.#simulation = simulation
    this.#nature = nature
    this.#events = events
  }

  /** What links are like to which nothing was done. */
  set nature(nature: LinkOptions) {
    this.#nature = nature
    for (const [key, link] of this.#links)
      this.#links.set(key, { ...link, options: { ...nature, ...link.change } })
  }

  get(from: PeerId, to: PeerId): LinkOptions {
    return this.#links.get(`${from}>${to}`)?.options ?? this.#nature
  }

  /** One direction only; what isn't named stays as it is. */
  set(from: PeerId, to: PeerId, more: Partial<LinkOptions>): void {
    const wasBlocked = this.get(from, to).blocked
    const change = { ...this.#links.get(`${from}>${to}`)?.change, ...more }
    const options = { ...this.#nature, ...change }
    this.#links.set(`${from}>${to}`, { from, to, change, options })
    if (options.blocked && !wasBlocked) this.#events.blocked(from, to)
    if (wasBlocked && !options.blocked) this.#events.unblocked(from, to)
  }

  setAll(more: Partial<LinkOptions>): void {
    for (const a of this.#simulation.nodes()) {
      for (const b of this.#simulation.nodes()) if (a !== b) this.set(a.name, b.name, more)
    }
  }

  /** In these respects all links are again as they are by nature. */
  restore(...keys: (keyof LinkOptions)[]): void {
    for (const [key, link] of this.#links) {
      const change = { ...link.change }
      for (const each of keys) delete change[each]
      this.#links.set(key, { ...link, change, options: { ...this.#nature, ...change } })
    }
  }

  /** Nothing passes between nodes of different sides; who is named in no side keeps all its links. */
  partition(...sides: readonly (readonly PeerId[])[]): void {
    this.#simulation.countFault('partition')
    this.#simulation.tell('network', `is cut: ${sides.map(side => side.join(' ')).join(' | ')}`)
    if (sides.length > 2) this.#simulation.countFault('partition-in-three')
    this.#block(sides, true)
  }

  /** Nothing passes from `from` to `to`; the other way it does. */
  blockOneWay(from: PeerId, to: PeerId): void {
    this.#simulation.countFault('one-way-partition')
    this.#simulation.tell('network', `nothing passes from ${from} to ${to}`)
    this.set(from, to, { blocked: true })
  }

  /** Shut and open by turns, every so often, until `heal`. */
  flap(sides: readonly (readonly PeerId[])[], everyMs: number): void {
    this.#simulation.tell('network', `flaps: ${sides.map(side => side.join(' ')).join(' | ')}`)
    this.#flap(sides, everyMs, ++this.#flapping, true)
  }

  heal(): void {
    this.#flapping++
    const blocked = [...this.#links.values()].filter(({ options }) => options.blocked)
    if (blocked.length > 0) this.#simulation.tell('network', 'is whole again')
    for (const { from, to } of blocked) this.set(from, to, { blocked: false })
  }

  #flap(sides: readonly (readonly PeerId[])[], everyMs: number, flapping: number, shut: boolean): void {
    if (this.#flapping !== flapping) return
    if (shut) this.#simulation.countFault('flap')
    this.#block(sides, shut)
    this.#simulation.schedule(undefined, everyMs, 'flap', () => this.#flap(sides, everyMs, flapping, !shut))
  }

  #block(sides: readonly (readonly PeerId[])[], blocked: boolean): void {
    for (const side of sides) {
      for (const other of sides) {
        if (side === other) continue
        for (const from of side) for (const to of other) this.set(from, to, { blocked })
      }
    }
  }
}
