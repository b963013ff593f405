import type { Anchor, Reforming, Voter } from '../../../world/directory/types.ts'

/** A piece of the directory's certified log, as a node that follows it has it: what it says of the area, and whose lease it renews. */
export interface Shown {
  readonly renewals: ReadonlyMap<number, Uint8Array>
  readonly epoch: number
  readonly members: readonly Voter[]
  readonly anchor: Anchor | undefined
  readonly row: Pick<Reforming, 'phase' | 'epoch' | 'asked' | 'base'> | undefined
  /** Who is to come, by the newest order. */
  readonly pending: readonly Voter[] | undefined
  readonly learners: readonly number[]
}
