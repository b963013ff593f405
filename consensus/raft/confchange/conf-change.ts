/** What to do with one member. `update` changes nothing but what the host keeps about it. */
export type ChangeType = 'add-voter' | 'remove' | 'update' | 'add-learner'

export interface SingleChange {
  readonly type: ChangeType
  /** 0: a change that the host decided not to make. */
  readonly nodeId: number
}

/**
 * `auto`: one change at once, more through a joint configuration that is left by itself. `implicit`: always through a
 * joint configuration that is left by itself. `explicit`: stays joint until an empty change is proposed.
 */
export type Transition = 'auto' | 'implicit' | 'explicit'

/** Takes effect when it is applied, not when it is appended. Version 1 carries exactly one change, `auto`. */
export interface ConfChange {
  readonly version: 1 | 2
  readonly transition: Transition
  readonly changes: readonly SingleChange[]
  readonly context: Uint8Array
}

/** An empty change leaves the joint configuration. */
export function leavesJoint(change: ConfChange): boolean {
  return change.transition === 'auto' && change.changes.length === 0
}

export function entersJoint(change: ConfChange): boolean {
  return change.transition !== 'auto' || change.changes.length > 1
}
