import { bytesToHex } from '@noble/hashes/utils.js'
import type { Camera, Size } from './canvas/camera.ts'
import { viewRadiusMm } from './canvas/camera.ts'
import type { StageInput, StagePorts } from './canvas/stage.ts'
import { type AuthorityView, isArea } from './model/api.ts'
import { distanceMm, labelOf, nearestFoe, nearestResource, type Placed, reachMm } from './model/entities.ts'
import { changesBetween, type NetworkEvent } from './model/events.ts'
import { Feed, gatewaysOf } from './model/feed.ts'
import { distance } from './model/format.ts'
import { type Towns, townsOf } from './model/genesis.ts'
import type { Spectate } from './model/link.ts'
import type { Point } from './model/motion.ts'
import { type Observable, observable } from './model/observable.ts'
import { type Action, type EnterWorld, Play } from './model/play.ts'
import { exportPlayerKey, importPlayerKey, loadPlayerKey, savePlayerKey } from './model/player-key.ts'
import { type NetworkState, type PollerPorts, startPoller } from './model/poller.ts'
import { append, EMPTY_SERIES, RateMeter, type Series } from './model/rates.ts'
import { SeenWorld } from './model/world.ts'

export interface Charts {
  readonly records: Series
  readonly actions: Series
  readonly latency: Series
}

export type Selection = { readonly entity: string } | { readonly area: string } | undefined

export interface PagePorts extends PollerPorts {
  readonly home: string
  readonly storage: Storage | undefined
  readonly spectate: Spectate
  readonly enter: EnterWorld
  readonly fetchBytes: (url: string) => Promise<Uint8Array>
  readonly sha256: (bytes: Uint8Array) => Uint8Array
  readonly publicKeyOf: (secretKey: Uint8Array) => Uint8Array
  readonly after: (delayMs: number, run: () => void) => () => void
}

const TICK_MS = 100
const KEPT_EVENTS = 50
/** How often whoever walks away is walked after. */
const MAX_PURSUITS = 4
const OWN_LINK = '(own)'
/** Gateways take few requests a second: a view that moves is asked for so often at most. */
const LOOK_EVERY_MS = 350

/** Everything that the page knows and does; what it looks like is in `ui/`. */
export class Page {
  readonly network: Observable<NetworkState>
  readonly world = new SeenWorld(TICK_MS)
  readonly feed: Feed
  readonly play: Play
  readonly selection: Observable<Selection> = observable<Selection>(undefined)
  readonly events: Observable<readonly NetworkEvent[]> = observable<readonly NetworkEvent[]>([])
  readonly charts: Observable<Charts> = observable<Charts>({
    records: EMPTY_SERIES,
    actions: EMPTY_SERIES,
    latency: EMPTY_SERIES,
  })
  readonly stage: StagePorts
  readonly #ports: PagePorts
  readonly #records = new RateMeter()
  readonly #actions = new RateMeter()
  #playerKey: Uint8Array
  #cancelLook: (() => void) | undefined
  #view: { camera: Camera; size: Size } | undefined
  #placed: readonly Placed[] = []
  #genesis: Promise<Uint8Array> | undefined
  #towns: Towns = new Map()
  #eventKey = 0

  constructor(ports: PagePorts) {
    this.#ports = ports
    this.#playerKey = loadPlayerKey(ports.storage)
    this.feed = new Feed(this.world, ports)
    this.play = new Play(ports)
    this.network = startPoller(ports.home, ports)
    let before = this.network.get()
    this.network.subscribe(() => {
      const after = this.network.get()
      this.#networkChanged(before, after)
      before = after
    })
    this.play.state.subscribe(() => {
      const state = this.play.state.get()
      if (state.phase === 'in') this.world.show(OWN_LINK, state.link.sight)
      else this.world.hide(OWN_LINK)
    })
    this.stage = {
      look: nowMs => this.#look(nowMs),
      onPress: (hit, area, at) => {
        if (hit !== undefined) this.selection.set({ entity: hit.entity.id })
        else if (this.own() !== undefined) this.walk(at)
        else this.selection.set(area === undefined ? undefined : { area: area.origin })
      },
      onChoose: entity => this.selection.set(entity === undefined ? undefined : { entity }),
      onCamera: (camera, size) => this.#cameraChanged(camera, size),
    }
  }

  /** What was drawn last. */
  placed(): readonly Placed[] {
    return this.#placed
  }

  own(): Placed | undefined {
    const state = this.play.state.get()
    if (state.phase !== 'in') return undefined
    const id = state.link.entityId()
    return this.#placed.find(it => it.entity.id === id)
  }

  fingerprint(): string {
    return bytesToHex(this.#ports.publicKeyOf(this.#playerKey)).slice(0, 12)
  }

  exportKey(): string {
    return exportPlayerKey(this.#playerKey)
  }

  /** False when the text is no key file. */
  useKey(text: string): boolean {
    const key = importPlayerKey(text)
    if (key === undefined) return false
    this.#playerKey = key
    savePlayerKey(this.#ports.storage, key)
    return true
  }

  /** Enters the area that is nearest to the middle of the view; where the player already is wins. */
  async enter(name: string): Promise<void> {
    const { nodes, source, authorities } = this.network.get()
    const centre = this.#view?.camera ?? { xMm: 0, yMm: 0 }
    const middle = ({ xMm, yMm, sideMm }: AuthorityView) => ({ xMm: xMm + sideMm / 2, yMm: yMm + sideMm / 2 })
    const [area] = authorities
      .filter(isArea)
      .sort((a, b) => distanceMm(middle(a), centre) - distanceMm(middle(b), centre))
    await this.play.enter({
      gateways: gatewaysOf(nodes, source),
      playerKey: this.#playerKey,
      genesis: () => this.#loadGenesis(),
      name,
      area: area?.name ?? '',
    })
  }

  /** The file that names all nodes' keys, so that no gateway has to be believed about receipts. */
  #loadGenesis(): Promise<Uint8Array> {
    this.#genesis ??= this.#fetchGenesis().catch(error => {
      this.#genesis = undefined
      throw error
    })
    return this.#genesis
  }

  async #fetchGenesis(): Promise<Uint8Array> {
    const { source, status } = this.network.get()
    const genesis = await this.#ports.fetchBytes(`${source}/api/v1/genesis`)
    if (bytesToHex(this.#ports.sha256(genesis)) !== status?.genesisHash) {
      throw new Error(`The genesis file from ${source} does not have the hash that the node tells.`)
    }
    this.#towns = townsOf(genesis)
    return genesis
  }

  walk(to: Point): void {
    const own = this.own()
    if (own === undefined) return
    this.selection.set(undefined)
    this.play.go(own, to, `walk ${distance(distanceMm(own, to))}`)
  }

  gather(): void {
    const own = this.own()
    if (own === undefined) return
    const target = nearestResource(own, this.#placed)
    if (target === undefined) this.play.note('gather', 'nothing to gather is in sight')
    else this.#reach(target.entity.id, { kind: 'gather', resource: target.entity.id })
  }

  strike(): void {
    const own = this.own()
    if (own === undefined) return
    const selected = this.selection.get()
    const chosen =
      selected !== undefined && 'entity' in selected
        ? this.#placed.find(it => it.entity.id === selected.entity && it.entity.id !== own.entity.id)
        : undefined
    const target = chosen ?? nearestFoe(own, this.#placed)
    if (target === undefined) this.play.note('strike', 'nobody to strike is in sight')
    else this.#reach(target.entity.id, { kind: 'strike', target: target.entity.id })
  }

  /** Builds three metres north of where one stands. */
  build(structure: number, name: string): void {
    const own = this.own()
    if (own === undefined) return
    const at = { xMm: Math.round(own.xMm), yMm: Math.round(own.yMm) + 3000 }
    void this.play.act({ kind: 'build', structure, ...at }, `build ${name}`)
  }

  /** Acts at once, or walks there first; what has moved on meanwhile is followed a few times. */
  #reach(targetId: string, action: Action & { kind: 'gather' | 'strike' }, tries = MAX_PURSUITS): void {
    const own = this.own()
    const target = this.#placed.find(it => it.entity.id === targetId)
    if (own === undefined || target === undefined) return
    const farMm = distanceMm(own, target)
    const walkMm = farMm - reachMm(action.kind)
    if (walkMm <= 0 || tries === 0) {
      void this.play.act(action, `${action.kind} ${labelOf(target.entity)}`)
      return
    }
    const part = walkMm / farMm
    const to = {
      xMm: own.xMm + (target.xMm - own.xMm) * part,
      yMm: own.yMm + (target.yMm - own.yMm) * part,
    }
    const line = `walk ${distance(walkMm)} to ${action.kind}`
    this.play.go(own, to, line, () => this.#reach(targetId, action, tries - 1))
  }

  #look(nowMs: number): StageInput {
    const { authorities, nodes, silentSinceMs } = this.network.get()
    const state = this.play.state.get()
    const selected = this.selection.get()
    this.#placed = this.world.place(nowMs)
    return {
      areas: authorities.filter(isArea),
      towns: this.#towns,
      nodes,
      placed: this.#placed,
      selected: selected === undefined ? undefined : 'entity' in selected ? selected.entity : selected.area,
      self: state.phase === 'in' ? state.link.entityId() : undefined,
      goal: this.play.goal,
      stale: silentSinceMs !== undefined,
    }
  }

  #cameraChanged(camera: Camera, size: Size): void {
    this.#view = { camera, size }
    this.#cancelLook ??= this.#ports.after(LOOK_EVERY_MS, () => {
      this.#cancelLook = undefined
      this.#watchView()
    })
  }

  #watchView(): void {
    if (this.#view === undefined) return
    const { camera, size } = this.#view
    this.feed.look(
      this.network.get().authorities.filter(isArea),
      this.#towns,
      camera,
      viewRadiusMm(camera, size),
    )
  }

  #networkChanged(before: NetworkState, after: NetworkState): void {
    const at = new Date()
    const fresh = changesBetween(before, after).map(change => ({ ...change, at, key: this.#eventKey++ }))
    if (fresh.length > 0) this.events.set([...fresh.reverse(), ...this.events.get()].slice(0, KEPT_EVENTS))
    this.feed.setGateways(gatewaysOf(after.nodes, after.source))
    this.#watchView()
    if (after.silentSinceMs !== undefined) return
    this.#measure(after.authorities)
    // Not had now, it is asked for again with the next answer, and in the end when somebody wants to enter.
    this.#loadGenesis().catch(() => {})
  }

  #measure(authorities: readonly { size: number; actions: number }[]): void {
    const nowMs = this.#ports.nowMs()
    const timeS = nowMs / 1000
    const sum = (of: (it: { size: number; actions: number }) => number) =>
      authorities.reduce((total, it) => total + of(it), 0)
    const { records, actions, latency } = this.charts.get()
    this.charts.set({
      records: append(
        records,
        timeS,
        this.#records.rate(
          sum(it => it.size),
          nowMs,
        ),
      ),
      actions: append(
        actions,
        timeS,
        this.#actions.rate(
          sum(it => it.actions),
          nowMs,
        ),
      ),
      latency: append(latency, timeS, this.play.lastLatencyMs),
    })
  }
}
