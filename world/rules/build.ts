import type { Area, Slot } from '../area.ts'
import type { Request } from '../codec/input.ts'
import { PLAYER_BYTES, SIGNATURE_BYTES, signatureMessage } from '../codec/input.ts'
import type { Character } from '../entity.ts'
import { BUILD_REACH_MM, MAX_STRUCTURES, STRUCTURES } from '../limits.ts'
import { isInside, isWithin, positionAt, standing } from '../motion.ts'
import { isProtected } from './place.ts'
import { type Verdict, verdict } from './verdict.ts'

type BuildAction = Extract<Request['action'], { kind: 'build' }>

/** Puts up a structure for good. `ok` carries its id. The signature is looked at last: it is by far the dearest check. */
export function build(
  area: Area,
  actor: Slot<Character>,
  action: BuildAction,
  input: Request,
  body: Uint8Array,
): Verdict {
  const { entity } = actor
  const rule = STRUCTURES[action.structure]!
  const position = positionAt(entity.motion, area.tick)
  const { xMm, yMm } = action
  if (!isWithin(position, action, BUILD_REACH_MM)) return verdict('out-of-reach', BUILD_REACH_MM)
  const corners = isInside(area.charter, xMm - rule.halfMm, yMm - rule.halfMm)
  if (!corners || !isInside(area.charter, xMm + rule.halfMm, yMm + rule.halfMm))
    return verdict('outside-area')
  if (isProtected(area, action)) return verdict('protected')
  if (area.grid.overlaps(xMm, yMm, rule.halfMm)) return verdict('overlap')
  const missing = rule.cost.findIndex((cost, item) => entity.items[item]! < cost)
  if (missing >= 0) return verdict('not-enough', missing)
  if (area.counts.structure >= MAX_STRUCTURES) return verdict('too-many-structures', MAX_STRUCTURES)
  if (!isSigned(area, input, body)) return verdict('bad-signature')

  for (let item = 0; item < rule.cost.length; item++) entity.items[item]! -= rule.cost[item]!
  area.touch(actor)
  const structure = area.add({
    kind: 'structure',
    ...area.birth(),
    motion: standing(xMm, yMm, area.tick),
    structure: action.structure,
    builder: entity.id,
  })
  area.emit({
    kind: 'built',
    tick: area.tick,
    xMm,
    yMm,
    entity: entity.id,
    structureId: structure.entity.id,
    structure: action.structure,
  })
  return verdict('ok', undefined, structure.entity.id)
}

function isSigned(area: Area, { signature }: Request, body: Uint8Array): boolean {
  if (!signature) return false
  const { host } = area
  // A session goes on signing for the log in which it was opened, wherever it has come to.
  const origin = area.playerOf(body)?.record.log ?? host.origin
  const message = signatureMessage(origin, body.subarray(0, body.length - SIGNATURE_BYTES))
  return host.verifySignature(body.slice(0, PLAYER_BYTES), message, signature)
}
