import { raftProtocol } from '../../../../daemon/hosting/raft-lanes.ts'
import { syncProtocol } from '../../../../daemon/hosting/sync.ts'
import { intentProtocol } from '../../../../daemon/routing/intent-codec.ts'
import type { Tolerance } from '../../link.ts'
import { type Fault, type Field, pickNode, shuffled } from './fault.ts'

/**
 * What each protocol says that it withstands between the ends of one channel; docs/testing.md has the reasons. Order
 * between channels, and between a channel and the one that comes in its place, nobody may rely on.
 */
function withstands(protocol: string, first: Uint8Array): Tolerance {
  if (protocol === raftProtocol) return first[0] === 0 ? 'twice-in-a-row' : 'any-order'
  if (protocol === intentProtocol || protocol === syncProtocol) return 'any-order'
  return 'nothing'
}

export const NETWORK_FAULTS = {
  loss: {
    counters: ['lost-frame'],
    inject: ({ simulation }) => simulation.network.links.setAll({ lossRate: 0.05 }),
    mendLinks: ({ simulation }) => simulation.network.links.restore('lossRate'),
  },
  /** Spikes with a long tail, on all links. */
  delay: {
    counters: ['late-frame'],
    inject: ({ simulation }) =>
      simulation.network.links.setAll({ jitterMs: 30, spikeRate: 0.02, spikeMs: 50 }),
    mendLinks: ({ simulation }) => simulation.network.links.restore('jitterMs', 'spikeRate', 'spikeMs'),
  },
  /** Between channels, between a broken channel and the next one, and within channels that withstand it. */
  reorder: {
    counters: ['overtaken-channel', 'old-channel-frame', 'reordered-frame'],
    inject: reorder,
    mendLinks: ({ simulation }) =>
      simulation.network.links.restore('channelLagMs', 'reorderRate', 'lingerMs', 'breakRate'),
  },
  /** Frames come twice, or old ones again. */
  duplicate: {
    counters: ['frame-twice', 'old-frame-again'],
    inject: ({ simulation }) => {
      simulation.network.configure({ withstands })
      simulation.network.links.setAll({ duplicateRate: 0.1, replayRate: 0.1 })
    },
    mendLinks: ({ simulation }) => simulation.network.links.restore('duplicateRate', 'replayRate'),
  },
  'broken-channel': {
    counters: ['broken-channel'],
    inject: ({ simulation }) => simulation.network.links.setAll({ breakRate: 0.003 }),
    mendLinks: ({ simulation }) => simulation.network.links.restore('breakRate'),
  },
  /** The network is cut in two, or in three. */
  partition: { counters: ['partition', 'partition-in-three'], inject: partition, mendLinks: heal },
  'one-way': { counters: ['one-way-partition'], inject: oneWay, mendLinks: heal },
  /** A cut that comes and goes. */
  flapping: { counters: ['flap'], inject: flap, mendLinks: heal },
} satisfies Record<string, Fault>

function heal({ simulation }: Field): void {
  simulation.network.links.heal()
}

function reorder({ simulation }: Field): void {
  simulation.network.configure({ withstands })
  const lingerMs = simulation.random.between(10, 500)
  simulation.network.links.setAll({ channelLagMs: 50, reorderRate: 0.1, lingerMs, breakRate: 0.002 })
}

function partition(field: Field): void {
  const { simulation } = field
  simulation.network.links.partition(...sides(field, simulation.random.chance(0.3) ? 3 : 2))
}

function oneWay(field: Field): void {
  const from = pickNode(field)
  const to = pickNode(field)
  if (from !== to) field.simulation.network.links.blockOneWay(from.name, to.name)
}

function flap(field: Field): void {
  const { links } = field.simulation.network
  links.flap(sides(field, 2), field.simulation.random.between(50, 500))
}

/** So many parts, none of them empty if there are nodes enough. */
function sides(field: Field, parts: number): string[][] {
  const { random } = field.simulation
  const names = shuffled(
    random,
    field.nodes.map(({ name }) => name),
  )
  const sides = Array.from({ length: parts }, (_, i) => names.slice(i, i + 1))
  for (const name of names.slice(parts)) sides[random.below(parts)]!.push(name)
  return sides
}
