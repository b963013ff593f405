import type { SimEvent } from './event-queue.ts'

/**
 * One life of one simulated process. What it scheduled, sent or wrote carries its scope: once it is dead, nothing of
 * it runs any more; while it is paused, what comes due for it is held.
 */
export interface Scope {
  readonly owner: string
  readonly incarnation: number
  alive: boolean
  paused: boolean
  readonly held: SimEvent[]
}

export function newScope(owner: string, incarnation: number): Scope {
  return { owner, incarnation, alive: true, paused: false, held: [] }
}
