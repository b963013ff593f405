import { type ChildProcess, fork } from 'node:child_process'
import { extname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { generateSeed } from '../../../daemon/identity/signing-key.ts'
import { peerIdOfSeed } from '../../../daemon/network/peer-id.ts'
import type { Belongings } from '../belongings.ts'
import { quantile, round } from '../commit/measure.ts'
import { numberFlags } from '../flags.ts'
import { cpuMsOf, freePorts, machine } from '../machine.ts'
import type { GroupsNodeAnswer, GroupsNodeRequest, GroupsNodeSetup, GroupsNodeState } from './messages.ts'

const program = fileURLToPath(
  new URL(`./groups-node${extname(fileURLToPath(import.meta.url))}`, import.meta.url),
)
const numbers = [1, 2, 3]
const idleMs = 10_000
const proposals = 100
const answerDeadlineMs = 60_000
const pollMs = 250
/** The optimizing compiler and the collector have done by then. */
const settleMs = 5_000

/** One process of the benchmark. */
class GroupsNode {
  readonly child: ChildProcess

  constructor(setup: GroupsNodeSetup) {
    this.child = fork(program, [JSON.stringify(setup)], { execArgv: [...process.execArgv, '--expose-gc'] })
  }

  ask(request: GroupsNodeRequest): void {
    this.child.send(request)
  }

  /** The next answer of this type. */
  told<T extends GroupsNodeAnswer['type']>(type: T): Promise<GroupsNodeAnswer & { type: T }> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.child.off('message', heard)
        this.child.off('exit', ended)
      }
      const heard = (answer: GroupsNodeAnswer): void => {
        if (answer.type !== type) return
        done()
        resolve(answer as GroupsNodeAnswer & { type: T })
      }
      const ended = (code: number | null): void => {
        done()
        reject(new Error(`A node ended with ${code}.`))
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`A node did not say "${type}" in time.`))
      }, answerDeadlineMs)
      this.child.on('message', heard)
      this.child.on('exit', ended)
    })
  }

  async memoryBytes(): Promise<number> {
    const told = this.told('memory')
    this.ask({ type: 'memory' })
    return (await told).bytes
  }

  async state(): Promise<GroupsNodeState> {
    const state = this.told('state')
    this.ask({ type: 'state' })
    return state
  }
}

/** Three nodes that share so many groups: idle, asked something, and one of them killed. */
export async function benchGroups(belongings: Belongings, flags: readonly string[]): Promise<object> {
  const { groups } = numberFlags(flags, { groups: 5000 })
  const nodes = await start(belongings, groups)
  const empty = await Promise.all(nodes.map(node => node.memoryBytes()))
  const openedMs = performance.now()
  for (const node of nodes) node.ask({ type: 'open' })
  await allAsleep(nodes)
  const startMs = performance.now() - openedMs
  await sleep(settleMs)
  const idle = await measureIdle(nodes)
  const full = await Promise.all(nodes.map(node => node.memoryBytes()))
  const bytes = full.map((each, i) => (each - empty[i]!) / groups)
  await allAsleep(nodes)
  const latency = await measureLatency(nodes)
  await allAsleep(nodes)
  const death = await measureDeath(nodes)
  return {
    benchmark: 'groups',
    ...machine(),
    nodes: nodes.length,
    groups,
    allElectedAndAsleepMs: Math.round(startMs),
    idle: {
      seconds: idleMs / 1000,
      cpuShareOfOneCore: idle.cpuShares,
      groupMessagesPerSecond: idle.messagesPerSecond,
      framesPerSecond: idle.framesPerSecond,
    },
    bytesPerGroup: Math.round(Math.max(...bytes)),
    proposal: latency,
    nodeKilled: death,
  }
}

async function start(belongings: Belongings, groups: number): Promise<GroupsNode[]> {
  const folder = belongings.folder()
  const firstPort = await freePorts(numbers.length)
  const seeds = numbers.map(generateSeed)
  const plan = await Promise.all(
    numbers.map(async (number, i) => ({
      number,
      peerId: await peerIdOfSeed(seeds[i]!),
      address: `/ip4/127.0.0.1/tcp/${firstPort + i}`,
    })),
  )
  const nodes = numbers.map((number, i) => {
    const identitySeed = Buffer.from(seeds[i]!).toString('hex')
    const node = new GroupsNode({
      number,
      groups,
      dir: join(folder, `node-${number}`),
      nodes: plan,
      identitySeed,
    })
    belongings.add(() => void node.child.kill('SIGKILL'))
    return node
  })
  await Promise.all(nodes.map(node => node.told('up')))
  return nodes
}

async function allAsleep(nodes: readonly GroupsNode[]): Promise<void> {
  for (const deadline = performance.now() + answerDeadlineMs; performance.now() < deadline; ) {
    const states = await Promise.all(nodes.map(node => node.state()))
    if (states.every(({ leaderless, awake }) => leaderless === 0 && awake === 0)) return
    await sleep(pollMs)
  }
  const states = await Promise.all(nodes.map(node => node.state()))
  throw new Error(`The groups don't come to rest: ${JSON.stringify(states)}`)
}

async function measureIdle(nodes: readonly GroupsNode[]): Promise<{
  cpuShares: number[]
  messagesPerSecond: number
  framesPerSecond: number
}> {
  const before = await Promise.all(nodes.map(node => node.state()))
  const cpuBefore = nodes.map(node => cpuMsOf([node.child.pid!]) ?? 0)
  const beganMs = performance.now()
  await sleep(idleMs)
  const elapsedMs = performance.now() - beganMs
  const cpuShares = nodes.map((node, i) =>
    round(((cpuMsOf([node.child.pid!]) ?? 0) - cpuBefore[i]!) / elapsedMs, 4),
  )
  const after = await Promise.all(nodes.map(node => node.state()))
  const perSecond = (what: 'messages' | 'frames'): number =>
    Math.max(...after.map((state, i) => ((state[what] - before[i]![what]) * 1000) / elapsedMs))
  return {
    cpuShares,
    messagesPerSecond: round(perSecond('messages'), 2),
    framesPerSecond: round(perSecond('frames'), 1),
  }
}

async function measureLatency(nodes: readonly GroupsNode[]): Promise<object> {
  const [node] = nodes
  const told = node!.told('proposed')
  node!.ask({ type: 'propose', count: proposals })
  const { asleepMs, awakeMs } = await told
  const median = (values: number[]): number =>
    round(
      quantile(
        values.sort((a, b) => a - b),
        0.5,
      ),
      2,
    )
  const [asleepMedianMs, awakeMedianMs] = [median(asleepMs), median(awakeMs)]
  return {
    count: asleepMs.length,
    asleepMedianMs,
    awakeMedianMs,
    ratio: round(asleepMedianMs / awakeMedianMs, 2),
  }
}

async function measureDeath(nodes: readonly GroupsNode[]): Promise<object> {
  const dying = nodes[nodes.length - 1]!
  const others = nodes.slice(0, -1)
  for (const node of others) node.ask({ type: 'watch', dying: nodes.length })
  await sleep(200)
  const recovered = others.map(node => node.told('recovered'))
  dying.child.kill('SIGKILL')
  const killedAtMs = Date.now()
  const told = await Promise.all(recovered)
  return {
    groupsWithoutLeader: told[0]!.orphans,
    allHaveLeadersMs: Math.max(...told.map(({ atMs }) => atMs)) - killedAtMs,
    peakMessagesPerSecondPerNode: Math.max(...told.map(({ peakMessagesPerSecond }) => peakMessagesPerSecond)),
  }
}
