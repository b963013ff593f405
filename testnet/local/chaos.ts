import { setTimeout as sleep } from 'node:timers/promises'
import type { AuthorityView } from '../../daemon/http/view.ts'
import type { LocalNetwork } from './network.ts'
import type { NodeProcess } from './processes.ts'

export interface Kill {
  /** Node number. */
  readonly node: number
  /** Names of the areas that it led. */
  readonly leaderOf: readonly string[]
  /** From the kill to the first input committed under a new leader, in the slowest of those areas; null: it never came. */
  readonly recoveredMs: number | null
}

export interface Failover {
  readonly fromMs: number
  readonly toMs: number
}

const giveUpMs = 20_000
const downMs = 3_000
const pollMs = 15

/** Kills the node that leads the busiest area, waits until all that it led acts again, and starts it again. */
export async function killBusiestLeader(network: LocalNetwork): Promise<{ kill: Kill; failover: Failover }> {
  const busiest = await findBusiest(network)
  const node = network.nodes[busiest.leader - 1]!
  const before = (await network.authorities(node)) ?? []
  const led = before.filter(authority => authority.leader === node.number)
  const fromMs = performance.now()
  network.kill(node, 'SIGKILL')
  const recoveries = await Promise.all(led.map(authority => recovered(network, node, authority, fromMs)))
  const toMs = performance.now()
  await sleep(Math.max(0, downMs - (toMs - fromMs)))
  network.startNode(node)
  const slowest = recoveries.includes(undefined) ? null : Math.round(Math.max(...(recoveries as number[])))
  return {
    kill: { node: node.number, leaderOf: led.map(it => it.name), recoveredMs: slowest },
    failover: { fromMs, toMs },
  }
}

async function findBusiest(network: LocalNetwork): Promise<AuthorityView> {
  const first = await everyArea(network)
  await sleep(1_000)
  const second = await everyArea(network)
  const rate = (name: string): number => (second.get(name)?.actions ?? 0) - (first.get(name)?.actions ?? 0)
  const led = [...second.values()].filter(authority => authority.leader !== 0)
  const busiest = led.sort((a, b) => rate(b.name) - rate(a.name))[0]
  if (busiest === undefined) throw new Error('No area has a leader.')
  return busiest
}

/** Each area as one of its own replicas tells it. */
async function everyArea(network: LocalNetwork): Promise<Map<string, AuthorityView>> {
  const areas = new Map<string, AuthorityView>()
  for (const node of network.nodes) {
    for (const authority of (await network.authoritiesOf(node)) ?? []) {
      if (authority.hosted && !areas.has(authority.name)) areas.set(authority.name, authority)
    }
  }
  return areas
}

/** Milliseconds from the kill until an input was applied that another leader took; undefined when that takes too long. */
async function recovered(
  network: LocalNetwork,
  dead: NodeProcess,
  authority: AuthorityView,
  fromMs: number,
): Promise<number | undefined> {
  const witness = authority.members.find(member => member.number !== dead.number)!
  const node = network.nodes[witness.number - 1]!
  let actionsAtChange: number | undefined
  while (performance.now() - fromMs < giveUpMs) {
    const now = (await network.authoritiesOf(node))?.find(it => it.name === authority.name)
    if (now !== undefined && now.term > authority.term && now.leader !== 0 && now.leader !== dead.number) {
      actionsAtChange ??= now.actions
      const quiet = now.players === 0
      if (now.actions > actionsAtChange || quiet) return performance.now() - fromMs
    }
    await sleep(pollMs)
  }
  return undefined
}
