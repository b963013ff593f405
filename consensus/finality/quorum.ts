/** How many of n members may lie without anything being lost: f = ⌊(n − 1) / 3⌋. */
export function toleratedLiars(members: number): number {
  return Math.floor((members - 1) / 3)
}

/** q = ⌈(n + f + 1) / 2⌉: any two quorums share at least f + 1 members, so one that does not lie. */
export function quorumSize(members: number): number {
  return Math.ceil((members + toleratedLiars(members) + 1) / 2)
}
