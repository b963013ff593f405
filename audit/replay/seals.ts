/** What a seal by itself must be, beside the state that it names. */
import type { Decision } from '../decision.ts'
import type { GenesisArea } from '../genesis.ts'
import { equalBytes } from '../verify/bytes.ts'
import type { Seal } from './bodies.ts'

/** What a seal of a mark names. */
export interface MarkedState {
  readonly height: number
  /** The log's size just after it. */
  readonly size: number
  readonly tick: number
  readonly root: Uint8Array
}

/** A leader that was in doubt has proposed it once more. */
export function isSameSeal(seal: Seal, last: Seal): boolean {
  return (
    seal.asOfSize === last.asOfSize &&
    equalBytes(seal.stateRoot, last.stateRoot) &&
    equalBytes(seal.previous, last.previous)
  )
}

/** How far the members have decided, and how they came to be the members. */
export type DecidedMembers = Pick<Decision, 'size' | 'changes'>

/** A seal is of the epoch that the decisions before it lead to, and names others than its members only by such a decision. */
export function membersProblem(
  seal: Seal,
  leaf: number,
  area: GenesisArea,
  decision: DecidedMembers,
  logRoot: () => Uint8Array,
): string | undefined {
  // Behind it there may be another decision, that isn't shown.
  if (leaf >= decision.size) return undefined
  const { changes } = decision
  const founders = [...area.members].sort((a, b) => a - b)
  const last = changes.findLast(({ size }) => size <= leaf)
  const { epoch, members } = last ?? { epoch: area.epoch, members: founders }
  if (seal.epoch !== epoch) return `the seal is of epoch ${seal.epoch}, not ${epoch}`
  const next = changes.find(({ size }) => size === leaf + 1)
  if (next !== undefined && !equalBytes(next.root, logRoot()))
    return 'the members decided another log when they named those who follow them'
  if ((next?.members ?? members).join() === seal.nextMembers.join()) return undefined
  return 'the seal names other members than were decided'
}
