import type { EntityKind } from '../../../world/codec.ts'
import { type AuthorityView, isArea, type NodeView } from '../model/api.ts'
import { halfMmOf, isFaint, labelOf, type Placed } from '../model/entities.ts'
import { distance } from '../model/format.ts'
import type { Point } from '../model/motion.ts'
import { type Camera, type Size, toScreen, toWorld } from './camera.ts'
import { INK, nodeColour } from './colours.ts'

export interface Scene {
  readonly camera: Camera
  readonly size: Size
  readonly areas: readonly AuthorityView[]
  readonly nodes: readonly NodeView[]
  readonly placed: readonly Placed[]
  readonly selected: string | undefined
  readonly self: string | undefined
  /** Where one's own character was told to go. */
  readonly goal: Point | undefined
  readonly stale: boolean
}

type Brush = CanvasRenderingContext2D

const FONT = '500 12px system-ui, sans-serif'
const SMALL_FONT = '11px system-ui, sans-serif'

function niceStep(mm: number): number {
  const power = 10 ** Math.floor(Math.log10(mm))
  const digit = mm / power
  return (digit < 2 ? 2 : digit < 5 ? 5 : 10) * power
}

const gridStepMm = (camera: Camera): number => niceStep(camera.mmPerPx * 50)

function drawGrid(brush: Brush, { camera, size }: Scene): void {
  const stepMm = gridStepMm(camera)
  const from = toWorld(camera, size, 0, 0)
  const to = toWorld(camera, size, size.width, size.height)
  brush.beginPath()
  for (let xMm = Math.ceil(from.xMm / stepMm) * stepMm; xMm < to.xMm; xMm += stepMm) {
    const x = Math.round(toScreen(camera, size, { xMm, yMm: 0 }).x) + 0.5
    brush.moveTo(x, 0)
    brush.lineTo(x, size.height)
  }
  for (let yMm = Math.ceil(to.yMm / stepMm) * stepMm; yMm < from.yMm; yMm += stepMm) {
    const y = Math.round(toScreen(camera, size, { xMm: 0, yMm }).y) + 0.5
    brush.moveTo(0, y)
    brush.lineTo(size.width, y)
  }
  brush.strokeStyle = INK.grid
  brush.lineWidth = 1
  brush.stroke()
}

/** Leader first, then the others; one who is down is hollow. */
function drawMembers(
  brush: Brush,
  area: AuthorityView,
  nodes: readonly NodeView[],
  x: number,
  y: number,
): void {
  const alive = new Set(nodes.filter(node => node.alive).map(node => node.number))
  const members = [...area.members].sort(
    (a, b) => Number(b.number === area.leader) - Number(a.number === area.leader) || a.number - b.number,
  )
  members.forEach((member, place) => {
    const centre = x + 5 + place * 16
    brush.beginPath()
    brush.arc(centre, y, 4.5, 0, Math.PI * 2)
    brush.fillStyle = brush.strokeStyle = nodeColour(member.number)
    brush.lineWidth = 1.5
    if (alive.has(member.number)) brush.fill()
    else brush.stroke()
    if (member.number !== area.leader) return
    brush.beginPath()
    brush.arc(centre, y, 7, 0, Math.PI * 2)
    brush.stroke()
  })
}

function haloText(brush: Brush, words: string, x: number, y: number, colour: string): void {
  brush.lineWidth = 3
  brush.lineJoin = 'round'
  brush.strokeStyle = INK.ground
  brush.strokeText(words, x, y)
  brush.fillStyle = colour
  brush.fillText(words, x, y)
}

/** In the corner of what is in view of the area, so that one always sees where one is. */
function drawAreaLabel(brush: Brush, { area, left, top, side }: AreaBox, scene: Scene): void {
  const x = Math.max(left, 0)
  const y = Math.max(top, 0)
  const width = Math.min(left + side, scene.size.width) - x
  const height = Math.min(top + side, scene.size.height) - y
  if (width < 60 || height < 44) return
  brush.save()
  brush.beginPath()
  brush.rect(x, y, width - 6, height)
  brush.clip()
  brush.font = FONT
  haloText(brush, area.name, x + 12, y + 22, INK.text)
  drawMembers(brush, area, scene.nodes, x + 19, y + 37)
  if (width > 170) {
    brush.font = SMALL_FONT
    const words = area.leader === 0 ? 'no leader' : `led by node ${area.leader}`
    haloText(brush, words, x + 24 + area.members.length * 16, y + 41, INK.dim)
  }
  brush.restore()
}

interface AreaBox {
  readonly area: AuthorityView
  readonly left: number
  readonly top: number
  readonly side: number
}

/** The areas that are in view, in pixels. */
function areaBoxes({ camera, size, areas }: Scene): AreaBox[] {
  return areas.filter(isArea).flatMap(area => {
    const { x, y } = toScreen(camera, size, { xMm: area.xMm, yMm: area.yMm + area.sideMm })
    const side = area.sideMm / camera.mmPerPx
    const isOff = x > size.width || y > size.height || x + side < 0 || y + side < 0
    return isOff ? [] : [{ area, left: x, top: y, side }]
  })
}

function drawArea(brush: Brush, { area, left, top, side }: AreaBox, isSelected: boolean): void {
  brush.fillStyle = brush.strokeStyle = nodeColour(area.leader)
  brush.globalAlpha = isSelected ? 0.15 : 0.075
  brush.fillRect(left, top, side, side)
  brush.globalAlpha = isSelected ? 0.95 : 0.5
  brush.lineWidth = 1.5
  brush.setLineDash(area.leader === 0 ? [6, 5] : [])
  brush.strokeRect(left + 1, top + 1, side - 2, side - 2)
  brush.setLineDash([])
  brush.globalAlpha = 1
}

const SIZES: Record<EntityKind, number> = { character: 4.6, npc: 4.8, resource: 3.4, structure: 4.6 }
/** People first: the land lies under them. */
const STRENGTHS: Record<EntityKind, number> = { character: 1, npc: 0.95, resource: 0.6, structure: 0.9 }

function shape(brush: Brush, kind: EntityKind, x: number, y: number, radius: number): void {
  if (kind === 'character') {
    brush.moveTo(x + radius, y)
    brush.arc(x, y, radius, 0, Math.PI * 2)
    return
  }
  if (kind === 'structure') {
    brush.rect(x - radius, y - radius, radius * 2, radius * 2)
    return
  }
  if (kind === 'resource') {
    brush.moveTo(x, y - radius * 1.1)
    brush.lineTo(x + radius, y + radius * 0.8)
    brush.lineTo(x - radius, y + radius * 0.8)
  } else {
    brush.moveTo(x, y - radius)
    brush.lineTo(x + radius, y)
    brush.lineTo(x, y + radius)
    brush.lineTo(x - radius, y)
  }
  brush.closePath()
}

/** Smaller from afar, so that a crowd stays a crowd and not a blot. */
const zoomScale = (camera: Camera): number => Math.max(0.5, Math.min(1.3, (1500 / camera.mmPerPx) ** 0.22))

function drawKind(brush: Brush, scene: Scene, kind: EntityKind): void {
  const scale = zoomScale(scene.camera)
  const strong: Placed[] = []
  const weak: Placed[] = []
  for (const it of scene.placed) {
    if (it.entity.kind === kind) (isFaint(it.entity, it.tick) ? weak : strong).push(it)
  }
  for (const [group, alpha] of [
    [weak, 0.3],
    [strong, STRENGTHS[kind]],
  ] as const) {
    brush.beginPath()
    for (const it of group) {
      const { x, y } = toScreen(scene.camera, scene.size, it)
      const trueRadius = halfMmOf(it.entity) / scene.camera.mmPerPx
      shape(brush, kind, x, y, Math.max(SIZES[kind] * scale, trueRadius))
    }
    brush.globalAlpha = alpha
    brush.fillStyle = INK[kind]
    brush.fill()
  }
  brush.globalAlpha = 1
}

/** From farther away headings would only hide who walks. */
const HEADINGS_TO_MM_PER_PX = 3_000

/** A short line ahead of whoever walks. */
function drawHeadings(brush: Brush, { camera, size, placed }: Scene): void {
  if (camera.mmPerPx > HEADINGS_TO_MM_PER_PX) return
  brush.beginPath()
  for (const it of placed) {
    if (!it.moving) continue
    const { vxMmPerTick, vyMmPerTick } = it.entity.motion
    const speed = Math.hypot(vxMmPerTick, vyMmPerTick)
    const { x, y } = toScreen(camera, size, it)
    brush.moveTo(x, y)
    brush.lineTo(x + (vxMmPerTick / speed) * 11, y - (vyMmPerTick / speed) * 11)
  }
  brush.strokeStyle = 'rgb(238 244 250 / 0.38)'
  brush.lineWidth = 1.5
  brush.stroke()
}

function ring(brush: Brush, x: number, y: number, radius: number, colour: string, width = 2): void {
  brush.beginPath()
  brush.arc(x, y, radius, 0, Math.PI * 2)
  brush.strokeStyle = colour
  brush.lineWidth = width
  brush.stroke()
}

function label(brush: Brush, words: string, x: number, y: number, colour: string): void {
  brush.font = FONT
  brush.textAlign = 'center'
  haloText(brush, words, x, y, colour)
  brush.textAlign = 'start'
}

function drawMarks(brush: Brush, { camera, size, placed, selected, self, goal }: Scene): void {
  const own = placed.find(it => it.entity.id === self)
  if (own !== undefined) {
    const { x, y } = toScreen(camera, size, own)
    if (goal !== undefined && own.moving) {
      const to = toScreen(camera, size, goal)
      brush.beginPath()
      brush.moveTo(x, y)
      brush.lineTo(to.x, to.y)
      brush.setLineDash([3, 6])
      brush.strokeStyle = 'rgb(255 215 106 / 0.6)'
      brush.lineWidth = 1.5
      brush.stroke()
      brush.setLineDash([])
      ring(brush, to.x, to.y, 4, INK.self, 1.5)
    }
    brush.beginPath()
    brush.arc(x, y, 6, 0, Math.PI * 2)
    brush.fillStyle = INK.self
    brush.fill()
    ring(brush, x, y, 11, 'rgb(255 215 106 / 0.55)')
    label(brush, labelOf(own.entity), x, y - 17, INK.self)
  }
  const chosen = placed.find(it => it.entity.id === selected)
  if (chosen === undefined || chosen === own) return
  const { x, y } = toScreen(camera, size, chosen)
  ring(brush, x, y, 11, INK.text, 1.5)
  label(brush, labelOf(chosen.entity), x, y - 17, INK.text)
}

function drawScale(brush: Brush, { camera, size }: Scene): void {
  const lengthMm = gridStepMm(camera)
  const width = lengthMm / camera.mmPerPx
  const y = size.height - 16
  brush.beginPath()
  brush.moveTo(14.5, y - 4)
  brush.lineTo(14.5, y)
  brush.lineTo(14.5 + width, y)
  brush.lineTo(14.5 + width, y - 4)
  brush.strokeStyle = INK.dim
  brush.lineWidth = 1.5
  brush.stroke()
  brush.font = SMALL_FONT
  brush.fillStyle = INK.dim
  brush.fillText(distance(lengthMm), 14.5 + width + 8, y + 1)
}

export function drawScene(brush: Brush, scene: Scene): void {
  brush.globalAlpha = 1
  brush.fillStyle = INK.ground
  brush.fillRect(0, 0, scene.size.width, scene.size.height)
  drawGrid(brush, scene)
  const boxes = areaBoxes(scene)
  for (const box of boxes) drawArea(brush, box, box.area.origin === scene.selected)
  drawKind(brush, scene, 'structure')
  drawKind(brush, scene, 'resource')
  drawHeadings(brush, scene)
  drawKind(brush, scene, 'npc')
  drawKind(brush, scene, 'character')
  for (const box of boxes) drawAreaLabel(brush, box, scene)
  drawMarks(brush, scene)
  drawScale(brush, scene)
  if (!scene.stale) return
  brush.fillStyle = 'rgb(13 18 24 / 0.45)'
  brush.fillRect(0, 0, scene.size.width, scene.size.height)
}
