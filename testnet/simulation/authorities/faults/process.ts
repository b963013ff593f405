import { between, type Fault, type Field, type Node, pickNode } from './fault.ts'

/** What happens to a node's process. What is down is started again, whatever had ended it. */
export const PROCESS_FAULTS = {
  /** With or without its connections being reset. */
  crash: { counters: ['crash'], inject: crash, mendNode: start },
  'crash-at-write': {
    counters: ['crash-during-write'],
    inject: crashAtWrite,
    mendNode: (_, node) => node.disk.crashAtWrite(Number.POSITIVE_INFINITY),
  },
  'crash-all': { counters: ['crash-of-all'], inject: crashAll },
  stop: { counters: ['orderly-stop'], inject: stopInOrder },
  pause: {
    counters: ['pause'],
    inject: pause,
    mendNode: (_, node) => node.resume(),
  },
} satisfies Record<string, Fault>

function crash(field: Field): void {
  pickNode(field).crash({ silent: field.simulation.random.chance(0.5) })
}

/** The node dies while one of its next batches is being written. */
function crashAtWrite(field: Field): void {
  pickNode(field).disk.crashAtWrite(1 + field.simulation.random.below(20))
}

/** The power fails everywhere: what no disk had synced is gone. */
function crashAll({ simulation, nodes }: Field): void {
  simulation.countFault('crash-of-all')
  for (const node of nodes) node.crash({ silent: true })
}

/** As by the first signal: it hands leadership over, writes, and ends. */
function stopInOrder(field: Field): void {
  const node = pickNode(field)
  const daemon = node.program
  if (daemon === undefined) return
  field.simulation.countFault('orderly-stop')
  daemon.gateway.stop()
  void daemon.engine.stop().then(() => {
    if (node.program === daemon) node.crash()
  })
}

/** As if the machine were busy, or somebody had pressed Ctrl-Z: for a moment, or until it is mended. */
function pause(field: Field): void {
  const { random } = field.simulation
  pickNode(field).pause(random.chance(0.5) ? between(random, 10, 5_000) : undefined)
}

function start(_: Field, node: Node): void {
  if (!node.alive) node.start()
}
