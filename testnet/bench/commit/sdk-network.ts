import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { OUTCOMES_KEPT } from '../../../world/codec.ts'
import { LocalNetwork } from '../../local/network.ts'
import type { NodeProcess } from '../../local/processes.ts'
import type { Belongings } from '../belongings.ts'
import { cpuMsOf, freePorts } from '../machine.ts'
import type { Measured, Stretch, Subject } from './measure.ts'
import type { SdkClientsMessage, SdkClientsSetup } from './sdk-clients.ts'

const program = fileURLToPath(
  new URL(`./sdk-clients${extname(fileURLToPath(import.meta.url))}`, import.meta.url),
)
const nodes = 3
const portsPerNode = 3
/** A client keeps no more under way than the owner keeps outcomes of: 32 sessions have 512. */
const sessions = 512 / OUTCOMES_KEPT
const leaderDeadlineMs = 20_000
/** A node takes no more than this from one session by default; here few sessions stand for many players. */
const inputsPerSecond = 10_000

/** Three `freehold start` processes with one area, and clients of the SDK at the gateway of its leader. */
export async function startSdkNetwork(belongings: Belongings): Promise<Subject> {
  const network = LocalNetwork.prepare({
    dir: belongings.folder(),
    nodes,
    areas: 1,
    replicas: nodes,
    firstPort: await freePorts(nodes * portsPerNode),
    fresh: true,
  })
  belongings.add(() => network.stop())
  process.env['FREEHOLD_MAX_INPUTS_PER_SECOND'] = String(inputsPerSecond)
  await network.start()
  const leader = await leaderOf(network)
  const setup: SdkClientsSetup = {
    gateways: [leader.gatewayUrl],
    sessions,
    inFlightOfEach: OUTCOMES_KEPT,
    genesisPath: network.genesisPath,
  }
  const child = fork(program, [JSON.stringify(setup)], { serialization: 'advanced' })
  belongings.add(() => void child.kill('SIGKILL'))
  const subject = new SdkNetwork(network, child)
  await subject.told('ready')
  return subject
}

async function leaderOf(network: LocalNetwork): Promise<NodeProcess> {
  const deadline = performance.now() + leaderDeadlineMs
  while (performance.now() < deadline) {
    const leader = (await network.authorities())?.[0]?.leader
    const node = network.nodes.find(({ number }) => number === leader)
    if (node !== undefined) return node
    await sleep(50)
  }
  throw new Error('The area has no leader.')
}

class SdkNetwork implements Subject {
  readonly #network: LocalNetwork
  readonly #child: ChildProcess

  constructor(network: LocalNetwork, child: ChildProcess) {
    this.#network = network
    this.#child = child
  }

  /** Resolves with the next word of the clients, which must be of this type. */
  told<T extends SdkClientsMessage['type']>(type: T): Promise<SdkClientsMessage & { type: T }> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`The clients ended with ${code}.`))
      this.#child.once('exit', ended)
      this.#child.once('message', (message: SdkClientsMessage) => {
        this.#child.off('exit', ended)
        if (message.type === type) resolve(message as SdkClientsMessage & { type: T })
        else reject(new Error(message.type === 'failed' ? message.message : `Unexpected: ${message.type}.`))
      })
    })
  }

  async run(stretch: Stretch): Promise<Measured> {
    const pids = this.#network.nodes.map(node => node.child!.pid!)
    const cpuBefore = cpuMsOf(pids)
    const clientsBefore = cpuMsOf([this.#child.pid!])
    const beganMs = performance.now()
    this.#child.send(stretch)
    const { count, elapsedMs, latenciesMs } = await this.told('measured')
    const cpuAfter = cpuMsOf(pids)
    const clientsAfter = cpuMsOf([this.#child.pid!])
    const part = elapsedMs / (performance.now() - beganMs)
    const between = (before: number | undefined, after: number | undefined): number | undefined =>
      before === undefined || after === undefined ? undefined : (after - before) * part
    return {
      count,
      elapsedMs,
      latenciesMs,
      cpuMs: between(cpuBefore, cpuAfter),
      clientCpuMs: between(clientsBefore, clientsAfter),
    }
  }
}
