/** One network under weather, and then in peace: does placement keep what it promises, and come to rest? */
import { createHash } from 'node:crypto'
import type { Decision } from '../../../world/directory/placement/types.ts'
import { SimRandom } from '../random.ts'
import { demandRest } from './at-rest.ts'
import { gatewaysOf, measuredFrom, newArea, newNode, type SimArea } from './fleet.ts'
import { Judge } from './judge.ts'
import { Ledger } from './ledger.ts'
import { Measures } from './measures.ts'
import { demand } from './violation.ts'
import { Watch } from './watch.ts'
import { Weather } from './weather.ts'

export interface PlacementPlan {
  readonly seed: number
  readonly nodes: number
  readonly areas: number
}

export interface PlacementOutcome {
  readonly trace: string
  readonly faults: ReadonlyMap<string, number>
  /** By reason. */
  readonly decisions: ReadonlyMap<string, number>
  /** Orders that nothing forced, for each area and hour of the weather. */
  readonly movesPerAreaHour: number
  readonly lostAreas: number
  /** Ticks from the end of the weather to the last decision. */
  readonly settledTicks: number
  readonly ledger: Ledger
}

const WEATHER_TICKS = 700
const CALM_TICKS = 1_800
/** At the end of them nothing is decided for so long. */
const REST_TICKS = 500
const REFORM_TICKS = 5
const QUIET = ['relief', 'spread', 'nearness', 'balance', 'lead']

/** @throws Violation */
export function runPlacement({ seed, nodes, areas }: PlacementPlan): PlacementOutcome {
  const random = new SimRandom(seed)
  const ledger = found(random.fork('world'), nodes, areas)
  const measures = new Measures(ledger)
  const judge = new Judge(measures)
  const watch = new Watch(measures)
  const weather = new Weather(random.fork('weather'), ledger, nodes)
  const shuffles = random.fork('shuffles')
  const trace = createHash('sha256')
  const halves = seed % 2 === 0 ? 200 + random.below(300) : 0
  let last = WEATHER_TICKS
  let quiet = 0
  for (let tick = 1; tick <= WEATHER_TICKS + CALM_TICKS; tick++) {
    weather.renew(tick)
    if (tick < WEATHER_TICKS) weather.disturb(tick)
    if (tick === halves) weather.halve(tick)
    if (tick === WEATHER_TICKS) weather.calm(tick)
    progress(ledger, tick)
    const decisions = ledger.decide(tick)
    if (tick % 20 === 1)
      demand(
        JSON.stringify(decisions) === JSON.stringify(ledger.decideAnew(tick, shuffles)),
        () => `at ${tick}: a restored replica decides otherwise`,
      )
    judge.judge(decisions)
    for (const decision of decisions) {
      judge.judgeOne(decision, tick)
      ledger.write(decision, tick)
      trace.update(JSON.stringify([tick, decision]))
      if (tick > WEATHER_TICKS + 100) last = tick
      if (tick < WEATHER_TICKS && QUIET.includes(nameOf(decision))) quiet += 1
    }
    watch.watch(tick)
  }
  const end = WEATHER_TICKS + CALM_TICKS
  demand(end - last >= REST_TICKS, () => `not at rest: a decision ${end - last} ticks before the end`)
  demandRest(measures, end)
  return {
    trace: trace.digest('hex'),
    faults: weather.faults,
    decisions: judge.decisions,
    movesPerAreaHour: (quiet * 3_600) / WEATHER_TICKS / areas,
    lostAreas: [...ledger.areas.values()].filter(area => area.lost !== undefined).length,
    settledTicks: last - WEATHER_TICKS,
    ledger,
  }
}

/** Nodes that know each other, and areas that nobody holds. */
export function found(random: SimRandom, nodes: number, areas: number): Ledger {
  const ledger = new Ledger(random)
  const all = Array.from({ length: nodes }, (_, i) => newNode(random, i + 1, nodes, 0))
  for (const node of all) {
    node.roundTripsMs = measuredFrom(node, all, random)
    ledger.putNode(node)
  }
  for (let group = 1; group <= areas; group++) {
    const area = newArea(random, group)
    area.wantedNear = gatewaysOf(area, all)
    ledger.putArea(area)
  }
  return ledger
}

/** What the nodes do by themselves: changes of members are done, the lost are re-formed, who has left is gone. */
export function progress(ledger: Ledger, tick: number): void {
  const isUp = (number: number): boolean => {
    const node = ledger.nodes.get(number)!
    return node.isUp && node.status !== 'gone'
  }
  for (const area of ledger.areas.values()) {
    change(area, tick, isUp)
    reform(area, tick, isUp)
    ledger.putArea(area)
  }
  for (const node of ledger.nodes.values()) {
    if (node.status !== 'leaving' || ledger.facts.carried(node.number).groups.length > 0) continue
    node.status = 'gone'
    node.downTick = tick
    ledger.putNode(node)
  }
}

function change(area: SimArea, tick: number, isUp: (number: number) => boolean): void {
  const { pending, voters, learners } = area
  if (pending === undefined || tick < pending.doneTick) return
  const newcomers = [...pending.voters, ...pending.learners].filter(
    each => !voters.includes(each) && !learners.includes(each),
  )
  const faults = Math.floor((voters.length - 1) / 3)
  const quorum = Math.ceil((voters.length + faults + 1) / 2)
  if (!newcomers.every(isUp) || voters.filter(isUp).length < quorum) return
  area.voters = pending.voters
  area.learners = pending.learners
  area.pending = undefined
  area.sinceTick = tick
}

/** A stand-in for the re-forming by the directory: the holders go on by themselves. */
function reform(area: SimArea, tick: number, isUp: (number: number) => boolean): void {
  if (area.lost === undefined || tick - area.lostTick < REFORM_TICKS) return
  const holders = area.lost.filter(isUp)
  if (holders.length === 0) return
  area.voters = holders.slice(0, 5)
  area.learners = []
  area.pending = undefined
  area.lost = undefined
  area.sinceTick = tick
}

function nameOf(decision: Decision): string {
  return decision.kind === 'order' ? decision.why : decision.kind
}
