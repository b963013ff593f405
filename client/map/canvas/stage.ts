import type { AuthorityView, NodeView } from '../model/api.ts'
import type { Placed } from '../model/entities.ts'
import { mostPopulated, type Towns, townIn } from '../model/genesis.ts'
import type { Point } from '../model/motion.ts'
import { between, boxOf, type Camera, fitBox, type Size, toWorld, townBox } from './camera.ts'
import { attachControls, type ControlTarget, zoomStep } from './controls.ts'
import { drawScene } from './draw.ts'
import { pick } from './pick.ts'

export interface StageInput {
  readonly areas: readonly AuthorityView[]
  readonly towns: Towns
  readonly nodes: readonly NodeView[]
  readonly placed: readonly Placed[]
  readonly selected: string | undefined
  readonly self: string | undefined
  readonly goal: Point | undefined
  readonly stale: boolean
}

export interface StagePorts {
  /** What there is to draw at this moment (`performance.now()`). */
  look(nowMs: number): StageInput
  /** A click: on an entity, or else on a place and the area under it. */
  onPress(hit: Placed | undefined, area: AuthorityView | undefined, at: Point): void
  onChoose(entity: string | undefined): void
  onCamera(camera: Camera, size: Size): void
}

const GLIDE_MS = 350
/** Near enough to see what is within reach. */
const FOLLOW_MM_PER_PX = 150
/** With reduced motion the picture steps instead of flowing. */
const CALM_FRAME_MS = 500

/** Owns the canvas: its camera, its frames, and what pointers and keys do to it. */
export class Stage implements ControlTarget {
  readonly #canvas: HTMLCanvasElement
  readonly #brush: CanvasRenderingContext2D
  readonly #ports: StagePorts
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)')
  readonly #detach: () => void
  readonly #observer: ResizeObserver
  #size: Size = { width: 1, height: 1 }
  #camera: Camera = { xMm: 0, yMm: 0, mmPerPx: 10_000 }
  #glide: { from: Camera; to: Camera; startMs: number } | undefined
  #input: StageInput | undefined
  /** 'town': shows where the town is, and waits to see its people. 'rest': the view is the person's. */
  #aim: 'start' | 'town' | 'rest' = 'start'
  #following = false
  #frame = 0
  #drawnMs = Number.NEGATIVE_INFINITY

  constructor(frame: HTMLElement, canvas: HTMLCanvasElement, ports: StagePorts) {
    this.#canvas = canvas
    this.#brush = canvas.getContext('2d', { alpha: false })!
    this.#ports = ports
    this.#detach = attachControls(frame, canvas, this)
    this.#observer = new ResizeObserver(() => this.#resize())
    this.#observer.observe(canvas)
    this.#resize()
    this.#frame = requestAnimationFrame(nowMs => this.#draw(nowMs))
  }

  stop(): void {
    cancelAnimationFrame(this.#frame)
    this.#observer.disconnect()
    this.#detach()
  }

  camera = (): Camera => this.#camera
  size = (): Size => this.#size

  move(camera: Camera): void {
    this.#glide = undefined
    this.#following = false
    this.#aim = 'rest'
    this.#setCamera(camera)
  }

  zoom(direction: 1 | -1): void {
    const follows = this.#following
    zoomStep(this, direction)
    this.#following = follows
  }

  /** Shows where most people are; when they are out of sight, the town's place first, and them once they are seen. */
  fitTown(): void {
    const area = mostPopulated(this.#input?.areas ?? [])
    if (area === undefined) return
    const people = this.#peopleOf(area)
    this.#show(fitBox(townBox(people) ?? townIn(area, this.#input!.towns), this.#size))
    if (people.length === 0) this.#aim = 'town'
  }

  fitAreas(): void {
    const corners = (this.#input?.areas ?? []).flatMap(area => [
      area,
      { xMm: area.xMm + area.sideMm, yMm: area.yMm + area.sideMm },
    ])
    const box = boxOf(corners)
    if (box !== undefined) this.#show(fitBox(box, this.#size))
  }

  fitArea(area: AuthorityView): void {
    const { xMm, yMm, sideMm } = area
    this.#show(fitBox({ left: xMm, bottom: yMm, right: xMm + sideMm, top: yMm + sideMm }, this.#size))
  }

  /** Keeps one's own character in the middle until the person moves the view. */
  follow(): void {
    this.#following = true
    this.#aim = 'rest'
    this.#glide = undefined
    this.#camera = { ...this.#camera, mmPerPx: Math.min(this.#camera.mmPerPx, FOLLOW_MM_PER_PX) }
  }

  press(x: number, y: number): void {
    const at = toWorld(this.#camera, this.#size, x, y)
    const hit = pick(this.#input?.placed ?? [], this.#camera, this.#size, x, y)
    this.#ports.onPress(hit, this.#areaAt(at), at)
  }

  hover(x: number, y: number): void {
    const hit = pick(this.#input?.placed ?? [], this.#camera, this.#size, x, y)
    this.#canvas.style.cursor = hit === undefined ? '' : 'pointer'
  }

  /** Goes through what is in view by its distance from the middle. */
  next(step: 1 | -1): void {
    const { xMm, yMm } = this.#camera
    const far = (it: Placed) => Math.hypot(it.xMm - xMm, it.yMm - yMm)
    const order = [...(this.#input?.placed ?? [])].sort((a, b) => far(a) - far(b))
    const at = order.findIndex(it => it.entity.id === this.#input?.selected)
    const chosen = order[(at + step + order.length) % order.length]
    if (chosen !== undefined) this.#ports.onChoose(chosen.entity.id)
  }

  dismiss(): void {
    this.#ports.onChoose(undefined)
  }

  #areaAt(at: Point): AuthorityView | undefined {
    return this.#input?.areas.find(
      ({ xMm, yMm, sideMm }) =>
        at.xMm >= xMm && at.yMm >= yMm && at.xMm < xMm + sideMm && at.yMm < yMm + sideMm,
    )
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#canvas
    const ratio = Math.min(3, devicePixelRatio || 1)
    this.#size = { width: Math.max(1, clientWidth), height: Math.max(1, clientHeight) }
    this.#canvas.width = Math.round(this.#size.width * ratio)
    this.#canvas.height = Math.round(this.#size.height * ratio)
    this.#brush.setTransform(ratio, 0, 0, ratio, 0, 0)
    this.#drawnMs = Number.NEGATIVE_INFINITY
    this.#ports.onCamera(this.#camera, this.#size)
  }

  #setCamera(camera: Camera): void {
    this.#camera = camera
    this.#canvas.dataset['view'] = [camera.xMm, camera.yMm, camera.mmPerPx].map(Math.round).join(' ')
    this.#drawnMs = Number.NEGATIVE_INFINITY
    this.#ports.onCamera(camera, this.#size)
  }

  #show(camera: Camera): void {
    this.#following = false
    this.#aim = 'rest'
    this.#glideTo(camera)
  }

  #glideTo(to: Camera): void {
    if (this.#calm.matches) this.#setCamera(to)
    else this.#glide = { from: this.#camera, to, startMs: performance.now() }
  }

  #peopleOf(area: AuthorityView): Placed[] {
    return (this.#input?.placed ?? []).filter(it => it.entity.kind === 'character' && it.area === area.name)
  }

  /** First the town's place at once, then its people as soon as they are seen. */
  #fitFirst(): void {
    const area = mostPopulated(this.#input?.areas ?? [])
    if (this.#aim === 'rest' || area === undefined) return
    if (this.#peopleOf(area).length > 0) {
      this.fitTown()
    } else if (this.#aim === 'start') {
      this.#aim = 'town'
      this.#setCamera(fitBox(townIn(area, this.#input!.towns), this.#size))
    }
  }

  #advanceCamera(nowMs: number): void {
    if (this.#glide !== undefined) {
      const part = Math.min(1, Math.max(0, (nowMs - this.#glide.startMs) / GLIDE_MS))
      this.#setCamera(between(this.#glide.from, this.#glide.to, part))
      if (part === 1) this.#glide = undefined
    }
    const own = this.#input?.placed.find(it => it.entity.id === this.#input?.self)
    if (!this.#following || own === undefined) return
    this.#setCamera({ ...this.#camera, xMm: own.xMm, yMm: own.yMm })
  }

  #draw(nowMs: number): void {
    this.#frame = requestAnimationFrame(nextMs => this.#draw(nextMs))
    if (this.#calm.matches && nowMs - this.#drawnMs < CALM_FRAME_MS) return
    this.#drawnMs = nowMs
    this.#input = this.#ports.look(nowMs)
    this.#fitFirst()
    this.#advanceCamera(nowMs)
    drawScene(this.#brush, { ...this.#input, camera: this.#camera, size: this.#size })
  }
}
