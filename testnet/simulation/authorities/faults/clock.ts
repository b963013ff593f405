import { type Fault, type Field, pickNode } from './fault.ts'

const MAX_SKEW_MS = 50

export const CLOCK_FAULTS = {
  skew: { counters: ['clock-skewed'], inject: skew },
} satisfies Record<string, Fault>

/** A wall clock a little off, and both clocks a little fast or slow, from the node's next start on. */
function skew(field: Field): void {
  const { random } = field.simulation
  pickNode(field).clock.skew = {
    wallOffsetMs: random.below(2 * MAX_SKEW_MS) - MAX_SKEW_MS,
    rate: random.between(0.999, 1.001),
  }
  field.simulation.countFault('clock-skewed')
}
