import { DONE, type Verdict, verdict } from '../../rules/verdict.ts'
import type { LedLoad, ReportedFacts } from '../codec/input.ts'
import { REPORT_EVERY_MS } from '../limits.ts'
import type { DirectoryState } from '../state.ts'
import type { NodeRecord, NodeReport } from '../types.ts'

const nothing = { cpu: 0, memory: 0, disk: 0, bandwidth: 0 }

/** A node says what has changed about it. */
export function report(state: DirectoryState, node: NodeRecord, facts: ReportedFacts): Verdict {
  const { number } = node
  const { passedMs } = state.header
  const last = state.reports.get(number)
  if (last !== undefined && passedMs < last.reportedMs + REPORT_EVERY_MS) return verdict('cooldown')
  const stranger = facts.led?.find(({ group }) => !isMember(state, group, number))
  if (stranger !== undefined) return verdict('not-a-member', stranger.group)
  state.setReport(number, merged(last, facts, passedMs))
  if (facts.addresses !== undefined) {
    node.addresses = facts.addresses
    state.setNode(node)
  }
  for (const led of facts.led ?? []) noteLoad(state, number, led)
  return DONE
}

function merged(last: NodeReport | undefined, facts: ReportedFacts, reportedMs: number): NodeReport {
  return {
    reportedMs,
    version: facts.version ?? last?.version ?? '',
    incarnation: facts.incarnation ?? last?.incarnation ?? 0,
    capacity: facts.capacity ?? last?.capacity ?? nothing,
    load: facts.load ?? last?.load ?? nothing,
    roundTrips: facts.roundTrips ?? last?.roundTrips ?? [],
  }
}

function noteLoad(state: DirectoryState, node: number, { group, ...load }: LedLoad): void {
  state.setLoad(group, { node, reportedMs: state.header.passedMs, ...load })
}

function isMember(state: DirectoryState, group: number, number: number): boolean {
  return state.authorities.get(group)?.members.some(({ node }) => node === number) === true
}
