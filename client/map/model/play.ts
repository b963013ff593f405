import { type ActionLine, addLine, changeLine } from './actions.ts'
import type { Sight } from './link.ts'
import type { Point } from './motion.ts'
import { type Observable, observable } from './observable.ts'

export type Action =
  | { readonly kind: 'move'; readonly vxMmPerTick: number; readonly vyMmPerTick: number }
  | { readonly kind: 'gather'; readonly resource: string }
  | { readonly kind: 'strike'; readonly target: string }
  | { readonly kind: 'build'; readonly structure: number; readonly xMm: number; readonly yMm: number }
  | { readonly kind: 'leave' }

export interface ActionResult {
  readonly committed: boolean
  /** Why not, or what came of it; one short sentence. */
  readonly detail: string
  /** The receipt's signature and path hold. */
  readonly verified: boolean
  /** Asks whether it is final; false: it fell off. Rejects when that can't be known. */
  whenFinal(): Promise<boolean>
  /** What one keeps of it, as a file's text: the receipt, or once it is final the proof. */
  save(isFinal: boolean): Promise<string>
}

export interface PlayLink {
  readonly sight: Sight
  /** The character's entity id, once it is in sight. */
  entityId(): string | undefined
  act(action: Action): Promise<ActionResult>
  /** `onClose` isn't called. */
  close(): void
}

export interface PlayListener {
  onLink(isOpen: boolean, gateway: string): void
  /** The session is over for good; `reason` is for a person. */
  onClose(reason: string): void
}

export interface Wish {
  readonly gateways: readonly string[]
  readonly playerKey: Uint8Array
  /** The genesis file's bytes. */
  readonly genesis: () => Promise<Uint8Array>
  readonly name: string
  readonly area: string
}

/** Opens a session and spawns. Rejects with an error whose message is for a person. */
export type EnterWorld = (wish: Wish, listener: PlayListener) => Promise<PlayLink>

export type PlayState =
  | { readonly phase: 'out'; readonly problem: string }
  | { readonly phase: 'entering'; readonly name: string }
  | {
      readonly phase: 'in'
      readonly name: string
      readonly link: PlayLink
      readonly linked: boolean
      readonly gateway: string
    }

export interface PlayPorts {
  readonly enter: EnterWorld
  readonly nowMs: () => number
  readonly after: (delayMs: number, run: () => void) => () => void
}

const OUT: PlayState = { phase: 'out', problem: '' }
const TICK_MS = 100
/** A little under what the rules allow, since rounding to whole millimetres may make a course faster. */
const SPEED_MM_PER_TICK = 690
const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The course that leads from one place to another, and for how many ticks it has to be held. */
export function courseTo(from: Point, to: Point) {
  const dx = to.xMm - from.xMm
  const dy = to.yMm - from.yMm
  const ticks = Math.max(1, Math.ceil(Math.hypot(dx, dy) / SPEED_MM_PER_TICK))
  return { vxMmPerTick: Math.round(dx / ticks), vyMmPerTick: Math.round(dy / ticks), ticks }
}

/** One's own character: what was asked, what became of it, and how long that took. */
export class Play {
  readonly state: Observable<PlayState> = observable<PlayState>(OUT)
  readonly lines: Observable<readonly ActionLine[]> = observable<readonly ActionLine[]>([])
  /** From asking to the verified receipt, of the last action. */
  lastLatencyMs: number | null = null
  goal: Point | undefined
  readonly #ports: PlayPorts
  #cancelArrival: () => void = () => {}
  #key = 0

  constructor(ports: PlayPorts) {
    this.#ports = ports
  }

  async enter(wish: Wish): Promise<void> {
    if (this.state.get().phase !== 'out') return
    this.state.set({ phase: 'entering', name: wish.name })
    let gateway = wish.gateways[0] ?? ''
    try {
      const link = await this.#ports.enter(wish, {
        onLink: (isOpen, at) => {
          gateway = at
          this.#linkChanged(isOpen, at)
        },
        onClose: problem => this.#end(problem),
      })
      this.state.set({ phase: 'in', name: wish.name, link, linked: true, gateway })
    } catch (error) {
      this.#end(words(error))
    }
  }

  /** The rules may refuse it: nobody leaves in the middle of a fight. */
  async leave(): Promise<void> {
    this.#stopWalking()
    const state = this.state.get()
    if (state.phase !== 'in' || !(await this.act({ kind: 'leave' }, 'leave'))) return
    state.link.close()
    this.#end('')
  }

  /** The rules know courses and no destinations: sets the course, and stops (or does `then`) on arrival. */
  go(from: Point, to: Point, line: string, then?: () => void): void {
    this.#stopWalking()
    const { ticks, ...course } = courseTo(from, to)
    this.goal = to
    void this.act({ kind: 'move', ...course }, line)
    this.#cancelArrival = this.#ports.after(ticks * TICK_MS, () => {
      this.goal = undefined
      void this.act({ kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 }, 'stop')
      then?.()
    })
  }

  /** True when it was committed and the rules did it. */
  async act(action: Action, line: string): Promise<boolean> {
    const state = this.state.get()
    if (state.phase !== 'in') return false
    const key = this.#key++
    const startMs = this.#ports.nowMs()
    addLine(this.lines, {
      key,
      words: line,
      outcome: 'waiting',
      detail: '',
      latencyMs: undefined,
      verified: false,
      standing: 'committed',
      save: undefined,
    })
    try {
      const { committed, detail, verified, whenFinal, save } = await state.link.act(action)
      const latencyMs = this.#ports.nowMs() - startMs
      this.lastLatencyMs = latencyMs
      changeLine(this.lines, key, {
        outcome: committed ? 'committed' : 'refused',
        detail,
        verified,
        latencyMs,
        save,
      })
      void this.#followUp(key, whenFinal)
      return committed
    } catch (error) {
      changeLine(this.lines, key, { outcome: 'failed', detail: words(error), latencyMs: undefined })
      return false
    }
  }

  async #followUp(key: number, whenFinal: () => Promise<boolean>): Promise<void> {
    try {
      changeLine(this.lines, key, { standing: (await whenFinal()) ? 'final' : 'fell off' })
    } catch {
      // It stays what it was: committed.
    }
  }

  /** Says why nothing was asked for. */
  note(line: string, detail: string): void {
    const key = this.#key++
    addLine(this.lines, {
      key,
      words: line,
      outcome: 'failed',
      detail,
      latencyMs: undefined,
      verified: false,
      standing: 'committed',
      save: undefined,
    })
  }

  #stopWalking(): void {
    this.#cancelArrival()
    this.goal = undefined
  }

  #end(problem: string): void {
    this.#stopWalking()
    this.lastLatencyMs = null
    this.state.set({ phase: 'out', problem })
  }

  #linkChanged(linked: boolean, gateway: string): void {
    const state = this.state.get()
    if (state.phase === 'in') this.state.set({ ...state, linked, gateway })
  }
}
