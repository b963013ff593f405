import type { Store } from '../../../storage/store.ts'
import type { Simulation } from '../../../testnet/simulation/simulation.ts'
import type { Cluster, GroupPlan } from './cluster.ts'
import { nameOf } from './group-node.ts'

/** `count` groups, spread over the nodes, by turns on three of them and on all. */
export function spread(nodes: number, count: number): GroupPlan[] {
  return Array.from({ length: count }, (_, i) => {
    const replicas = i % 2 === 0 ? Math.min(3, nodes) : nodes
    return { group: i + 1, voters: Array.from({ length: replicas }, (_, k) => ((i + k) % nodes) + 1) }
  })
}

/** Keeps proposing everywhere until the function returned is called. */
export function startLoad(cluster: Cluster, everyMs: number): () => void {
  let stop: () => void
  const load = (): void => {
    for (const node of cluster.nodes) node.program?.proposeAll()
    stop = cluster.simulation.schedule(undefined, everyMs, '', load)
  }
  load()
  return () => stop()
}

type Fault = (simulation: Simulation, cluster: Cluster) => void

const FAULTS: readonly Fault[] = [
  (simulation, cluster) => pick(simulation, cluster.nodes).crash(),
  (simulation, cluster) => pick(simulation, cluster.nodes).crash({ silent: true }),
  (simulation, cluster) => pick(simulation, cluster.nodes).disk.crashAtWrite(1 + simulation.random.below(5)),
  (_, cluster) => {
    for (const node of cluster.nodes) node.crash()
  },
  (simulation, cluster) => {
    pick(simulation, cluster.nodes).disk.options.syncMs = 150
  },
  (simulation, cluster) => pick(simulation, cluster.nodes).pause(),
  (simulation, cluster) => {
    const names = cluster.nodes.map(node => node.name)
    const cut = 1 + simulation.random.below(names.length - 1)
    simulation.network.links.partition(names.slice(0, cut), names.slice(cut))
  },
  (simulation, cluster) => {
    const from = 1 + simulation.random.below(cluster.nodes.length)
    const to = (from % cluster.nodes.length) + 1
    simulation.network.links.blockOneWay(nameOf(from), nameOf(to))
  },
  simulation => simulation.network.links.setAll({ lossRate: 0.05, jitterMs: 20, breakRate: 0.002 }),
]

/** A node's disk is lost, and the node comes back on a new one. */
export const LOSES_DISK: Fault = (simulation, cluster) => {
  cluster.wipe(1 + simulation.random.below(cluster.nodes.length))
}

/** One fault after another for `ms`, each kind before any kind twice; what is broken is mended a little later. */
export async function torment(
  simulation: Simulation,
  cluster: Cluster,
  ms: number,
  more: readonly Fault[] = [],
): Promise<void> {
  const endMs = simulation.nowMs + ms
  let faults: Fault[] = []
  while (simulation.nowMs < endMs) {
    if (faults.length === 0) faults = [...FAULTS, ...more]
    const [fault] = faults.splice(simulation.random.below(faults.length), 1)
    fault!(simulation, cluster)
    await simulation.runFor(simulation.random.between(50, 600))
    if (simulation.random.chance(0.6)) mend(simulation, cluster)
    await simulation.runFor(simulation.random.between(50, 400))
  }
}

export function mend(simulation: Simulation, cluster: Cluster): void {
  simulation.network.links.heal()
  simulation.network.links.setAll({ lossRate: 0, jitterMs: 0.1, breakRate: 0 })
  for (const node of cluster.nodes) {
    node.disk.options.syncMs = 1
    node.disk.crashAtWrite(Number.POSITIVE_INFINITY)
    node.resume()
    if (!node.alive) node.start()
  }
}

/** The planted bug: says "durable" as soon as it was asked to write. */
export function hasty(store: Store): Store {
  return {
    write: (ops, _options, done) => {
      store.write(ops, { sync: false }, () => {})
      queueMicrotask(() => done())
    },
    get: key => store.get(key),
    getMany: keys => store.getMany(keys),
    range: range => store.range(range),
    close: () => store.close(),
  }
}

function pick<T>(simulation: Simulation, from: readonly T[]): T {
  return from[simulation.random.below(from.length)]!
}
