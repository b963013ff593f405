import { type Fault, pickNode } from './fault.ts'

/** What happens where the nodes hold a directory. */
export const DIRECTORY_FAULTS = {
  /** A node gives those who follow the directory one record more than its members have decided. */
  'lying-source': {
    counters: ['source-lies'],
    inject: field => {
      const { program } = pickNode(field)
      if (program?.directory === undefined) return
      program.directory.isLying = true
      field.simulation.countFault('source-lies')
    },
    mendNode: (_, { program }) => {
      if (program?.directory !== undefined) program.directory.isLying = false
    },
  },
} satisfies Record<string, Fault>
