import { type ChildProcess, fork } from 'node:child_process'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateSeed } from '../../../daemon/identity/signing-key.ts'
import { peerIdOfSeed } from '../../../daemon/network/peer-id.ts'
import type { Belongings } from '../belongings.ts'
import { cpuMsOf, freePorts } from '../machine.ts'
import type { Measured, Stretch, Subject } from './measure.ts'
import type { RaftNodeMessage, RaftNodeSetup } from './raft-node.ts'

const program = fileURLToPath(
  new URL(`./raft-node${extname(fileURLToPath(import.meta.url))}`, import.meta.url),
)
const numbers = [1, 2, 3]
const electionDeadlineMs = 20_000

/** Three processes of the `raft` level. */
export async function startRaftCluster(belongings: Belongings): Promise<Subject> {
  const folder = belongings.folder()
  const firstPort = await freePorts(numbers.length)
  const seeds = numbers.map(generateSeed)
  const nodes = await Promise.all(
    numbers.map(async (number, i) => ({
      number,
      peerId: await peerIdOfSeed(seeds[i]!),
      address: `/ip4/127.0.0.1/tcp/${firstPort + i}`,
    })),
  )
  const cluster = new RaftCluster()
  const children = numbers.map((number, i) => {
    const setup: RaftNodeSetup = {
      number,
      dir: join(folder, `node-${number}`),
      nodes,
      identitySeed: Buffer.from(seeds[i]!).toString('hex'),
    }
    const child = fork(program, [JSON.stringify(setup)], { serialization: 'advanced' })
    belongings.add(() => void child.kill('SIGKILL'))
    cluster.add(child)
    return child
  })
  await cluster.elected(electionDeadlineMs, children.length)
  return cluster
}

class RaftCluster implements Subject {
  readonly #children: ChildProcess[] = []
  #leader: ChildProcess | undefined
  #measured: ((message: RaftNodeMessage & { type: 'measured' }) => void) | undefined
  #failed: (error: Error) => void = () => {}
  #elected: () => void = () => {}

  add(child: ChildProcess): void {
    this.#children.push(child)
    child.on('message', (message: RaftNodeMessage) => {
      if (message.type === 'measured') return this.#measured?.(message)
      if (!message.leading && child !== this.#leader) return
      // What was under way at the old leader will never come back.
      if (this.#leader !== undefined)
        this.#failed(new Error('The raft level lost its leader: measure on a machine with less to do.'))
      this.#leader = message.leading ? child : undefined
      if (message.leading) this.#elected()
    })
    child.on('exit', code => {
      this.#failed(new Error(`A node of the raft level ended with ${code}.`))
    })
  }

  async elected(deadlineMs: number, count: number): Promise<void> {
    if (this.#leader !== undefined) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${count} raft nodes elected no leader.`)), deadlineMs)
      this.#failed = reject
      this.#elected = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async run(stretch: Stretch): Promise<Measured> {
    const leader = this.#leader
    if (leader === undefined) throw new Error('The raft level has no leader.')
    const pids = this.#children.map(child => child.pid!)
    const cpuBefore = cpuMsOf(pids)
    const beganMs = performance.now()
    const { count, elapsedMs, latenciesMs } = await new Promise<RaftNodeMessage & { type: 'measured' }>(
      (resolve, reject) => {
        this.#measured = resolve
        this.#failed = reject
        leader.send(stretch)
      },
    )
    const cpuAfter = cpuMsOf(pids)
    // The warm-up works as hard as the rest.
    const share = elapsedMs / (performance.now() - beganMs)
    const cpuMs =
      cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) * share
    return { count, elapsedMs, latenciesMs, cpuMs, clientCpuMs: undefined }
  }
}
