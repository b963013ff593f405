import { drain, stored } from './draining.ts'
import { encodeLiveness } from './frame.ts'
import { contain, count, type HostParts } from './parts.ts'
import { type Effects, GroupError, type WriteEffect } from './types.ts'

export interface CycleOptions {
  /** A batch even if Raft needs none. */
  readonly flush: boolean
  /** A batch for what can wait, too. */
  readonly lazy: boolean
}

/** All that is to be done now. */
export function takeCycle(parts: HostParts, { flush, lazy }: CycleOptions): Effects {
  for (const hosted of parts.dirty) contain(parts, hosted, () => drain(parts, hosted))
  parts.dirty.clear()
  const write = takeWrite(parts, flush, lazy)
  const frames = parts.outbox.takeFrames(parts.settings.limits.maxFrameBytes)
  // Last: what it promises is without the groups that the frames before it have taken out.
  for (const { peer, message } of parts.clocks.liveness.takeMessages()) {
    frames.push({ peer, lane: 0, frame: encodeLiveness(message) })
  }
  return parts.effects.take(frames, write)
}

function takeWrite(parts: HostParts, flush: boolean, lazy: boolean): WriteEffect | undefined {
  const { clocks, writes, disk } = parts
  const promisedMs = clocks.liveness.takeToRemember()
  if (promisedMs > 0) writes.remember(promisedMs)
  else if (disk.probeIsDue) writes.remember(clocks.liveness.promisedMs)
  const write = writes.take(flush, lazy)
  if (write !== undefined) disk.began()
  return write
}

/** The write of this cycle is durable (or, if it asked for no sync, done). */
export function cyclePersisted(parts: HostParts, cycle: number): void {
  const written = parts.writes.persisted(cycle)
  if (written === undefined)
    throw new GroupError('unknown-cycle', 0, `No write of cycle ${cycle} is in flight.`)
  parts.disk.ended()
  parts.clocks.liveness.remembered(written.promisedMs)
  for (const step of written.steps) contain(parts, step.group, () => stored(parts, step))
}

/** What can't be written can't be led: others may, as soon as our node's support runs out. */
export function watchDisk(parts: HostParts): void {
  const stalled = parts.disk.isStalled
  if (stalled === parts.clocks.diskIsStalled) return
  parts.clocks.diskIsStalled = stalled
  if (!stalled) return
  count(parts, 'disk-stalled')
  for (const hosted of parts.groups.values()) {
    if (hosted.node.role !== 'leader') continue
    hosted.node.stepDown()
    parts.dirty.add(hosted)
  }
}
