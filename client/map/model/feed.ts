import type { AuthorityView, NodeView } from './api.ts'
import { middleOf, type Towns, townIn } from './genesis.ts'
import type { LinkListener, Region, Spectate, SpectatorLink } from './link.ts'
import type { Point } from './motion.ts'
import { type Observable, observable } from './observable.ts'
import type { SeenWorld } from './world.ts'

export interface FeedState {
  readonly phase: 'idle' | 'connecting' | 'open' | 'no-gateway'
  readonly gateway: string
  /** Why the last link ended, empty while all is well. */
  readonly problem: string
}

export interface FeedPorts {
  readonly spectate: Spectate
  readonly after: (delayMs: number, run: () => void) => () => void
}

interface Watched {
  region: Region
  link: SpectatorLink | undefined
  cancelRetry: (() => void) | undefined
  gateway: string
  isOpen: boolean
  /** Links in a row that ended or never opened. */
  failures: number
}

const NEW = { link: undefined, cancelRetry: undefined, gateway: '', isOpen: false, failures: 0 }
const MAX_AREAS = 6
/** The next gateway is tried at once; when none of them answered, there is a pause. */
const NEXT_GATEWAY_MS = 50
const PAUSE_MS = 1500
/** A watch is widened by this, so that small moves of the view ask for nothing. */
const WIDER = 1.4

/**
 * The part of an area that is in view: its point nearest to the view's middle, and how far to look from there. From
 * afar its town is looked at, since a gateway shows what is nearest and not everything.
 */
export function regionOf(
  area: AuthorityView,
  town: Point,
  centre: Point,
  radiusMm: number,
): Region | undefined {
  const inside = (at: number, from: number) =>
    Math.round(Math.max(from, Math.min(from + area.sideMm - 1, at)))
  const near = { xMm: inside(centre.xMm, area.xMm), yMm: inside(centre.yMm, area.yMm) }
  if (Math.hypot(near.xMm - centre.xMm, near.yMm - centre.yMm) > radiusMm) return undefined
  const isFromAfar = radiusMm > area.sideMm / 2
  const { xMm, yMm } = isFromAfar ? town : near
  return { area: area.name, xMm, yMm, radiusMm: Math.round(Math.min(radiusMm * WIDER, area.sideMm * 1.5)) }
}

/** Alive gateways, the one of the node that is read from first. */
export function gatewaysOf(nodes: readonly NodeView[], source: string): string[] {
  const alive = nodes.filter(node => node.alive && node.gatewayUrl !== undefined)
  const sorted = [...alive].sort((a, b) => Number(b.httpUrl === source) - Number(a.httpUrl === source))
  return sorted.map(node => node.gatewayUrl!)
}

const isNear = (a: Region, b: Region): boolean =>
  Math.hypot(a.xMm - b.xMm, a.yMm - b.yMm) < b.radiusMm * 0.12 && Math.abs(a.radiusMm / b.radiusMm - 1) < 0.15

/** Watches the areas in view, one link each, and goes to another gateway when one is lost. */
export class Feed {
  readonly state: Observable<FeedState> = observable<FeedState>({ phase: 'idle', gateway: '', problem: '' })
  readonly #watched = new Map<string, Watched>()
  readonly #world: SeenWorld
  readonly #ports: FeedPorts
  #gateways: readonly string[] = []
  #turn = 0
  #problem = ''

  constructor(world: SeenWorld, ports: FeedPorts) {
    this.#world = world
    this.#ports = ports
  }

  setGateways(gateways: readonly string[]): void {
    const current = this.#gateway()
    this.#gateways = gateways
    this.#turn = Math.max(0, gateways.indexOf(current))
    for (const area of this.#watched.keys()) this.#open(area)
    this.#tell()
  }

  look(areas: readonly AuthorityView[], towns: Towns, centre: Point, radiusMm: number): void {
    const regions = areas
      .map(area => regionOf(area, middleOf(townIn(area, towns)), centre, radiusMm))
      .filter(region => region !== undefined)
      .sort((a, b) => far(a, centre) - far(b, centre))
      .slice(0, MAX_AREAS)
    const wanted = new Map(regions.map(region => [region.area, region]))
    for (const area of [...this.#watched.keys()]) if (!wanted.has(area)) this.#drop(area)
    for (const region of regions) this.#want(region)
    this.#tell()
  }

  #gateway = (): string => this.#gateways[this.#turn % Math.max(1, this.#gateways.length)] ?? ''

  #want(region: Region): void {
    const watched = this.#watched.get(region.area)
    if (watched === undefined) {
      this.#watched.set(region.area, { ...NEW, region })
      this.#open(region.area)
      return
    }
    if (isNear(region, watched.region)) return
    watched.region = region
    watched.link?.watch(region)
  }

  #drop(area: string): void {
    const watched = this.#watched.get(area)
    this.#watched.delete(area)
    watched?.cancelRetry?.()
    watched?.link?.close()
    this.#world.hide(area)
  }

  #open(area: string): void {
    const watched = this.#watched.get(area)
    const gateway = this.#gateway()
    if (watched === undefined || watched.link !== undefined || watched.cancelRetry !== undefined) return
    if (gateway === '') return
    watched.gateway = gateway
    watched.link = this.#ports.spectate(gateway, watched.region, this.#listen(area, watched))
  }

  #listen(area: string, watched: Watched): LinkListener {
    const isCurrent = () => this.#watched.get(area) === watched
    return {
      onOpen: sight => {
        if (!isCurrent()) return
        watched.isOpen = true
        watched.failures = 0
        this.#problem = ''
        this.#world.show(area, sight)
        this.#tell()
      },
      onClose: reason => {
        if (!isCurrent()) return
        watched.link = undefined
        watched.isOpen = false
        this.#problem = reason
        // Links of several areas break at once: the first one to tell moves all of them on.
        if (watched.gateway === this.#gateway()) this.#turn += 1
        watched.failures += 1
        const isRoundOver = watched.failures % Math.max(1, this.#gateways.length) === 0
        watched.cancelRetry = this.#ports.after(isRoundOver ? PAUSE_MS : NEXT_GATEWAY_MS, () => {
          watched.cancelRetry = undefined
          this.#open(area)
        })
        this.#tell()
      },
    }
  }

  #phase(): FeedState['phase'] {
    if (this.#gateways.length === 0) return 'no-gateway'
    const links = [...this.#watched.values()]
    if (links.length === 0) return 'idle'
    return links.every(it => it.isOpen) ? 'open' : 'connecting'
  }

  #tell(): void {
    const phase = this.#phase()
    const before = this.state.get()
    const after: FeedState = { phase, gateway: this.#gateway(), problem: this.#problem }
    const isSame =
      before.phase === phase && before.gateway === after.gateway && before.problem === after.problem
    if (!isSame) this.state.set(after)
  }
}

const far = (region: Point, centre: Point): number =>
  Math.hypot(region.xMm - centre.xMm, region.yMm - centre.yMm)
