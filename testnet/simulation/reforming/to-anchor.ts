import type { Ballots } from './ballots.ts'
import type { Proof, SimMember } from './member.ts'

/** Those that changed the members since, and the newest. */
export function toAnchor(ballots: Ballots, { told, known }: SimMember): Uint8Array[] {
  const least = (told?.anchor?.height ?? 0) + (told?.row === undefined ? 1 : 0)
  const isNew = ({ kind, spot }: Proof): boolean =>
    kind === 2 && spot.height >= least && spot.epoch >= (told?.epoch ?? 0)
  const proofs = [...known.values()].filter(isNew)
  proofs.sort((a, b) => a.spot.epoch - b.spot.epoch || a.spot.height - b.spot.height)
  const activates = ({ spot }: Proof): boolean => ballots.seals.get(spot.hash)!.nextMembers.length > 0
  return proofs
    .filter((proof, i) => activates(proof) || i === proofs.length - 1)
    .map(({ bytes }) => bytes)
    .slice(0, 8)
}
