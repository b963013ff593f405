import { type Fault, type Field, pickNode } from './fault.ts'

const heal = ({ simulation }: Field): void => simulation.network.heal()

export const NETWORK_FAULTS = {
  loss: {
    counters: ['lost-frame'],
    inject: ({ simulation }) => simulation.network.setAllLinks({ lossRate: 0.05 }),
    mendLinks: ({ simulation }) => simulation.network.setAllLinks({ lossRate: 0 }),
  },
  'broken-channel': {
    counters: ['broken-channel'],
    inject: ({ simulation }) => simulation.network.setAllLinks({ jitterMs: 30, breakRate: 0.003 }),
    mendLinks: ({ simulation }) => simulation.network.setAllLinks({ jitterMs: 0.1, breakRate: 0 }),
  },
  /** The network is cut in two. */
  partition: { counters: ['partition'], inject: partition, mendLinks: heal },
  'one-way': { counters: ['one-way-partition'], inject: oneWay, mendLinks: heal },
} satisfies Record<string, Fault>

function partition({ simulation, nodes }: Field): void {
  const shuffled = nodes.map(node => node.name)
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = simulation.random.below(i + 1)
    ;[shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]
  }
  const cut = 1 + simulation.random.below(shuffled.length - 1)
  simulation.network.partition(shuffled.slice(0, cut), shuffled.slice(cut))
}

function oneWay(field: Field): void {
  const from = pickNode(field)
  const to = pickNode(field)
  if (from !== to) field.simulation.network.blockOneWay(from.name, to.name)
}
