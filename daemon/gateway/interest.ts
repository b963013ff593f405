import { ViewFrame } from './frames.ts'
import type { AreaGhosts } from './ghosts.ts'

/** Where a client looks, in millimetres. */
export interface Sight {
  xMm: number
  yMm: number
  radiusMm: number
  limit: number
}

/** Who is seen is decided anew every so many rounds; between them only changes are sent. */
export const ROUNDS_PER_SURVEY = 5
/** What is seen stays seen until it is this much farther away, so that nothing flickers at the edge. */
const STAY = 1.15
/** Farther than this part of the radius, changes are only sent at surveys. */
const NEAR = 0.5

/** What grows or stands counts as so much farther away: else a thicket would hide all who live there. */
const LIFELESS_FACTOR = 4

/** Ranks are packed with their index into one number, so that selecting needs no second array: mm · 2^20 + index. */
const INDEX_SPACE = 2 ** 20

/** Puts the `wanted` smallest of the first `count` numbers in front, in any order (Hoare's quickselect). */
export function selectSmallest(numbers: Float64Array, count: number, wanted: number): void {
  let low = 0
  let high = count - 1
  while (low < high) {
    const pivot = numbers[(low + high) >>> 1]!
    let i = low
    let j = high
    while (i <= j) {
      while (numbers[i]! < pivot) i++
      while (numbers[j]! > pivot) j--
      if (i > j) break
      const swapped = numbers[i]!
      numbers[i++] = numbers[j]!
      numbers[j--] = swapped
    }
    if (wanted - 1 <= j) high = j
    else if (wanted - 1 >= i) low = i
    else return
  }
}

/** Shared by all clients: what one survey needs while it runs. */
export class Scratch {
  found = new Int32Array(1024)
  ranks = new Float64Array(1024)
  /** Per slot: 1 + index in the client's list, valid when `stamps` has this survey's number. */
  places = new Int32Array(1024)
  stamps = new Uint32Array(1024)
  stamp = 0
  readonly frame = new ViewFrame()

  begin(slots: number): void {
    if (slots > this.found.length) {
      const capacity = 2 ** Math.ceil(Math.log2(slots))
      this.found = new Int32Array(capacity)
      this.ranks = new Float64Array(capacity)
      this.places = new Int32Array(capacity)
      this.stamps = new Uint32Array(capacity)
      this.stamp = 0
    }
    this.stamp++
  }
}

/**
 * What one client sees of an area, and which version of it the client has. Lists of numbers and not objects: hundreds
 * of these are gone through ten times a second.
 */
export class Interest {
  readonly ghosts: AreaGhosts
  nextEvent: number
  private count = 0
  private slots: Int32Array
  private handles: Float64Array
  private sent: Uint32Array
  private near: Uint8Array
  private reset = true

  constructor(ghosts: AreaGhosts, limit: number) {
    this.ghosts = ghosts
    this.nextEvent = ghosts.nextEvent
    this.slots = new Int32Array(limit)
    this.handles = new Float64Array(limit)
    this.sent = new Uint32Array(limit)
    this.near = new Uint8Array(limit)
  }

  get size(): number {
    return this.count
  }

  /** The client's next view, or undefined when there is nothing new. `survey` decides anew who is seen. */
  view(sight: Sight, survey: boolean, area: number, nowMs: number, scratch: Scratch): Uint8Array | undefined {
    const frame = scratch.frame
    this.dropGone(frame)
    if (survey) this.survey(sight, scratch)
    this.sendChanges(survey, frame)
    this.sendEvents(sight, frame)
    if (frame.empty && !this.reset) return undefined
    const reset = this.reset
    this.reset = false
    return frame.finish(area, this.ghosts.tickAt(nowMs), reset)
  }

  private dropGone(frame: ViewFrame): void {
    const { handles } = this.ghosts
    for (let i = this.count - 1; i >= 0; i--) {
      if (handles[this.slots[i]!] !== this.handles[i]) this.drop(i, frame)
    }
  }

  private drop(index: number, frame: ViewFrame): void {
    if (this.sent[index] !== 0) frame.gone.push(this.handles[index]!)
    const last = --this.count
    this.slots[index] = this.slots[last]!
    this.handles[index] = this.handles[last]!
    this.sent[index] = this.sent[last]!
    this.near[index] = this.near[last]!
  }

  private survey(sight: Sight, scratch: Scratch): void {
    const { ghosts } = this
    scratch.begin(ghosts.slotEnd)
    for (let i = 0; i < this.count; i++) {
      scratch.places[this.slots[i]!] = i
      scratch.stamps[this.slots[i]!] = scratch.stamp
    }
    const candidates = ghosts.near(sight.xMm, sight.yMm, sight.radiusMm * STAY, scratch.found)
    const ranked = this.rank(sight, candidates, scratch)
    const chosen = Math.min(ranked, sight.limit, this.slots.length)
    if (ranked > chosen) selectSmallest(scratch.ranks, ranked, chosen)
    this.choose(chosen, sight, scratch)
  }

  private factor(slot: number): number {
    return this.ghosts.lives[slot] === 1 ? 1 : LIFELESS_FACTOR
  }

  /** Packs the candidates in reach; what is seen already counts as a little nearer than it is. */
  private rank(sight: Sight, candidates: number, scratch: Scratch): number {
    const { ghosts } = this
    let ranked = 0
    for (let c = 0; c < candidates; c++) {
      const slot = scratch.found[c]!
      // It has gone since all were sorted into the grid.
      if (ghosts.handles[slot] === 0) continue
      const dx = ghosts.xMm[slot]! - sight.xMm
      const dy = ghosts.yMm[slot]! - sight.yMm
      const known = scratch.stamps[slot] === scratch.stamp
      const distance = Math.sqrt(dx * dx + dy * dy) / (known ? STAY : 1)
      if (distance > sight.radiusMm) continue
      scratch.ranks[ranked++] = Math.floor(distance * this.factor(slot)) * INDEX_SPACE + c
    }
    return ranked
  }

  private choose(chosen: number, sight: Sight, scratch: Scratch): void {
    const { ghosts } = this
    const wasCount = this.count
    const keep = scratch.ranks
    const nearMm = sight.radiusMm * NEAR
    // Slots that stay are marked by their stamp turning into 0; what is left with the stamp goes.
    let fresh = 0
    for (let r = 0; r < chosen; r++) {
      const slot = scratch.found[keep[r]! % INDEX_SPACE]!
      const near = Math.floor(keep[r]! / INDEX_SPACE) <= nearMm * this.factor(slot) ? 1 : 0
      if (scratch.stamps[slot] === scratch.stamp) {
        this.near[scratch.places[slot]!] = near
        scratch.stamps[slot] = 0
      } else {
        // Reuses the front of the same array: an entry is read before its place is written.
        keep[fresh++] = slot * 2 + near
      }
    }
    for (let i = wasCount - 1; i >= 0; i--) {
      if (scratch.stamps[this.slots[i]!] === scratch.stamp) this.drop(i, scratch.frame)
    }
    for (let f = 0; f < fresh; f++) {
      const slot = Math.floor(keep[f]! / 2)
      const at = this.count++
      this.slots[at] = slot
      this.handles[at] = ghosts.handles[slot]!
      this.sent[at] = 0
      this.near[at] = keep[f]! % 2
    }
  }

  private sendChanges(all: boolean, frame: ViewFrame): void {
    const { versions } = this.ghosts
    for (let i = 0; i < this.count; i++) {
      const slot = this.slots[i]!
      const version = versions[slot]!
      if (version === this.sent[i] || !(all || this.near[i] === 1)) continue
      this.sent[i] = version
      frame.add(this.ghosts.piece(slot))
    }
  }

  private sendEvents(sight: Sight, frame: ViewFrame): void {
    const { events, nextEvent } = this.ghosts
    const oldest = nextEvent - events.length
    for (let n = Math.max(this.nextEvent, oldest); n < nextEvent; n++) {
      const event = events[n - oldest]!
      const dx = event.xMm - sight.xMm
      const dy = event.yMm - sight.yMm
      if (dx * dx + dy * dy <= sight.radiusMm * sight.radiusMm) frame.add(event.piece)
    }
    this.nextEvent = nextEvent
  }
}
