import { decodeEvent } from '../../world/codec.ts'
import { eventPiece, seenPiece } from './frames.ts'
import { type PublicForm, placeOfEvent, placeOfForm, readForm } from './public-form.ts'
import type { AreaInfo, FeedListener } from './router.ts'

/** An event on its way to those who are near. */
export interface GhostEvent {
  readonly xMm: number
  readonly yMm: number
  readonly piece: Uint8Array
}

/** Side of a grid cell: the usual view's radius is a few of them. */
const CELL_MM = 100_000
const MAX_CELLS_PER_SIDE = 128
const FIRST_CAPACITY = 256
/** The first byte of the events that tell of a character that is another area's now. */
const CROSSED = 9

/**
 * What the gateway knows of one area: each entity's newest public bytes in a numbered slot, and a grid over their
 * places. It is a copy that may be thrown away; it has no authority. Slots are reused, handles never: a viewer that
 * remembers (slot, handle) sees that the slot has changed hands.
 */
export class AreaGhosts implements FeedListener {
  readonly info: AreaInfo
  tick = 0
  /** Entities that found no room since the start. */
  dropped = 0
  /** Bytes of the feed that couldn't be read since the start. */
  unreadable = 0
  xMm = new Float64Array(FIRST_CAPACITY)
  yMm = new Float64Array(FIRST_CAPACITY)
  /** 0 when the slot is free. */
  handles = new Float64Array(FIRST_CAPACITY)
  /** Grows with each change of a slot's bytes. */
  versions = new Uint32Array(FIRST_CAPACITY)
  /** 1 for characters and NPCs. */
  lives = new Uint8Array(FIRST_CAPACITY)
  /** Slots in use are below this. */
  slotEnd = 0
  /** Number of the next event; the oldest one kept is `nextEvent - events.length`. */
  nextEvent = 0
  readonly events: GhostEvent[] = []

  private readonly maxEntities: number
  private readonly maxEvents: number
  private readonly newHandle: () => number
  private readonly crossed: (player: string, to: string) => void
  private tickHeardMs = 0
  private nowMs = 0
  private readonly tickMs: number
  private readonly slotOfId = new Map<string, number>()
  private readonly slotOfPlayer = new Map<string, number>()
  private readonly free: number[] = []
  private forms: (PublicForm | undefined)[] = []
  private bytes: (Uint8Array | undefined)[] = []
  private pieces: (Uint8Array | undefined)[] = []
  private cells = new Int32Array(1)
  private cellSlots = new Int32Array(FIRST_CAPACITY)
  private readonly cellsPerSide: number
  private readonly cellMm: number

  constructor(
    info: AreaInfo,
    options: {
      readonly maxEntities: number
      readonly maxEvents: number
      readonly tickMs: number
      readonly newHandle: () => number
      readonly crossed: (player: string, to: string) => void
    },
  ) {
    this.crossed = options.crossed
    this.info = info
    this.maxEntities = options.maxEntities
    this.maxEvents = options.maxEvents
    this.tickMs = options.tickMs
    this.newHandle = options.newHandle
    this.cellsPerSide = Math.min(MAX_CELLS_PER_SIDE, Math.max(1, Math.ceil(info.sideMm / CELL_MM)))
    this.cellMm = Math.max(CELL_MM, Math.ceil(info.sideMm / this.cellsPerSide))
  }

  get size(): number {
    return this.slotOfId.size
  }

  state(tick: number, _leaf: number, entities: Uint8Array[]): void {
    const kept = new Set<string>()
    for (const bytes of entities) {
      const id = this.put(bytes)
      if (id !== undefined) kept.add(id)
    }
    for (const id of [...this.slotOfId.keys()]) if (!kept.has(id)) this.remove(id)
    this.heardTick(tick)
    this.sortIntoCells()
  }

  delta(tick: number, _leaf: number, changed: Uint8Array[], removed: string[], events: Uint8Array[]): void {
    for (const event of events) if (event[0] === CROSSED) this.noteCrossed(event)
    for (const id of removed) this.remove(id)
    for (const bytes of changed) this.put(bytes)
    for (const event of events) this.putEvent(event)
    this.heardTick(tick)
  }

  /** Whose it is has to be looked up before it is removed. */
  private noteCrossed(bytes: Uint8Array): void {
    const event = decodeEvent(bytes)
    if (event?.kind !== 'crossed') return
    const slot = this.slotOfId.get(event.entity)
    const player = slot === undefined ? undefined : this.forms[slot]?.player
    if (player !== undefined) this.crossed(player, event.target)
  }

  lost(): void {
    // What is known stays in sight until the next state says what has become of it.
  }

  /** The slot of the player's own entity, by the hex of the player's key. */
  playerSlot(player: string): number | undefined {
    return this.slotOfPlayer.get(player)
  }

  /** The area's tick now: the last one heard, and the time since, for at most two seconds. */
  tickAt(nowMs: number): number {
    const ahead = Math.floor((nowMs - this.tickHeardMs) / this.tickMs)
    return this.tick + Math.min(20, Math.max(0, ahead))
  }

  /** Moves everything to where it is now and sorts it into the grid. Once per round, not once per client. */
  settle(nowMs: number): void {
    this.nowMs = nowMs
    const tick = this.tickAt(nowMs)
    for (let slot = 0; slot < this.slotEnd; slot++) {
      const form = this.forms[slot]
      if (form !== undefined) this.place(slot, form, tick)
    }
    this.sortIntoCells()
  }

  /** The slot's `View.seen` piece: encoded when first asked for, then the same bytes for every client. */
  piece(slot: number): Uint8Array {
    const ready = this.pieces[slot]
    if (ready !== undefined) return ready
    const piece = seenPiece(this.handles[slot]!, this.bytes[slot]!)
    this.pieces[slot] = piece
    return piece
  }

  /** Writes the slots that lie in cells within reach of the circle into `found`; returns how many. */
  near(xMm: number, yMm: number, radiusMm: number, found: Int32Array): number {
    const x0 = this.column(xMm - radiusMm, this.info.xMm)
    const x1 = this.column(xMm + radiusMm, this.info.xMm)
    const y0 = this.column(yMm - radiusMm, this.info.yMm)
    const y1 = this.column(yMm + radiusMm, this.info.yMm)
    let count = 0
    for (let y = y0; y <= y1; y++) {
      const row = y * this.cellsPerSide
      // Cells of one row lie side by side, and so do their slots.
      const end = this.cells[row + x1 + 1] ?? 0
      for (let i = this.cells[row + x0] ?? 0; i < end; i++) found[count++] = this.cellSlots[i]!
    }
    return count
  }

  private heardTick(tick: number): void {
    this.tick = tick
    this.tickHeardMs = this.nowMs
  }

  private put(bytes: Uint8Array): string | undefined {
    const form = readForm(bytes)
    if (form === undefined) {
      this.unreadable++
      return undefined
    }
    const slot = this.slotOfId.get(form.id) ?? this.newSlot(form.id)
    if (slot === undefined) {
      this.dropped++
      return undefined
    }
    this.forms[slot] = form
    this.bytes[slot] = bytes
    this.lives[slot] = form.lives ? 1 : 0
    this.pieces[slot] = undefined
    this.versions[slot] = (this.versions[slot]! + 1) >>> 0 || 1
    this.place(slot, form, this.tick)
    if (form.player !== undefined) this.slotOfPlayer.set(form.player, slot)
    return form.id
  }

  private place(slot: number, form: PublicForm, tick: number): void {
    const { xMm, yMm } = placeOfForm(form, tick)
    this.xMm[slot] = xMm
    this.yMm[slot] = yMm
  }

  private newSlot(id: string): number | undefined {
    if (this.slotOfId.size >= this.maxEntities) return undefined
    const slot = this.free.pop() ?? this.slotEnd++
    if (slot >= this.handles.length) this.grow()
    this.slotOfId.set(id, slot)
    this.handles[slot] = this.newHandle()
    return slot
  }

  private remove(id: string): void {
    const slot = this.slotOfId.get(id)
    if (slot === undefined) return
    const player = this.forms[slot]?.player
    if (player !== undefined && this.slotOfPlayer.get(player) === slot) this.slotOfPlayer.delete(player)
    this.slotOfId.delete(id)
    this.handles[slot] = 0
    this.forms[slot] = undefined
    this.bytes[slot] = undefined
    this.pieces[slot] = undefined
    this.free.push(slot)
  }

  private putEvent(bytes: Uint8Array): void {
    const place = placeOfEvent(bytes)
    if (place === undefined) {
      this.unreadable++
      return
    }
    this.events.push({ ...place, piece: eventPiece(bytes) })
    this.nextEvent++
    if (this.events.length > 2 * this.maxEvents) this.events.splice(0, this.events.length - this.maxEvents)
  }

  private grow(): void {
    const capacity = this.handles.length * 2
    this.xMm = grown(this.xMm, new Float64Array(capacity))
    this.yMm = grown(this.yMm, new Float64Array(capacity))
    this.handles = grown(this.handles, new Float64Array(capacity))
    this.versions = grown(this.versions, new Uint32Array(capacity))
    this.lives = grown(this.lives, new Uint8Array(capacity))
    this.cellSlots = new Int32Array(capacity)
  }

  /** A counting sort; places outside the area count to the cells at its edge. */
  private sortIntoCells(): void {
    const side = this.cellsPerSide
    if (this.cells.length !== side * side + 1) this.cells = new Int32Array(side * side + 1)
    const cells = this.cells.fill(0)
    for (let slot = 0; slot < this.slotEnd; slot++) if (this.handles[slot] !== 0) cells[this.cellOf(slot)]!++
    let sum = 0
    for (let cell = 0; cell < cells.length; cell++) {
      sum += cells[cell]!
      cells[cell] = sum
    }
    // Filled from each cell's end, so that afterwards `cells` holds the beginnings.
    for (let slot = 0; slot < this.slotEnd; slot++) {
      if (this.handles[slot] !== 0) this.cellSlots[--cells[this.cellOf(slot)]!] = slot
    }
  }

  private cellOf(slot: number): number {
    return (
      this.column(this.yMm[slot]!, this.info.yMm) * this.cellsPerSide +
      this.column(this.xMm[slot]!, this.info.xMm)
    )
  }

  private column(atMm: number, originMm: number): number {
    const column = Math.floor((atMm - originMm) / this.cellMm)
    return Math.min(this.cellsPerSide - 1, Math.max(0, column))
  }
}

function grown<T extends Float64Array | Uint32Array | Uint8Array>(old: T, larger: T): T {
  larger.set(old)
  return larger
}
