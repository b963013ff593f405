import type { Area, PlayerSlot } from '../area.ts'
import type { Request } from '../codec/input.ts'
import { MAX_SPEED_MM_PER_TICK } from '../limits.ts'
import { isMoving, leaning, moving, positionAt } from '../motion.ts'
import { build } from './build.ts'
import { isDead, strike } from './combat.ts'
import { gather } from './gather.ts'
import { look } from './look.ts'
import { fallAsleep, wake } from './presence.ts'
import { DONE, type Verdict, verdict } from './verdict.ts'

/** Decides one action of a player whose session and seq are right. `body` is the input's own bytes. */
export function act(area: Area, player: PlayerSlot, input: Request, body: Uint8Array): Verdict {
  const { action } = input
  const slot = player.character
  const character = slot.entity
  if (action.kind === 'spawn') return wake(area, player)
  if (!character.awake) return verdict('asleep')
  if (isDead(character)) return verdict('dead', character.respawnTick)
  switch (action.kind) {
    case 'move':
      return move(area, player, action.vxMmPerTick, action.vyMmPerTick)
    case 'gather':
      return gather(area, slot, action.resource)
    case 'build':
      return build(area, slot, action, input, body)
    case 'strike':
      return strike(area, slot, action.target, area.drawFor(character))
    case 'leave':
      if (area.tick < character.combatUntilTick) return verdict('in-combat', character.combatUntilTick)
      fallAsleep(area, player, false)
      return DONE
    case 'look':
      return look(area, action.target, action.aspect)
  }
}

/** A course and a speed, kept until changed or until the border: where that is open, it waits there to go over. Zero stops. */
function move(area: Area, { character: slot }: PlayerSlot, vx: number, vy: number): Verdict {
  const { entity } = slot
  if (vx * vx + vy * vy > MAX_SPEED_MM_PER_TICK * MAX_SPEED_MM_PER_TICK) {
    return verdict('too-fast', MAX_SPEED_MM_PER_TICK)
  }
  const { motion } = entity
  if (motion.vxMmPerTick === vx && motion.vyMmPerTick === vy) return DONE
  const at = positionAt(motion, area.tick)
  const next = moving(area.charter, at, vx, vy, area.tick)
  const isStopped = (vx !== 0 || vy !== 0) && !isMoving(next)
  if (isStopped && area.charter.borders !== 'open') return verdict('at-border')
  entity.motion = isStopped ? leaning(at, { vxMmPerTick: vx, vyMmPerTick: vy }, area.tick) : next
  area.touch(slot)
  if (isStopped) area.atBorder.add(slot)
  return DONE
}
