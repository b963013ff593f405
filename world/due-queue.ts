/** Something that is due at a tick. The queue keeps `dueIndex`; −1 is not queued. */
export interface Due {
  readonly dueId: string
  dueTick: number
  dueIndex: number
}

/**
 * A binary heap in (tick, id) order in which every member knows its place, so that changing a course moves one entry
 * instead of leaving a stale one behind. It follows from the state and is not part of it.
 */
export class DueQueue<T extends Due> {
  private readonly heap: T[] = []

  get size(): number {
    return this.heap.length
  }

  first(): T | undefined {
    return this.heap[0]
  }

  /** Infinity when nothing is due. */
  nextTick(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : this.heap[0]!.dueTick
  }

  /** Infinity takes it out. */
  schedule(item: T, tick: number): void {
    if (tick === Number.POSITIVE_INFINITY) {
      this.remove(item)
      return
    }
    const old = item.dueTick
    item.dueTick = tick
    if (item.dueIndex < 0) {
      item.dueIndex = this.heap.length
      this.heap.push(item)
      this.up(item)
    } else if (tick < old) this.up(item)
    else if (tick > old) this.down(item)
  }

  remove(item: T): void {
    if (item.dueIndex < 0) return
    const last = this.heap.pop()!
    if (last !== item) {
      this.heap[item.dueIndex] = last
      last.dueIndex = item.dueIndex
      this.up(last)
      this.down(last)
    }
    item.dueIndex = -1
  }

  private up(item: T): void {
    let index = item.dueIndex
    while (index > 0) {
      const parent = this.heap[(index - 1) >> 1]!
      if (!before(item, parent)) break
      this.heap[index] = parent
      parent.dueIndex = index
      index = (index - 1) >> 1
    }
    this.heap[index] = item
    item.dueIndex = index
  }

  private down(item: T): void {
    const { heap } = this
    let index = item.dueIndex
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      const smaller = heap[child]!
      if (!before(smaller, item)) break
      heap[index] = smaller
      smaller.dueIndex = index
      index = child
    }
    heap[index] = item
    item.dueIndex = index
  }
}

const before = (a: Due, b: Due): boolean =>
  a.dueTick < b.dueTick || (a.dueTick === b.dueTick && a.dueId < b.dueId)
