import type { Cancel } from '../../daemon/ports.ts'
import { EventQueue, type SimEvent } from './event-queue.ts'
import { SimNetworkHub } from './network.ts'
import { type NodeOptions, SimNode, type StartProgram } from './node.ts'
import { SimRandom } from './random.ts'
import type { Scope } from './scope.ts'
import type { Story } from './story.ts'
import { Trace } from './trace.ts'

const US_PER_MS = 1000
const MAX_EVENTS = 20_000_000
const TURNS_PER_PASS = 200

/**
 * A whole network in one process, under virtual time and one seed. The same seed gives the same trace hash.
 *
 * How `await` stays deterministic: one event runs at a time, each in a `setImmediate` of its own, which Node runs
 * only after the microtask and `nextTick` queues are empty. So everything that an
 * event set off by promises has come to rest at the event's own virtual time. This holds as long as simulated code
 * awaits nothing but what the simulation hands it (clock, network, store) and plain promises; real files, sockets,
 * timers and the thread pool (async zlib, async crypto) answer at times that no seed decides.
 */
export class Simulation {
  readonly seed: number
  readonly random: SimRandom
  readonly trace = new Trace()
  /** How often each kind of fault really happened. A test that asks for faults checks that these are not zero. */
  readonly faults = new Map<string, number>()
  readonly network: SimNetworkHub
  /** Where somebody wants to read what happened. */
  readonly #story: Story | undefined
  readonly #queue = new EventQueue()
  readonly #nodes = new Map<string, SimNode>()
  #nowUs = 0
  #sequence = 0
  #failure: Error | undefined

  constructor(seed: number, story?: Story) {
    this.#story = story
    this.seed = seed
    this.random = new SimRandom(seed)
    this.network = new SimNetworkHub(this)
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowUs / US_PER_MS
  }

  get nowUs(): number {
    return this.#nowUs
  }

  countFault(kind: string, who = 'fault'): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1)
    this.#story?.again(this.nowMs, who, kind)
  }

  tell(who: string, what: string): void {
    this.#story?.tell(this.nowMs, who, what)
  }

  /** What happens often; see Story. */
  tellAgain(who: string, what: string): void {
    this.#story?.again(this.nowMs, who, what)
  }

  tellReached(who: string, what: string, index: number): void {
    this.#story?.reaches(this.nowMs, who, what, index)
  }

  /** Runs `run` after `delayMs` of virtual time, unless it is cancelled or the process that it belongs to has died. */
  schedule(scope: Scope | undefined, delayMs: number, label: string, run: () => void): Cancel {
    const delayUs = Math.max(0, Math.round(delayMs * US_PER_MS))
    const event: SimEvent = { atUs: this.#nowUs + delayUs, sequence: this.#sequence++, label, scope, run }
    this.#queue.push(event)
    return () => {
      event.run = undefined
    }
  }

  /** A process that the test starts, crashes and restarts. `start` runs once per life. */
  addNode<T>(name: string, start: StartProgram<T>, options: NodeOptions = {}): SimNode<T> {
    if (this.#nodes.has(name)) throw new Error(`there is a simulated node ${name} already`)
    const node = new SimNode(this, name, start, options)
    this.#nodes.set(name, node as SimNode)
    return node
  }

  node(name: string): SimNode {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new Error(`no simulated node ${name}`)
    return node
  }

  nodes(): SimNode[] {
    return [...this.#nodes.values()]
  }

  /** Ends the run with this error at the next step; used where an error has no caller to reach. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
  }

  resumeHeld(scope: Scope): void {
    for (const event of scope.held.splice(0)) {
      this.#queue.push({ ...event, atUs: this.#nowUs, sequence: this.#sequence++ })
    }
  }

  async runFor(ms: number): Promise<void> {
    await this.#drive(this.#nowUs + Math.round(ms * US_PER_MS))
  }

  /** True as soon as `condition` holds, false when `limitMs` of virtual time went by without it. */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    return this.#drive(this.#nowUs + Math.round(limitMs * US_PER_MS), condition)
  }

  #drive(untilUs: number, condition?: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      /** One event; true when there is nothing more to do. */
      const turn = (): boolean => {
        if (this.#failure !== undefined) throw this.#failure
        const met = condition?.() === true
        if (!met && this.#step(untilUs)) return false
        if (!met) this.#nowUs = untilUs
        resolve(met)
        return true
      }
      inImmediates(turn, reject)
    })
  }

  #step(untilUs: number): boolean {
    for (;;) {
      const event = this.#queue.peek()
      if (event === undefined || event.atUs > untilUs) return false
      this.#queue.pop()
      if (event.run === undefined || event.scope?.alive === false) continue
      if (event.scope?.paused) {
        event.scope.held.push(event)
        continue
      }
      this.#nowUs = event.atUs
      if (this.trace.events > MAX_EVENTS) throw new Error(`more than ${MAX_EVENTS} events: something spins`)
      if (event.label !== '') this.trace.add(this.#nowUs, event.label)
      event.run()
      return true
    }
  }
}

/**
 * Calls `turn` until it returns true. Between any two immediates Node empties the microtask and `nextTick` queues, so
 * each turn finds all that the one before it set off at rest; many immediates share one pass of the event loop, which
 * costs more than most events do.
 */
function inImmediates(turn: () => boolean, failed: (error: unknown) => void): void {
  let done = false
  let left = 0
  const next = (): void => {
    if (done) return
    try {
      done = turn()
    } catch (error) {
      done = true
      failed(error)
    }
    if (--left === 0 && !done) queue()
  }
  const queue = (): void => {
    left = TURNS_PER_PASS
    for (let i = 0; i < TURNS_PER_PASS; i++) setImmediate(next)
  }
  queue()
}
