import { allAreWhole, freeHungDisk, hangDisk } from './disk.ts'
import { type Fault, type Field, type Node, pick, pickNode } from './fault.ts'
import { FAULTS, type FaultName } from './list.ts'
import { usurperOf } from './usurping.ts'
import { idle } from './views.ts'

/** One of the named faults after another for `ms`; what is broken is mostly mended a little later, sometimes much later. */
export async function torment(field: Field, ms: number, names: readonly FaultName[]): Promise<void> {
  const { simulation } = field
  if (names.length === 0) return simulation.runFor(ms)
  const endMs = simulation.nowMs + ms
  while (simulation.nowMs < endMs) {
    const name = pick(simulation.random, names)
    simulation.tell('fault', name)
    FAULTS[name].inject(field)
    await simulation.runFor(simulation.random.between(100, 1_500))
    if (simulation.random.chance(0.6)) mendSome(field)
    await simulation.runFor(simulation.random.between(0, 1_000))
  }
}

/** Some stay down, and so miss more than Raft's log keeps for them. */
function mendSome(field: Field): void {
  const { random } = field.simulation
  const mended = field.nodes.filter(() => random.chance(0.7))
  if (random.chance(0.7)) mendLinks(field)
  for (const node of mended) mendNode(field, node)
}

export interface Spared {
  readonly node: Node
  /** It is up, and goes on leading where nothing waits for it. */
  readonly leadsOn: boolean
}

/**
 * One node stays away: it is still the one that claims to lead, or is down, or hangs while its connections stand, or its disk hangs, or, where the others can vote another
 * leader in, it leads and proposes nothing. Undefined: none does.
 */
export function sparesOne(field: Field): Spared | undefined {
  // One that has lost its disk waits for all others.
  if (!allAreWhole(field)) return undefined
  const usurper = usurperOf(field)
  if (usurper !== undefined) return { node: usurper, leadsOn: true }
  const picked = pickNode(field)
  const dice = field.simulation.random.below(field.forgetful === undefined ? 4 : 5)
  const node = (dice === 4 ? pickLeader(field) : undefined) ?? picked
  if (dice === 0) return undefined
  if (dice === 1) node.crash({ silent: true })
  else if (dice === 2) node.pause()
  else if (dice === 3) hangDisk(node)
  else idle(field, node)
  field.simulation.countFault('one-stays-away')
  return { node, leadsOn: dice === 4 }
}

function pickLeader({ simulation, nodes }: Field): Node | undefined {
  const leaders = nodes.filter(({ program }) =>
    program?.engine.authorities().some(({ authority }) => authority.serving),
  )
  return leaders.length === 0 ? undefined : pick(simulation.random, leaders)
}

/** Ends everything that any fault has done, but for what was done to `away`. */
export function mend(field: Field, away?: Node): void {
  field.simulation.tell(
    'fault',
    `all faults end, ${away === undefined ? 'everywhere' : `but ${away.name} stays away`}`,
  )
  mendLinks(field)
  for (const node of field.nodes) if (node !== away) mendNode(field, node)
}

function mendLinks(field: Field): void {
  for (const fault of Object.values<Fault>(FAULTS)) fault.mendLinks?.(field)
}

function mendNode(field: Field, node: Node): void {
  freeHungDisk(node)
  for (const fault of Object.values<Fault>(FAULTS)) fault.mendNode?.(field, node)
}
