import type { LedLoad, ReportedFacts } from '../../world/directory/codec/input.ts'
import type { Resources, RoundTrip } from '../../world/directory/types.ts'

/** How a node is now. */
export interface OwnFacts {
  readonly version: string
  readonly incarnation: number
  readonly capacity: Resources
  /** Thousandths of the capacity. */
  readonly load: Resources
  /** By node, ascending. */
  readonly roundTrips: readonly RoundTrip[]
  readonly addresses: readonly string[]
  /** By group, ascending. */
  readonly led: readonly LedLoad[]
}

/** The directory takes no more (REPORT_EVERY_MS), and its ticks are as far apart. */
const everyMs = 2_000
/** What moves all the time is reported when it has moved by so much: of the capacity, thousandths; of what it was, a part. */
const loadStep = 50
const partStep = 0.25
const roundTripStepMs = 3
/** Of one report: with the most and the longest addresses, so many of the largest fit into an input. */
const maxLed = 48

/** Says what of a node has changed since it was last reported, and nothing while that is little. */
export class Reports {
  /** `led`: what was said last comes last. */
  #reported: OwnFacts | undefined
  #lastMs = Number.NEGATIVE_INFINITY

  /** The next report, when there is one and it is time. */
  next(facts: OwnFacts, nowMs: number): ReportedFacts | undefined {
    if (nowMs < this.#lastMs + everyMs) return undefined
    const changed = changedFacts(this.#reported, facts)
    if (changed !== undefined) this.#lastMs = nowMs
    return changed
  }

  /** It stands in the directory's log. What is left out of it stays as it was said before. */
  said(report: ReportedFacts): void {
    const last = this.#reported ?? unknown
    const again = new Set(report.led?.map(({ group }) => group))
    const led = [...last.led.filter(({ group }) => !again.has(group)), ...(report.led ?? [])]
    this.#reported = {
      ...{ version: report.version ?? last.version, incarnation: report.incarnation ?? last.incarnation },
      ...{ capacity: report.capacity ?? last.capacity, load: report.load ?? last.load },
      ...{ roundTrips: report.roundTrips ?? last.roundTrips, addresses: report.addresses ?? last.addresses },
      led,
    }
  }
}

const nothing = { cpu: 0, memory: 0, disk: 0, bandwidth: 0 }
const unknown: OwnFacts = {
  ...{
    version: '',
    incarnation: 0,
    capacity: nothing,
    load: nothing,
    roundTrips: [],
    addresses: [],
    led: [],
  },
}

function changedFacts(last: OwnFacts | undefined, now: OwnFacts): ReportedFacts | undefined {
  if (last === undefined) return { ...now, led: someOf(now.led, []) }
  const led = now.led.filter(each => hasMoved(ofGroup(last.led, each.group), each))
  const facts: ReportedFacts = {
    version: now.version === last.version ? undefined : now.version,
    incarnation: now.incarnation === last.incarnation ? undefined : now.incarnation,
    capacity: areNear(last.capacity, now.capacity, it => it * partStep) ? undefined : now.capacity,
    load: areNear(last.load, now.load, () => loadStep) ? undefined : now.load,
    roundTrips: areAlike(last.roundTrips, now.roundTrips) ? undefined : now.roundTrips,
    addresses: last.addresses.join() === now.addresses.join() ? undefined : now.addresses,
    led: someOf(led, last.led),
  }
  return Object.values(facts).every(fact => fact === undefined) ? undefined : facts
}

/** As many as fit, first those that were never said or not for the longest: the rest comes in the next reports. */
function someOf(led: readonly LedLoad[], last: readonly LedLoad[]): readonly LedLoad[] | undefined {
  if (led.length <= maxLed) return led.length === 0 ? undefined : led
  const saidAt = new Map(last.map(({ group }, i) => [group, i]))
  const at = ({ group }: LedLoad): number => saidAt.get(group) ?? -1
  const some = [...led].sort((a, b) => at(a) - at(b)).slice(0, maxLed)
  return some.sort((a, b) => a.group - b.group)
}

function ofGroup(led: readonly LedLoad[], group: number): LedLoad | undefined {
  return led.find(each => each.group === group)
}

function hasMoved(last: LedLoad | undefined, now: LedLoad): boolean {
  if (last === undefined) return true
  if (last.gateways.join() !== now.gateways.join()) return true
  const before = [last.players, last.awake, ...last.inputs]
  return [now.players, now.awake, ...now.inputs].some((value, i) => isFar(before[i]!, value))
}

/** A few more or fewer of many are no news; the first and the last one are. */
function isFar(before: number, now: number): boolean {
  return (before === 0) !== (now === 0) || Math.abs(now - before) > Math.max(1, before * partStep)
}

function areNear(last: Resources, now: Resources, stepOf: (value: number) => number): boolean {
  const names = ['cpu', 'memory', 'disk', 'bandwidth'] as const
  return names.every(name => Math.abs(now[name] - last[name]) <= stepOf(last[name]))
}

function areAlike(last: readonly RoundTrip[], now: readonly RoundTrip[]): boolean {
  const isNear = (before: number, ms: number): boolean =>
    Math.abs(ms - before) <= Math.max(roundTripStepMs, before * partStep)
  return (
    last.length === now.length &&
    now.every(({ node, ms }, i) => last[i]!.node === node && isNear(last[i]!.ms, ms))
  )
}
