import type { Authority, Entity } from './id.ts'
import { maxWaiting, maxWaitingOfOne } from './limits.ts'
import type { HandoverState } from './state.ts'
import type { Estate } from './types.ts'

/** Inputs that waited for a handover, in the order in which they came. */
export interface Forward {
  readonly entity: Entity
  /** This authority itself: the entity stayed. Undefined: it is not known here any more. */
  readonly to: Authority | undefined
  readonly inputs: readonly Uint8Array[]
}

/** Inputs of entities that are locked. A crash loses them: nothing was promised, and the gateways send them again. */
export class Waiting {
  readonly #self: Authority
  readonly #state: HandoverState
  readonly #estate: Estate
  readonly #queues = new Map<Entity, Uint8Array[]>()
  #count = 0

  constructor(self: Authority, state: HandoverState, estate: Estate) {
    this.#self = self
    this.#state = state
    this.#estate = estate
  }

  /** Where the entity is: here, on its way (undefined), elsewhere, or unknown here. */
  whereIs(entity: Entity): Authority | 'unknown' | undefined {
    if (this.#estate.has(entity)) return this.#self
    if (this.#state.locks.about(entity) !== undefined) return undefined
    return this.#state.released.about(entity)?.target ?? 'unknown'
  }

  /** False when too much waits. */
  add(entity: Entity, input: Uint8Array): boolean {
    const queue = this.#queues.get(entity) ?? []
    if (queue.length >= maxWaitingOfOne || this.#count >= maxWaiting) return false
    queue.push(input)
    this.#queues.set(entity, queue)
    this.#count += 1
    return true
  }

  /** Takes out what waits no longer. */
  take(): Forward[] {
    const forwards: Forward[] = []
    for (const [entity, inputs] of this.#queues) {
      const at = this.whereIs(entity)
      if (at === undefined) continue
      forwards.push({ entity, to: at === 'unknown' ? undefined : at, inputs })
      this.#queues.delete(entity)
      this.#count -= inputs.length
    }
    return forwards
  }
}
