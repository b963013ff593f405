import type { Clock, Network, Random } from '../../daemon/ports.ts'
import type { Store } from '../../storage/store.ts'
import { type ClockSkew, MachineClock, NO_SKEW, SimClock } from './clock.ts'
import { type DiskOptions, SimDisk } from './disk.ts'
import { newScope, type Scope } from './scope.ts'
import type { Simulation } from './simulation.ts'
import { SimStore } from './store.ts'

/** All that one life of a simulated process is given. */
export interface SimContext {
  readonly name: string
  /** 1 for the first life. */
  readonly incarnation: number
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly store: Store
}

export type StartProgram<T> = (context: SimContext) => T | Promise<T>

export interface NodeOptions {
  readonly skew?: ClockSkew
  readonly disk?: Partial<DiskOptions>
}

export class SimNode<T = unknown> {
  readonly name: string
  readonly disk: SimDisk
  readonly clock: MachineClock
  readonly #simulation: Simulation
  readonly #start: StartProgram<T>
  #scope: Scope | undefined
  #incarnation = 0
  #pauses = 0
  #program: T | undefined

  constructor(simulation: Simulation, name: string, start: StartProgram<T>, options: NodeOptions) {
    this.name = name
    this.clock = new MachineClock(simulation, options.skew ?? NO_SKEW)
    this.disk = new SimDisk(simulation, name, options.disk)
    this.#simulation = simulation
    this.#start = start
    this.disk.onCrashPoint = () => this.crash()
  }

  get alive(): boolean {
    return this.#scope?.alive === true
  }

  /** What `start` returned, from when it is ready until the crash. */
  get program(): T | undefined {
    return this.#program
  }

  start(): void {
    if (this.alive) throw new Error(`${this.name} runs already`)
    this.#incarnation++
    const scope = newScope(this.name, this.#incarnation)
    this.#scope = scope
    const simulation = this.#simulation
    const random = simulation.random.fork(`${this.name}#${this.#incarnation}`)
    const clock = new SimClock(simulation, scope, this.clock, random.below(1_000_000))
    const network = simulation.network.attach(scope)
    const store = new SimStore(simulation, this.disk, scope)
    simulation.tell(this.name, `starts, life ${scope.incarnation}`)
    simulation.schedule(scope, 0, `${this.name} start ${this.#incarnation}`, () => {
      this.#run({ name: this.name, incarnation: scope.incarnation, clock, random, network, store }, scope)
    })
  }

  /**
   * The process is gone at once, as by SIGKILL or a power cut: what it did not sync is lost. `silent` leaves its peers
   * without the reset that a living kernel would send, so that they find out by themselves.
   */
  crash(options: { silent?: boolean } = {}): void {
    const scope = this.#scope
    if (scope === undefined || !scope.alive) return
    scope.alive = false
    scope.held.length = 0
    this.#program = undefined
    this.disk.crash()
    this.#simulation.countFault('crash')
    this.#simulation.tell(this.name, options.silent === true ? 'crashes without a word' : 'crashes')
    this.#simulation.trace.add(this.#simulation.nowUs, `${this.name} crash`)
    this.#simulation.network.detach(this.name, options.silent === true)
  }

  restart(): void {
    this.crash()
    this.start()
  }

  /**
   * As by SIGSTOP: nothing runs until `resume`, which comes by itself after `forMs`; then all that came due meanwhile. One
   * that stands still already goes on when the newest pause says.
   */
  pause(forMs?: number): void {
    if (this.#scope === undefined || !this.#scope.alive) return
    if (!this.#scope.paused) {
      this.#scope.paused = true
      this.#simulation.countFault('pause')
      this.#simulation.tell(this.name, 'stands still')
    }
    const pauses = ++this.#pauses
    if (forMs === undefined) return
    this.#simulation.schedule(undefined, forMs, `${this.name} goes on`, () => {
      if (this.#pauses === pauses) this.resume()
    })
  }

  resume(): void {
    if (this.#scope === undefined || !this.#scope.paused) return
    this.#scope.paused = false
    this.#simulation.tell(this.name, 'goes on')
    this.#simulation.resumeHeld(this.#scope)
  }

  #run(context: SimContext, scope: Scope): void {
    Promise.resolve(this.#start(context)).then(
      program => {
        if (scope.alive) this.#program = program
      },
      error => this.#simulation.fail(error),
    )
  }
}
