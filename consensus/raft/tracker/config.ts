import type { ConfState } from '../types.ts'

/** Whether this node is in the configuration. Who is to become a learner still is an outgoing voter. */
export function names(config: ConfState, id: number): boolean {
  return config.voters.includes(id) || config.learners.includes(id) || config.votersOutgoing.includes(id)
}
