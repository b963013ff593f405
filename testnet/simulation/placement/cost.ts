/** What placement costs a directory's member, in processor time per tick. */
import { SimRandom } from '../random.ts'
import { setPlayers } from './fleet.ts'
import { found, progress } from './run.ts'
import { Weather } from './weather.ts'

export interface CostOutcome {
  readonly nodes: number
  readonly areas: number
  /** Mean and most of one call, in microseconds: while areas are founded, then in peace, then when 1 % of the nodes die at once. */
  readonly founding: Cost
  readonly peace: Cost
  readonly deaths: Cost
  /** Ticks until nobody who died was a voter any more. */
  readonly replacedTicks: number
}

interface Cost {
  readonly ticks: number
  readonly meanUs: number
  readonly mostUs: number
}

const MOST_SETTLING_TICKS = 600
const PEACE_TICKS = 60
const MOST_REPAIR_TICKS = 60

export function measureCost(seed: number, nodes: number): CostOutcome {
  const random = new SimRandom(seed)
  const ledger = found(random.fork('world'), nodes, nodes)
  for (const area of ledger.areas.values()) {
    setPlayers(area, Math.min(area.players, 300))
    ledger.putArea(area)
  }
  const weather = new Weather(random.fork('weather'), ledger, nodes)
  let tick = 0
  let decided = 0
  const one = (): number => {
    tick += 1
    weather.renew(tick)
    progress(ledger, tick)
    const began = process.cpuUsage()
    const decisions = ledger.decide(tick)
    const { user, system } = process.cpuUsage(began)
    decided = decisions.length
    for (const decision of decisions) ledger.write(decision, tick)
    return user + system
  }
  const founding: number[] = []
  while (founding.length < MOST_SETTLING_TICKS && (founding.length < 60 || decided > 0)) founding.push(one())
  const peace = Array.from({ length: PEACE_TICKS }, one)
  const dead = [...ledger.nodes.values()].slice(0, Math.ceil(nodes / 100))
  for (const node of dead) {
    node.isUp = false
    node.downTick = tick
  }
  const down = new Set(dead.map(({ number }) => number))
  const isHeld = (): boolean =>
    [...ledger.areas.values()].some(({ voters }) => voters.some(voter => down.has(voter)))
  const deaths: number[] = []
  while (deaths.length < MOST_REPAIR_TICKS && isHeld()) deaths.push(one())
  return {
    ...{ nodes, areas: nodes, founding: costOf(founding), peace: costOf(peace), deaths: costOf(deaths) },
    replacedTicks: deaths.length,
  }
}

function costOf(us: readonly number[]): Cost {
  const sum = us.reduce((total, each) => total + each, 0)
  return {
    ticks: us.length,
    meanUs: Math.round(sum / Math.max(1, us.length)),
    mostUs: Math.max(0, ...us),
  }
}
