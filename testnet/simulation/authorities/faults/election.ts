import type { Simulation } from '../../simulation.ts'
import { type Fault, type Field, type Node, pick } from './fault.ts'

/** Leaders are struck so long, unless it is mended before. */
const LASTS_MS = 6_000
const LOOK_MS = 1
const MAX_REIGN_MS = 20
const MAX_CUT_MS = 600

/** Until when leaders are struck. */
const untilMs = new WeakMap<Simulation, number>()

/**
 * What is promised around an election is rarely tried by faults that know of none: logs that end in entries of several
 * terms, on few disks each (Raft's figure 8), votes that a restart must remember.
 */
export const ELECTION_FAULTS = {
  'short-reigns': {
    counters: ['leader-struck'],
    inject: shortReigns,
    mendLinks: ({ simulation }) => void untilMs.delete(simulation),
  },
} satisfies Record<string, Fault>

/** Whoever leads now, and whoever is elected from now on, dies or is cut off moments later, and its victims come back. */
function shortReigns(field: Field): void {
  const { simulation } = field
  const known = new Map<number, number>()
  const isUnderWay = untilMs.has(simulation)
  untilMs.set(simulation, simulation.nowMs + LASTS_MS)
  if (isUnderWay) return
  const look = (): void => {
    if (simulation.nowMs > (untilMs.get(simulation) ?? 0)) return void untilMs.delete(simulation)
    for (const { node, group, term } of leaders(field)) {
      if (term <= (known.get(group) ?? 0)) continue
      known.set(group, term)
      const reignMs = simulation.random.below(MAX_REIGN_MS)
      simulation.schedule(undefined, reignMs, '', () => strike(field, node))
    }
    simulation.schedule(undefined, LOOK_MS, '', look)
  }
  look()
}

function* leaders({ nodes }: Field): Iterable<{ node: Node; group: number; term: number }> {
  for (const node of nodes) {
    const engine = node.program?.engine
    for (const { authority } of engine?.authorities() ?? []) {
      const { group } = authority.identity
      const status = engine!.status(group)
      if (status?.role === 'leader') yield { node, group, term: status.term }
    }
  }
}

function strike(field: Field, node: Node): void {
  const { simulation, nodes } = field
  if (!node.alive) return
  for (const other of nodes) if (!other.alive) other.start()
  simulation.countFault('leader-struck')
  const dice = simulation.random.below(8)
  if (dice < 3) node.crash({ silent: dice === 0 })
  else if (dice < 6) cutOff(field, node)
  else if (dice === 6) crashWithAnother(field, node)
  else for (const each of nodes) each.crash({ silent: true })
}

/** It hears the others, and isn't heard. */
function cutOff({ simulation, nodes }: Field, node: Node): void {
  const { links } = simulation.network
  const others = nodes.filter(other => other !== node)
  for (const { name } of others) links.set(node.name, name, { blocked: true })
  simulation.schedule(undefined, simulation.random.below(MAX_CUT_MS), '', () => {
    for (const { name } of others) links.set(node.name, name, { blocked: false })
  })
}

function crashWithAnother({ simulation, nodes }: Field, node: Node): void {
  const other = pick(simulation.random, nodes)
  for (const each of [node, other]) each.crash({ silent: true })
}
