import { beginHold } from './holding.ts'
import { type HostedGroup, openGroup } from './hosted-group.ts'
import { closeGroup, type HostParts } from './parts.ts'
import type { RecoveredGroup } from './raft-disk.ts'
import { resumeRejoin } from './rejoin.ts'
import { GroupError, type GroupOptions } from './types.ts'

/** A newer instance takes the place of an older one. @throws GroupError */
export function openIn(parts: HostParts, options: GroupOptions, recovered: RecoveredGroup | undefined): void {
  const open = parts.groups.get(options.group)
  if (open !== undefined) {
    const order = options.epoch - open.instance.epoch || options.view - open.instance.view
    const code = order === 0 ? 'already-open' : 'older-instance'
    if (order <= 0) throw new GroupError(code, options.group, `Group ${options.group} is open already.`)
    closeGroup(parts, options.group)
  }
  const { maxGroups } = parts.settings.limits
  if (parts.groups.size >= maxGroups) {
    throw new GroupError('too-many-groups', options.group, `This node holds ${maxGroups} groups, its limit.`)
  }
  const group = openGroup(parts.settings, options, recovered)
  const oldest = recovered?.oldestCovered ?? 0
  if (oldest > 0) parts.writes.removeCovered(group.instance, oldest, group.firstStored - 1)
  parts.groups.set(options.group, group)
  parts.departed.delete(options.group)
  beginHold(parts, group, options.holdMs ?? 0)
  parts.clocks.open(group)
  resumeRejoin(parts, group)
  parts.dirty.add(group)
  if (group.firstLeader !== 0) announce(parts, group)
}

/** Who opens an instance after the others finds them connected, and its leader does not know that somebody listens now. */
function announce(parts: HostParts, { instance, node }: HostedGroup): void {
  for (const { id } of node.raft.tracker.members) {
    if (id !== parts.settings.self && parts.peersUp.has(id))
      parts.outbox.addNotes(id, 0, instance, { wake: true })
  }
}
