import type { Fault } from './fault.ts'

/** A bad line, and a client that makes the worst of it. */
export interface Haste {
  /** Messages of some lines take up to so much longer; their order stays. */
  readonly lateMs: number
  /** Part of the inputs that are sent twice. */
  readonly twiceRate: number
  /** Part of the inputs after which it leaves its gateway at once, and asks for all again. */
  readonly leaveRate: number
}

const HASTE: Haste = { lateMs: 2_000, twiceRate: 0.2, leaveRate: 0.1 }

export const CLIENT_FAULTS = {
  /** A client in a hurry on a bad line. What it gave up still arrives, after what it asked elsewhere. */
  'client-retry': {
    counters: ['client-input-twice', 'client-input-late'],
    inject: ({ simulation, players }) => {
      for (const player of players) if (simulation.random.chance(0.5)) player.haste = HASTE
    },
    mendLinks: ({ players }) => {
      for (const player of players) player.haste = undefined
    },
  },
} satisfies Record<string, Fault>
