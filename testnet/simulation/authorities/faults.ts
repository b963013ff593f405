import type { SimNode } from '../node.ts'
import type { Simulation } from '../simulation.ts'
import type { SimDaemon } from './daemon.ts'

type Nodes = readonly SimNode<SimDaemon>[]
type Fault = (simulation: Simulation, nodes: Nodes) => void

const MAX_SKEW_MS = 50

const FAULTS: readonly Fault[] = [
  (simulation, nodes) => pick(simulation, nodes).crash(),
  (simulation, nodes) => pick(simulation, nodes).crash({ silent: true }),
  crashAtWrite,
  crashAtWrite,
  crashAll,
  stopInOrder,
  (simulation, nodes) => {
    pick(simulation, nodes).disk.options.syncMs = 150
    simulation.countFault('slow-disk')
  },
  (simulation, nodes) => {
    pick(simulation, nodes).disk.options.stallRate = 0.05
  },
  (simulation, nodes) => pick(simulation, nodes).pause(),
  partition,
  partition,
  oneWay,
  oneWay,
  breakChannels,
  breakChannels,
]

/** The node dies while one of its next batches is being written. */
function crashAtWrite(simulation: Simulation, nodes: Nodes): void {
  pick(simulation, nodes).disk.crashAtWrite(1 + simulation.random.below(20))
}

/** The power fails everywhere: what no disk had synced is gone. */
function crashAll(simulation: Simulation, nodes: Nodes): void {
  simulation.countFault('crash-of-all')
  for (const node of nodes) node.crash({ silent: true })
}

/** As by the first signal: it hands leadership over, writes, and ends. */
function stopInOrder(simulation: Simulation, nodes: Nodes): void {
  const node = pick(simulation, nodes)
  const daemon = node.program
  if (daemon === undefined) return
  simulation.countFault('orderly-stop')
  daemon.gateway.stop()
  void daemon.engine.stop().then(() => {
    if (node.program === daemon) node.crash()
  })
}

function partition(simulation: Simulation, nodes: Nodes): void {
  const shuffled = nodes.map(node => node.name)
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = simulation.random.below(i + 1)
    ;[shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]
  }
  const cut = 1 + simulation.random.below(shuffled.length - 1)
  simulation.network.partition(shuffled.slice(0, cut), shuffled.slice(cut))
}

function oneWay(simulation: Simulation, nodes: Nodes): void {
  const from = pick(simulation, nodes)
  const to = pick(simulation, nodes)
  if (from !== to) simulation.network.blockOneWay(from.name, to.name)
}

function breakChannels(simulation: Simulation): void {
  simulation.network.setAllLinks({ lossRate: 0.05, jitterMs: 30, breakRate: 0.003 })
}

/** One fault after another for `ms`; what is broken is mostly mended a little later, sometimes much later. */
export async function torment(simulation: Simulation, nodes: Nodes, ms: number): Promise<void> {
  const endMs = simulation.nowMs + ms
  while (simulation.nowMs < endMs) {
    pick(simulation, FAULTS)(simulation, nodes)
    await simulation.runFor(simulation.random.between(100, 1_500))
    if (simulation.random.chance(0.6)) mendSome(simulation, nodes)
    await simulation.runFor(simulation.random.between(0, 1_000))
  }
}

/** Some stay down, and so miss more than Raft's log keeps for them. */
function mendSome(simulation: Simulation, nodes: Nodes): void {
  const mended = nodes.filter(() => simulation.random.chance(0.7))
  if (simulation.random.chance(0.7)) mendNetwork(simulation)
  for (const node of mended) mendNode(simulation, node)
}

/** One node stays away: it is down, or hangs while its connections stand. Undefined: none does. */
export function sparesOne(simulation: Simulation, nodes: Nodes): SimNode<SimDaemon> | undefined {
  const node = pick(simulation, nodes)
  const dice = simulation.random.below(3)
  if (dice === 0) return undefined
  if (dice === 1) node.crash({ silent: true })
  else node.pause()
  simulation.countFault('one-stays-away')
  return node
}

export function mend(simulation: Simulation, nodes: Nodes): void {
  mendNetwork(simulation)
  for (const node of nodes) {
    node.disk.crashAtWrite(Number.POSITIVE_INFINITY)
    mendNode(simulation, node)
  }
}

function mendNetwork(simulation: Simulation): void {
  simulation.network.heal()
  simulation.network.setAllLinks({ lossRate: 0, jitterMs: 0.1, breakRate: 0 })
}

function mendNode(simulation: Simulation, node: SimNode<SimDaemon>): void {
  node.disk.options.syncMs = 1
  node.disk.options.stallRate = 0
  node.resume()
  if (node.alive) return
  node.skew = {
    wallOffsetMs: simulation.random.below(2 * MAX_SKEW_MS) - MAX_SKEW_MS,
    rate: simulation.random.between(0.999, 1.001),
  }
  node.start()
}

function pick<T>(simulation: Simulation, from: readonly T[]): T {
  return from[simulation.random.below(from.length)]!
}
