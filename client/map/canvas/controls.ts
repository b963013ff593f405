import { type Camera, pan, type Size, zoomAt } from './camera.ts'

export interface ControlTarget {
  camera(): Camera
  size(): Size
  /** The person moved the view. */
  move(camera: Camera): void
  /** A click or a tap, in CSS pixels of the canvas. */
  press(x: number, y: number): void
  hover(x: number, y: number): void
  fitTown(): void
  next(step: 1 | -1): void
  dismiss(): void
}

const DRAG_FROM_PX = 5
const PAN_STEP_PX = 80
const ZOOM_STEP = 1.35

function local(canvas: HTMLCanvasElement, event: PointerEvent | WheelEvent) {
  const bounds = canvas.getBoundingClientRect()
  return { x: event.clientX - bounds.left, y: event.clientY - bounds.top }
}

type Finger = { x: number; y: number; startX: number; startY: number }

/** Drag, pinch and click by pointer events, the same for mouse, pen and fingers. */
function listenPointers(canvas: HTMLCanvasElement, target: ControlTarget, signal: AbortSignal): void {
  const fingers = new Map<number, Finger>()
  let dragged = false

  const down = (event: PointerEvent) => {
    const at = local(canvas, event)
    fingers.set(event.pointerId, { ...at, startX: at.x, startY: at.y })
    dragged = fingers.size > 1
    canvas.setPointerCapture(event.pointerId)
  }
  const move = (event: PointerEvent) => {
    const at = local(canvas, event)
    const finger = fingers.get(event.pointerId)
    if (finger === undefined) return target.hover(at.x, at.y)
    if (!dragged && Math.hypot(at.x - finger.startX, at.y - finger.startY) < DRAG_FROM_PX) return
    dragged = true
    const other = [...fingers.entries()].find(([id]) => id !== event.pointerId)?.[1]
    if (other === undefined) {
      target.move(pan(target.camera(), at.x - finger.x, at.y - finger.y))
    } else {
      const before = Math.hypot(finger.x - other.x, finger.y - other.y)
      const after = Math.max(1, Math.hypot(at.x - other.x, at.y - other.y))
      const moved = pan(target.camera(), (at.x - finger.x) / 2, (at.y - finger.y) / 2)
      target.move(zoomAt(moved, target.size(), (at.x + other.x) / 2, (at.y + other.y) / 2, before / after))
    }
    finger.x = at.x
    finger.y = at.y
  }
  const up = (event: PointerEvent) => {
    const finger = fingers.get(event.pointerId)
    fingers.delete(event.pointerId)
    if (finger !== undefined && !dragged && event.type === 'pointerup') target.press(finger.x, finger.y)
  }
  canvas.addEventListener('pointerdown', down, { signal })
  canvas.addEventListener('pointermove', move, { signal })
  canvas.addEventListener('pointerup', up, { signal })
  canvas.addEventListener('pointercancel', up, { signal })
}

export function zoomStep(target: ControlTarget, direction: 1 | -1): void {
  const { width, height } = target.size()
  const factor = direction > 0 ? 1 / ZOOM_STEP : ZOOM_STEP
  target.move(zoomAt(target.camera(), target.size(), width / 2, height / 2, factor))
}

function keys(target: ControlTarget): Record<string, () => void> {
  const panBy = (dx: number, dy: number) => () => target.move(pan(target.camera(), dx, dy))
  return {
    ArrowLeft: panBy(PAN_STEP_PX, 0),
    ArrowRight: panBy(-PAN_STEP_PX, 0),
    ArrowUp: panBy(0, PAN_STEP_PX),
    ArrowDown: panBy(0, -PAN_STEP_PX),
    '+': () => zoomStep(target, 1),
    '=': () => zoomStep(target, 1),
    '-': () => zoomStep(target, -1),
    '0': () => target.fitTown(),
    n: () => target.next(1),
    p: () => target.next(-1),
    Escape: () => target.dismiss(),
  }
}

/** Everything that moves the view. Returns the function that takes it off again. */
export function attachControls(
  frame: HTMLElement,
  canvas: HTMLCanvasElement,
  target: ControlTarget,
): () => void {
  const ended = new AbortController()
  const { signal } = ended
  listenPointers(canvas, target, signal)
  const wheel = (event: WheelEvent) => {
    event.preventDefault()
    const { x, y } = local(canvas, event)
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 30 : event.deltaY
    const factor = Math.exp(Math.max(-240, Math.min(240, pixels)) * (event.ctrlKey ? 0.008 : 0.0018))
    target.move(zoomAt(target.camera(), target.size(), x, y, factor))
  }
  canvas.addEventListener('wheel', wheel, { signal, passive: false })
  const actions = keys(target)
  const key = (event: KeyboardEvent) => {
    const action = actions[event.key]
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    action()
  }
  frame.addEventListener('keydown', key, { signal })
  return () => ended.abort()
}
